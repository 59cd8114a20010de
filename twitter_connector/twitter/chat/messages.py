"""Encrypted messages to customers: made once, then posted as often as needed. One object serves one account."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    OutcomeUnknown,
    Permanent,
    RecipientRefused,
    Retryable,
)
from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatStore
from twitter_connector.model.plan import SendDm

from ..chat_objects import sequence_in
from .calls import ChatCalls
from .codec import Session, session
from .keyring import Keyring
from .new_conversation import give_key

log = logging.getLogger(__name__)


class ChatMessages:
    """The encrypted messages of one account, whose keys are here. Raises what the calls raise."""

    def __init__(self, store: ChatStore, calls: Callable[[Account], ChatCalls], account: Account) -> None:
        self._store = store
        self._calls = calls(account)
        self._account = account

    def prepared(self, customer_id: str, step: SendDm, reply_to: str = "") -> str:
        """Return the encrypted message as it is posted. Each call makes another one: post the same text again.

        reply_to: X's sequence id of the message it answers; "" for none. Raises Retryable(upload_lost) if the file was
        encrypted with an older key.
        """
        keys = self._own_keys()
        with session(keys) as writer:
            keyring = self._keyring(writer, customer_id)
            version = keyring.present.latest
            attachment = _attachment(step.media_id, version)
            target, changes = self._answered(customer_id, reply_to) if reply_to else ("", [])
            body = writer.written(
                customer_id,
                step.text,
                (version, keyring.present.keys[version]),
                attachment=attachment,
                options=_options(step),
                answered=target,
                key_changes=changes,
            )
        return json.dumps(body)

    def post(self, customer_id: str, body: str) -> str:
        """Post an encrypted message and return X's sequence id of it, or the message's own id if X names none.

        The same text may be posted again: X has the message once. Raises OutcomeUnknown if it may have been sent,
        Retryable(chat_key_changed) if the conversation has a newer key, and RecipientRefused.
        """
        message: Mapping[str, Any] = json.loads(body)
        try:
            data = self._calls.post(customer_id, "messages", message, Endpoint.SEND)
        except Permanent as error:
            if error.status == 400:
                if self._renewed_key(customer_id):
                    raise Retryable("chat_key_changed", "The key of the encrypted conversation has changed.") from error
                raise error.extended(
                    "The conversation's keys at X were read again and explain nothing. Ask the customer to write once "
                    "more: her phone then renews the key."
                ) from error
            if error.status == 403 and error.reason == "request_refused":
                raise _refused(error) from error
            raise
        encoded = str(data.get("encoded_message_event") or "")
        if not encoded:
            raise OutcomeUnknown("outcome_unknown", "X's answer to a send names no message.", endpoint=Endpoint.SEND)
        return sequence_in(encoded) or str(message["message_id"])

    def show_typing(self, customer_id: str) -> None:
        """Show the customer, for some seconds, that somebody is typing."""
        self._calls.post(customer_id, "typing", {}, Endpoint.TYPING)

    def mark_read(self, customer_id: str, sequence_id: str) -> None:
        """Mark the encrypted conversation as read up to the customer's message."""
        self._calls.post(customer_id, "read", {"seen_until_sequence_id": sequence_id}, Endpoint.MARK_READ)

    def _own_keys(self) -> Any:
        keys = self._store.keys(self._account.id)
        if keys is None:
            raise Permanent(
                "chat_keys_missing",
                f"The X Chat keys of account {self._account.id} are not here any more. Run `twitter-connector xchat "
                f"unlock {self._account.id}`, then replay the dead letter.",
                ours=True,
            )
        return keys

    def _keyring(self, writer: Session, customer_id: str) -> Keyring:
        """Return the conversation's keys, at least one of them. The customer wrote first, so there is one as a rule."""
        keyring = Keyring(self._store, self._calls, writer, self._account.id, customer_id)
        if not keyring.present.latest:
            keyring.look_up()
        if not keyring.present.latest:
            give_key(self._calls, writer, keyring, customer_id)
        keyring.save()
        return keyring

    def _renewed_key(self, customer_id: str) -> bool:
        """Look the conversation's keys up and return whether there is a newer one than before. Make one if only the
        customer's own keys are newer, as on a new phone."""
        with session(self._own_keys()) as writer:
            keyring = Keyring(self._store, self._calls, writer, self._account.id, customer_id)
            before, of_customer = keyring.present.latest, keyring.present.newest_of(customer_id)
            keyring.look_up()
            newer = of_customer and keyring.present.newest_of(customer_id) != of_customer
            if newer and keyring.present.latest == before:
                try:
                    give_key(self._calls, writer, keyring, customer_id)
                except Permanent as error:
                    log.warning("chat_key_not_renewed", extra={"reason": error.reason, "status": error.status})
            keyring.save()
        return keyring.present.latest != before

    def _answered(self, customer_id: str, sequence_id: str) -> tuple[str, list[str]]:
        """Return the event that a message answers and the key changes beside it; ("", []) if X does not show it."""
        try:
            events, changes = self._calls.events(customer_id)
        except ConnectorError as error:
            log.info("not_quoted", extra={"reason": error.reason})
            return "", []
        return next((event for event in events if sequence_in(event) == sequence_id), ""), changes


def _attachment(media_id: str, version: str) -> Mapping[str, Any] | None:
    """Return the description of an uploaded file. media_id: as ChatUploads returns it."""
    if not media_id:
        return None
    described: dict[str, Any] = json.loads(media_id)
    if described.pop("key_version") != version:
        raise Retryable("upload_lost", "The conversation's key has changed, so the upload starts again.")
    return described


def _options(step: SendDm) -> list[dict[str, str]]:
    return [
        {"id": str(number), "label": option.label, "metadata": option.metadata, "description": option.description}
        for number, option in enumerate(step.quick_replies, start=1)
    ]


def _refused(error: Permanent) -> RecipientRefused:
    return RecipientRefused(
        "recipient_closed",
        "The customer does not accept encrypted messages from this account (HTTP 403).",
        status=error.status,
        words=error.words,
        endpoint=error.endpoint,
    )
