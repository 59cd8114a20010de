"""Answers for accounts that nobody registered, and limits how often the store is asked about them.

An event of an account that was registered a moment ago must not be answered 404, so its account is read from the store.
The ids come from outside: without a limit, guessing at them would cost the broker a read for each guess.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flask import Response, current_app

from twitter_connector.metrics import REFUSED

from .problems import problem

# A burst of events for new accounts, then so many a second. A read costs less than accepting an event.
BURST = 200
READS_PER_SECOND = 100.0


class ReadLimit:
    """A token bucket. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(BURST)
        self._at = clock()

    def take(self) -> bool:
        """Return True and count a read, or False if no read is left at this moment."""
        with self._lock:
            now = self._clock()
            self._left = min(float(BURST), self._left + (now - self._at) * READS_PER_SECOND)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def unknown_account_reads() -> ReadLimit:
    """Return the limit of this process."""
    limit: ReadLimit = current_app.extensions.setdefault("unknown-account-reads", ReadLimit())
    return limit


def unknown_account() -> Response:
    """Return the answer 404 for an account that nobody registered, and count it."""
    REFUSED.labels("unknown_account").inc()
    return problem(
        404,
        "This account is not registered. Register it with POST /webhook/twitter/register-and-subscribe.",
        kind="unknown-account",
    )
