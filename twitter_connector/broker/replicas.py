"""Waits until replicas have what was stored (BROKER_REPLICAS), with Redis WAIT in the same round trip.

WAIT is best effort: https://redis.io/docs/latest/commands/wait/
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import hiredis
import redis

log = logging.getLogger(__name__)

# Shorter than the second for which the web waits for the broker.
WAIT_MS = 500
LOG_EVERY_SECONDS = 10.0


class Awaited(StrEnum):
    """What replicas must have before the service goes on. The values are the events logged if they do not.

    ACCEPTANCE: what is answered as done: an event, a reply, a registration. Without a wait, a failover could lose it.
    STEP: what a worker stores before its next step, such as an outcome. Without a wait, a failover could make a worker
    deliver a message again behind a later one.
    """

    ACCEPTANCE = "acceptance_not_replicated"
    STEP = "step_not_replicated"


class Replicas:
    """Logs what too few replicas had in time. missed: called for each acceptance among it."""

    def __init__(self, wanted: int, missed: Callable[[], None]) -> None:
        packed: bytes = hiredis.pack_command(("WAIT", str(wanted), str(WAIT_MS)))  # type: ignore[arg-type]
        self.command = packed
        self._wanted = wanted
        self._missed = missed
        self._lock = threading.Lock()
        self._unlogged = dict.fromkeys(Awaited, 0)
        self._log_at = dict.fromkeys(Awaited, 0.0)

    def wait(self, connection: Any, awaited: Awaited) -> None:
        """Wait until the replicas have what this connection stored last. Raises redis.ConnectionError."""
        connection.send_packed_command([self.command], check_health=False)
        self.note(awaited, replicas_reached(connection))

    def note(self, awaited: Awaited, reached: int) -> None:
        """Note what so few replicas had in time, and log it with what was of the same kind in the last ten seconds."""
        if reached >= self._wanted:
            return
        if awaited is Awaited.ACCEPTANCE:
            self._missed()
        with self._lock:
            self._unlogged[awaited] += 1
            if time.monotonic() < self._log_at[awaited]:
                return
            count, self._unlogged[awaited] = self._unlogged[awaited], 0
            self._log_at[awaited] = time.monotonic() + LOG_EVERY_SECONDS
        log.warning(awaited.value, extra={"count": count, "wanted": self._wanted, "reached": reached})


def replicas_reached(connection: Any) -> int:
    """Return the answer to WAIT: the number of replicas. Raises redis.ConnectionError."""
    try:
        return int(connection.read_response())
    except redis.ResponseError:
        # This user may not call WAIT. What came before it is stored.
        return 0
