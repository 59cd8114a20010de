"""Waits until replicas have what was accepted (BROKER_REPLICAS), with Redis WAIT in the same round trip.

WAIT is best effort: https://redis.io/docs/latest/commands/wait/
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import hiredis

log = logging.getLogger(__name__)

# Shorter than the second for which the web waits for the broker.
WAIT_MS = 500
LOG_EVERY_SECONDS = 10.0


class Replicas:
    """Counts acceptances that too few replicas had in time. missed: called for each of them."""

    def __init__(self, wanted: int, missed: Callable[[], None]) -> None:
        packed: bytes = hiredis.pack_command(("WAIT", str(wanted), str(WAIT_MS)))  # type: ignore[arg-type]
        self.command = packed
        self._wanted = wanted
        self._missed = missed
        self._lock = threading.Lock()
        self._unlogged = 0
        self._log_at = 0.0

    def note(self, reached: int) -> None:
        """Count an acceptance that so few replicas had in time, and log it with those of the last ten seconds."""
        if reached >= self._wanted:
            return
        self._missed()
        with self._lock:
            self._unlogged += 1
            if time.monotonic() < self._log_at:
                return
            count, self._unlogged = self._unlogged, 0
            self._log_at = time.monotonic() + LOG_EVERY_SECONDS
        log.warning("acceptance_not_replicated", extra={"count": count, "wanted": self._wanted, "reached": reached})
