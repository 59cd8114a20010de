"""Keeps the leases of lanes that are being worked on alive, from one thread for the whole process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Lease

from .ports import LanesPort

log = logging.getLogger(__name__)

# Every step has its own deadline well below this; a thread that still holds a lane then is stuck for good,
# and its lane goes to somebody else.
LONGEST_LEASE_SECONDS = 900.0


class LeaseRenewal:
    """Renews what is held for longer than `every` seconds. Without it leases would have to outlast the slowest
    upload, and a killed worker's lanes would wait that long."""

    def __init__(self, lanes: LanesPort, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = lanes
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._leased: dict[str, tuple[Lease, float, float]] = {}

    @contextmanager
    def renewing(self, lease: Lease) -> Iterator[None]:
        """Keep the lane until the block ends."""
        now = self._clock()
        with self._lock:
            self._leased[lease.token] = (lease, now, now)
        try:
            yield
        finally:
            with self._lock:
                self._leased.pop(lease.token, None)

    def renew_due(self) -> None:
        """Renew every lease that is older than `every`; forget those that are lost or held for too long."""
        now = self._clock()
        with self._lock:
            due = [(h, since) for h, since, renewed in self._leased.values() if now - renewed >= self._every]
        for lease, since in due:
            try:
                kept = now - since < LONGEST_LEASE_SECONDS and self._lanes.renew(lease)
            except StoreUnavailable:
                continue  # tried again in a moment; the lease may outlive the outage
            with self._lock:
                if lease.token in self._leased:
                    if kept:
                        self._leased[lease.token] = (lease, since, now)
                    else:
                        del self._leased[lease.token]
            if not kept:
                log.warning("lease_not_renewed", extra={"account": lease.account_id, "direction": lease.direction.word})
