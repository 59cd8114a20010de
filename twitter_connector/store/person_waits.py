"""Until when the messages of an account wait for a person, and what X refuses meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.timestamps import epoch_ms, moment

from .accounts import Accounts


class PersonWaits:
    """What the retry policies of all workers note. Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis, accounts: Accounts, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._accounts = accounts
        self._clock = clock

    def note(self, account_id: str, until: datetime) -> None:
        """Record the moment until which messages of the account wait for a person."""
        self._accounts.note(account_id, waited_until=epoch_ms(until))

    def until(self, account_id: str) -> datetime | None:
        """Return the moment until which messages of the account wait for a person, or None."""
        ms = self._accounts.account_status(account_id).get("waited_until")
        return moment(ms) if ms else None

    def note_refusal(self, account_id: str, detail: str, until: datetime) -> None:
        """Record until then why X refuses an endpoint to the account, for a person to read."""
        seconds = max(1, round((until - self._clock()).total_seconds()))
        with store_errors():
            self._client.set(keys.REFUSAL.format(account=account_id), detail, ex=seconds)
