"""X's clock, as the Date of its answers shows it. X's moments must not be compared with those of another clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A smaller difference is a matter of whole seconds and of the time that an answer takes.
GRAIN = timedelta(seconds=5)


class XClock:
    """Returns the present moment by X's clock. service: the time of the service. machine: this machine's clock.

    Before X's first answer it is the earlier one of the two: who searches for messages since then finds too many at
    worst. steady: seconds that only grow.
    """

    def __init__(
        self,
        service: Callable[[], datetime],
        machine: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._machine = machine
        self._steady = steady
        self._seen: tuple[datetime, float] | None = None

    def seen(self, headers: Mapping[str, str]) -> None:
        """Take in the Date of an answer. headers: with names in lower case."""
        try:
            at = parsedate_to_datetime(headers.get("date", ""))
        except (ValueError, TypeError, IndexError):
            return
        self._seen = at if at.tzinfo else at.replace(tzinfo=UTC), self._steady()

    def __call__(self) -> datetime:
        if self._seen is None:
            return min(self._service(), self._machine())
        at, when = self._seen
        return at + timedelta(seconds=self._steady() - when)

    def service_ahead(self) -> timedelta:
        """Return by how much the time of the service is ahead of X's clock, in whole GRAINs; below zero if behind."""
        difference = self._service() - self()
        return GRAIN * int(difference / GRAIN)

    def in_service_time(self, x_seconds: int) -> datetime:
        """Return the moment of the service at which X's clock shows so many epoch seconds."""
        return datetime.fromtimestamp(x_seconds, UTC) + self.service_ahead()
