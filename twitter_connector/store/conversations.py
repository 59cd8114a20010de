"""Stores the options customers were offered, for their answers, and the X event of each CIM message, for read marks."""

from __future__ import annotations

import json
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.plan import Asked, Choice
from twitter_connector.model.work import Direction


class Conversations:
    """Open questions and origins of messages. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def ask(self, account_id: str, customer_id: str, asked: Asked | None) -> None:
        """Store the options about to be sent. None: another message is sent, which closes an open question."""
        question = keys.QUESTION.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
        with store_errors():
            if asked is None:
                self._client.delete(question)
                return
            choices = [[c.number, c.title, c.payload] for c in asked.choices]
            pipe = self._client.pipeline(transaction=True)
            pipe.set(_asked(account_id, asked.message_id), json.dumps([asked.numbered, choices]), ex=keys.SENT_SECONDS)
            if asked.numbered:
                pipe.set(question, asked.message_id, ex=keys.QUESTION_SECONDS)
            else:
                pipe.delete(question)
            pipe.execute()

    def named(self, account_id: str, message_id: str) -> Asked | None:
        """Return the options of one BUTTON message, or None if they are not stored any more."""
        with store_errors():
            row: str | None = self._client.get(_asked(account_id, message_id))  # type: ignore[assignment]
        if row is None:
            return None
        numbered, choices = json.loads(row)
        return Asked(message_id, tuple(Choice(*choice) for choice in choices), numbered)

    def open_one(self, account_id: str, customer_id: str) -> Asked | None:
        """Return the numbered question that is open for the customer, or None if another message came after it."""
        question = keys.QUESTION.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
        with store_errors():
            message_id: str | None = self._client.get(question)  # type: ignore[assignment]
        return self.named(account_id, message_id) if message_id else None

    def event_of(self, account_id: str, message_id: str) -> str | None:
        """Return the id of the X event that a CIM message was made from, or None."""
        with store_errors():
            event_id: str | None = self._client.get(
                keys.LINK.format(account=quote(account_id, safe=""), id=quote(message_id, safe=""))
            )  # type: ignore[assignment]
        return event_id

    def any_waiting(self, account_id: str, lane: str) -> bool:
        """Return whether messages of a customer's lane are on their way to CCM, which may have the first already."""
        account, lane = quote(account_id, safe=""), quote(lane, safe="~")
        with store_errors():
            return bool(self._client.exists(keys.QUEUE.format(direction=Direction.IN, account=account, lane=lane)))


def _asked(account_id: str, message_id: str) -> str:
    return keys.ASKED.format(account=quote(account_id, safe=""), id=quote(message_id, safe=""))
