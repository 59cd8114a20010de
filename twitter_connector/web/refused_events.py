"""Remembers accounts whose events or challenges this process answered with 503.

X repeats such an event for some minutes only, and may disable the webhook. When the broker is back, each account gets a
gap, so that they are checked and the missed messages are read back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import current_app

from twitter_connector.accounts.backfill import open_gap_at
from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.queue.steady_clock import steady

log = logging.getLogger(__name__)

# The ids come from outside, and without the broker nobody knows which of them are registered.
ACCOUNTS_MAX = 1000


class RefusedEvents:
    """Account id -> when its first event was refused, by this process's steady clock.

    The broker's clock is not known while the broker is away, and it may be put back before it is known again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    @contextmanager
    def noting(self, account_id: str) -> Iterator[None]:
        """Remember the account if the store is not available. The error is raised again."""
        try:
            yield
        except StoreUnavailable:
            with self._lock:
                if len(self._since) < ACCOUNTS_MAX:
                    self._since.setdefault(account_id, steady())
            raise

    def tell(self, services: Services) -> None:
        """Open a gap for these accounts once the broker is back. Costs nothing if there are none."""
        if not self._since or services.inbox.away:
            return
        with self._lock:
            refused_since, self._since = self._since, {}
        try:
            accounts = services.accounts.all()
            for account in accounts:
                # An event for one account's address may belong to another account of the same app.
                since = [
                    refused_since[a.id]
                    for a in accounts
                    if a.id in refused_since and (a.id == account.id or a.shares_app(account))
                ]
                if since:
                    refused_at = services.clock() - timedelta(seconds=steady() - min(since))
                    open_gap_at(services.accounts, account, refused_at)
                    log.warning("events_refused", extra={"account": account.id, "since": refused_at.isoformat()})
        except StoreUnavailable:
            with self._lock:
                self._since = {**self._since, **refused_since}


def refused() -> RefusedEvents:
    """Return the refused events of this process."""
    refused_events: RefusedEvents = current_app.extensions.setdefault("refused-events", RefusedEvents())
    return refused_events
