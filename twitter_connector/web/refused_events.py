"""Accounts whose events or challenges this process had to answer 503.

Twitter repeats such an event for minutes only, and may switch the webhook off; so once the broker is back the accounts
are looked at, and what was missed is read back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from twitter_connector.accounts.gaps import open_gap_at
from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import moment

log = logging.getLogger(__name__)

# Ids come from outside, and while the broker is away nobody can say which of them are registered.
ACCOUNTS_MAX = 1000


class RefusedEvents:
    """Account id -> epoch ms since which events of it were refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, int] = {}

    @contextmanager
    def noting(self, account_id: str) -> Iterator[None]:
        """Note the account where the store is not available; the error goes on."""
        try:
            yield
        except StoreUnavailable:
            with self._lock:
                if len(self._since) < ACCOUNTS_MAX:
                    self._since.setdefault(account_id, int(time.time() * 1000))
            raise

    def tell(self, services: Services) -> None:
        """Have these accounts looked at, where there are any and the broker is back. Costs nothing otherwise."""
        if not self._since or services.inbox.away:
            return
        with self._lock:
            told, self._since = self._since, {}
        try:
            accounts = services.accounts.all()
            for account in accounts:
                # An event comes to the address of one account, and may be another's of the same app.
                since = [told[a.id] for a in accounts if a.id in told and (a.id == account.id or a.shares_app(account))]
                if since:
                    open_gap_at(services.accounts, account, moment(min(since)))
                    log.warning(
                        "events_refused", extra={"account": account.id, "since": moment(min(since)).isoformat()}
                    )
        except StoreUnavailable:
            with self._lock:
                self._since = {**self._since, **told}


def refused() -> RefusedEvents:
    """Return what this process remembers."""
    found: RefusedEvents = current_app.extensions.setdefault("refused-events", RefusedEvents())
    return found
