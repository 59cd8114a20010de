"""Which endpoints of which accounts are paused, silent or in use, so that only the work that needs them waits.

All workers share the pauses. Failures and calls in progress are counted in this process only.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twitter_connector.errors import (
    AWAITS_A_PERSON,
    ConnectorError,
    Endpoint,
    RateLimited,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.timestamps import epoch_ms, moment

from .ports import EndpointPausesPort

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
# Work that waits for a person looks again after this long, since nobody says when the person acts.
PERSON_LOOK = timedelta(seconds=60)
_Key = tuple[str, str]


@dataclass(frozen=True)
class _Trouble:
    """The last error of an endpoint. strikes: failures in a row without an answer."""

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
    pauses: EndpointPausesPort
    places: int = 8
    total: int = 16
    open_ended: OpenEndedLimits = field(default_factory=OpenEndedLimits)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _trouble: dict[_Key, _Trouble] = field(default_factory=dict)
    _in_use: Counter[_Key] = field(default_factory=Counter)
    _blocks: int = 0

    @contextmanager
    def using(self, account_id: str, *endpoints: Endpoint) -> Iterator[None]:
        """Take a place at each endpoint for the duration of the block.

        Raises Retryable with scope LANE and `until`, and calls nothing, while one of them is paused or busy. Raises
        StoreUnavailable.
        """
        now = self.clock()
        for pause in self.pauses.of(account_id, endpoints, epoch_ms(now)).values():
            until = _look_at(moment(int(pause["until"])), pause["reason"], now)
            raise Retryable(pause["reason"], pause["detail"], scope=Scope.LANE, until=until)
        keys = [(account_id, endpoint) for endpoint in endpoints]
        with self._lock:
            if self._blocks >= self.total or any(self._in_use[key] >= self.places for key in keys):
                raise Retryable("endpoint_busy", "Other messages are using this endpoint.", until=now + BUSY_WAIT)
            self._in_use.update(keys)
            self._blocks += 1
            before = {key: self._trouble.get(key) for key in keys}
        try:
            yield
        finally:
            with self._lock:
                self._in_use.subtract(keys)
                self._blocks -= 1
        # Reached only without an error: the endpoints answer. Another call may have failed meanwhile: that counts.
        for key in keys:
            if self._trouble.get(key) is before[key]:
                self._trouble.pop(key, None)
                self.open_ended.over(*key)

    def closed(self, account_id: str, error: ConnectorError, until: datetime) -> datetime:
        """Pause the endpoint of this error until a moment. Return when its work looks again.

        Raises StoreUnavailable.
        """
        with self._lock:
            self._trouble[account_id, error.endpoint] = _Trouble()
        self.pauses.pause(account_id, error.endpoint, epoch_ms(until), error.reason, error.detail)
        return _look_at(until, error.reason, self.clock())

    def failed(self, account_id: str, error: ServiceUnavailable) -> None:
        """Note that the endpoint of this error did not answer. After some failures in a row it is paused for a moment.

        Raises StoreUnavailable.
        """
        key = (account_id, error.endpoint)
        with self._lock:
            known = self._trouble.get(key)
            strikes = (known.strikes if known else 0) + 1
            self._trouble[key] = _Trouble(strikes)
        if strikes >= STRIKES:
            until = self.clock() + min(PROBE_FIRST * 2 ** min(strikes - STRIKES, 10), PROBE_LONGEST)
            self.pauses.pause(account_id, error.endpoint, epoch_ms(until), error.reason, error.detail)

    def note(self, account_id: str, error: ConnectorError) -> None:
        """Note an error for which nothing is retried, so that the next call does not meet it at once.

        Raises StoreUnavailable.
        """
        if isinstance(error, RateLimited):
            self.closed(account_id, error, error.until or self.clock() + OPEN_LIMIT_PAUSE)
        elif isinstance(error, ServiceUnavailable):
            self.failed(account_id, error)


def _look_at(until: datetime, reason: str, now: datetime) -> datetime:
    """Return when work that waits until a moment looks again."""
    return min(until, now + PERSON_LOOK) if reason in AWAITS_A_PERSON else until
