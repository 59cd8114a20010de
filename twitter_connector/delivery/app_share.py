"""Lets an account wait that has used its share of the messages that X lets its app send in 24 hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from twitter_connector.errors import Endpoint, RateLimited
from twitter_connector.model.account import V1, Account
from twitter_connector.model.app_day import AppDay
from twitter_connector.model.timestamps import iso

# How long a process may use the list of accounts that it last read.
ACCOUNTS_SECONDS = 30.0


class AppSendsPort(Protocol):
    """See store/app_sends.py."""

    def day(self, app: str) -> AppDay | None: ...


@dataclass
class AppShare:
    """accounts: returns all registered accounts."""

    sends: AppSendsPort
    accounts: Callable[[], Sequence[Account]]
    clock: Callable[[], datetime]
    _known: Sequence[Account] = ()
    _read_at: float = field(default=-ACCOUNTS_SECONDS)

    def check(self, account: Account) -> None:
        """Return if the account may send a message now. Raises RateLimited(app_share_used), and StoreUnavailable."""
        if account.flavour == V1:
            return  # API v1.1 limits accounts, not apps
        sharing = [other.id for other in self._all() if other.app == account.app and other.flavour != V1]
        day = self.sends.day(account.app) if len(sharing) > 1 else None
        if day is None:
            return
        now = self.clock()
        free_at = day.free_at(account.id, sharing, now)
        if free_at > now:
            raise RateLimited(
                "app_share_used",
                f"X lets the app send {day.limit} messages in 24 hours, which its {len(sharing)} accounts share. This "
                f"account has used its share. It goes on at {iso(free_at)} with what the others leave.",
                endpoint=Endpoint.SEND,
                until=free_at,
            )

    def _all(self) -> Sequence[Account]:
        if time.monotonic() - self._read_at >= ACCOUNTS_SECONDS:
            self._known, self._read_at = self.accounts(), time.monotonic()
        return self._known
