"""Which endpoints of which accounts are limited, silent or in use, so that only the work that needs them waits.

Kept in this process only. After a start the first call of each endpoint finds out again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, Endpoint, RateLimited, Retryable, Scope, ServiceUnavailable

# After so many failures in a row an endpoint counts as silent, and one call probes it from time to time.
STRIKES = 3
PROBE_FIRST = timedelta(seconds=1)
PROBE_LONGEST = timedelta(seconds=30)
# Work that finds all places of its endpoint taken looks again after this long.
BUSY_WAIT = timedelta(milliseconds=500)

# The first pause for a limit whose end X does not name. https://docs.x.com/x-api/fundamentals/rate-limits
OPEN_LIMIT_PAUSE = timedelta(seconds=60)
# The longest of them: X's own windows are as long.
OPEN_LIMIT_LONGEST = timedelta(minutes=15)
_Key = tuple[str, str]


@dataclass
class _Closed:
    """An endpoint that must not be called before `until`, because of the last error."""

    until: datetime
    error: ConnectorError
    strikes: int = 0


class OpenEndedLimits:
    """How long to wait for limits whose end X does not name: longer each time, until something works.

    No header shows the end of v1.1's limits of 24 hours. Kept in this process only: a start begins with a short pause.
    https://docs.x.com/x-api/fundamentals/rate-limits
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], tuple[timedelta, datetime]] = {}

    def until(self, account_id: str, now: datetime, endpoint: str = "") -> datetime:
        """Return when to try again. Lanes that were at work when it began all get the same answer."""
        with self._lock:
            pause, until = self._last.get((account_id, endpoint), (timedelta(), now))
            if not pause or now >= until:
                pause = min(pause * 2, OPEN_LIMIT_LONGEST) or OPEN_LIMIT_PAUSE
                until = now + pause
            # A clock that was put back must not make it longer.
            until = min(until, now + pause)
            self._last[account_id, endpoint] = pause, until
            return until

    def over(self, account_id: str, endpoint: str = "") -> None:
        """Note that a call went through: the next limit begins with a short pause again."""
        if (account_id, endpoint) in self._last:
            with self._lock:
                self._last.pop((account_id, endpoint), None)


@dataclass
class Endpoints:
    """The endpoints of all accounts this process works for.

    places: how many calls of one endpoint may run at the same time for one account; total: for all accounts. Slow
    endpoints thus leave threads for the messages that do not need them. open_ended: the limits of single endpoints.
    """

    clock: Callable[[], datetime]
    places: int = 8
    total: int = 16
    open_ended: OpenEndedLimits = field(default_factory=OpenEndedLimits)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: dict[_Key, _Closed] = field(default_factory=dict)
    _in_use: Counter[_Key] = field(default_factory=Counter)
    _blocks: int = 0

    @contextmanager
    def using(self, account_id: str, *endpoints: Endpoint) -> Iterator[None]:
        """Take a place at each endpoint for the duration of the block.

        Raises Retryable with scope LANE and `until`, and calls nothing, while one of them is limited, silent or busy.
        """
        keys = [(account_id, endpoint) for endpoint in endpoints]
        with self._lock:
            for key in keys:
                self._check(key)
            self._in_use.update(keys)
            self._blocks += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_use.subtract(keys)
                self._blocks -= 1
        # Reached only without an error: the endpoints answer.
        for key in keys:
            self._closed.pop(key, None)
            self.open_ended.over(*key)

    def closed(self, account_id: str, error: ConnectorError, until: datetime) -> None:
        """Note that X named a moment before which the endpoint of this error must not be called."""
        with self._lock:
            self._closed[account_id, error.endpoint] = _Closed(until, error)

    def failed(self, account_id: str, error: ServiceUnavailable) -> None:
        """Note that the endpoint of this error did not answer."""
        key, now = (account_id, error.endpoint), self.clock()
        with self._lock:
            known = self._closed.get(key)
            strikes = (known.strikes if known else 0) + 1
            wait = min(PROBE_FIRST * 2 ** min(strikes - STRIKES, 10), PROBE_LONGEST) if strikes >= STRIKES else None
            self._closed[key] = _Closed(now + wait if wait else now, error, strikes)

    def note(self, account_id: str, error: ConnectorError) -> None:
        """Note an error for which nothing is retried, so that the next call does not meet it at once."""
        if isinstance(error, RateLimited):
            self.closed(account_id, error, error.until or self.clock() + OPEN_LIMIT_PAUSE)
        elif isinstance(error, ServiceUnavailable):
            self.failed(account_id, error)

    def _check(self, key: _Key) -> None:
        now = self.clock()
        known = self._closed.get(key)
        if known is not None and known.until > now:
            error = known.error
            raise Retryable(error.reason, error.detail, scope=Scope.LANE, until=known.until, status=error.status)
        if self._in_use[key] >= self.places or self._blocks >= self.total:
            raise Retryable("endpoint_busy", "Other messages are using this endpoint.", until=now + BUSY_WAIT)
