"""How long an account waits where Twitter limits it without saying until when: longer each time, until something works.

So it is with the limits of 24 hours, which no header shows. Kept in this process only: after a start it begins anew.
https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from .retry_policy import OPEN_LIMIT_PAUSE

# As often as Twitter's own windows begin anew: nobody is to wait longer than that once the limit is over.
LONGEST = timedelta(minutes=15)


class OpenEndedLimits:
    """The accounts of one direction that are limited like that, each with its last pause and when that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[timedelta, datetime]] = {}

    def until(self, account_id: str, now: datetime) -> datetime:
        """Return when to try again. Lanes that were at work when it began all get the same answer."""
        with self._lock:
            pause, until = self._last.get(account_id, (timedelta(), now))
            if not pause or now >= until:
                pause = min(pause * 2, LONGEST) or OPEN_LIMIT_PAUSE
                until = now + pause
            # A clock that was put back must not make it longer.
            until = min(until, now + pause)
            self._last[account_id] = pause, until
            return until

    def over(self, account_id: str) -> None:
        """Something went through: the next limit begins with a short pause again."""
        if account_id in self._last:
            with self._lock:
                self._last.pop(account_id, None)
