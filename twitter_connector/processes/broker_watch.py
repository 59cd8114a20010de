"""Logs that the broker does not answer: at once, then every five seconds, and once when it answers again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from twitter_connector.errors import ConnectorError, StoreUnavailable

log = logging.getLogger(__name__)

REPEAT_SECONDS = 5.0


class BrokerWatch:
    """Limits the log lines of a loop that asks the broker again and again. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._logged_at = 0.0

    def failed(self, error: ConnectorError) -> None:
        """Note a failed request, and log it if the last line is five seconds old."""
        now = self._clock()
        if self._since is None:
            self._since = now
        elif now - self._logged_at < REPEAT_SECONDS:
            return
        self._logged_at = now
        seconds = round(now - self._since)
        if isinstance(error, StoreUnavailable):
            log.warning("broker_not_answering", extra={"detail": error.detail, "seconds": seconds})
        else:
            log.error("accounts_unreadable", extra={"reason": error.reason, "detail": error.detail})

    def answered(self) -> None:
        """Note a successful request, and log it if the one before failed."""
        if self._since is not None:
            log.info("broker_answers_again", extra={"seconds": round(self._clock() - self._since)})
        self._since = None
