"""Keeps the leases of lanes that are being worked on alive, from one thread for the whole process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .ports import LanesPort
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Held

log = logging.getLogger(__name__)

# Every step has its own deadline well below this; a thread that still holds a lane then is stuck for good,
# and its lane goes to somebody else.
LONGEST_HOLD_SECONDS = 900.0


class Keeper:
    """Renews what is held for longer than `every` seconds. Without it leases would have to outlast the slowest
    upload, and a killed worker's lanes would wait that long."""

    def __init__(self, lanes: LanesPort, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = lanes
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Held, float, float]] = {}

    @contextmanager
    def keeping(self, held: Held) -> Iterator[None]:
        """Keep the lane until the block ends."""
        now = self._clock()
        with self._lock:
            self._held[held.token] = (held, now, now)
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(held.token, None)

    def renew_due(self) -> None:
        """Renew every lease that is older than `every`; forget those that are lost or held for too long."""
        now = self._clock()
        with self._lock:
            due = [(h, since) for h, since, renewed in self._held.values() if now - renewed >= self._every]
        for held, since in due:
            try:
                kept = now - since < LONGEST_HOLD_SECONDS and self._lanes.renew(held)
            except StoreUnavailable:
                continue  # tried again in a moment; the lease may outlive the outage
            with self._lock:
                if held.token in self._held:
                    if kept:
                        self._held[held.token] = (held, since, now)
                    else:
                        del self._held[held.token]
            if not kept:
                log.warning("lease_lost", extra={"account": held.account_id, "direction": held.direction.word})
