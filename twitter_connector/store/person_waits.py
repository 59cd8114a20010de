"""Until when the messages of an account wait for a person."""

from __future__ import annotations

from datetime import datetime

from twitter_connector.model.timestamps import epoch_ms, moment

from .accounts import Accounts


class PersonWaits:
    """What the retry policies of all workers note. Raises StoreUnavailable."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def note(self, account_id: str, until: datetime) -> None:
        """Record the moment until which messages of the account wait for a person."""
        self._accounts.note(account_id, waited_until=epoch_ms(until))

    def until(self, account_id: str) -> datetime | None:
        """Return the moment until which messages of the account wait for a person, or None."""
        ms = self._accounts.account_status(account_id).get("waited_until")
        return moment(ms) if ms else None
