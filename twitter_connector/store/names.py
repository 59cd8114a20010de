"""Customers' names, for the rest of a day: X bills each look-up of a profile."""

from __future__ import annotations

import json
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.event import Person

NAME_SECONDS = keys.NAME_SECONDS


class NamesStore:
    """Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def known(self, account_id: str, customer_id: str) -> Person | None:
        """Return the customer's names, which are "" if X returned none; None if they are not stored."""
        with store_errors():
            row: str | None = self._client.get(_key(account_id, customer_id))  # type: ignore[assignment]
        return Person(customer_id, *json.loads(row)) if row else None

    def keep(self, account_id: str, person: Person) -> None:
        """Store a customer's names for a day."""
        with store_errors():
            row = json.dumps([person.name, person.screen_name])
            self._client.set(_key(account_id, person.id), row, ex=NAME_SECONDS)


def _key(account_id: str, customer_id: str) -> str:
    return keys.NAME.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
