"""Renews the leases of all lanes in progress, in one thread per process."""

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

# Every step has a deadline well below this. A thread that still has a lane then is stuck; another worker gets the lane.
LONGEST_LEASE_SECONDS = 900.0


class LeaseRenewal:
    """Renews leases that are older than `every` seconds. Thus leases are short, and a killed worker's lanes soon go to
    another one, though an upload takes minutes."""

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

    def any(self) -> bool:
        """Return whether this process has a lane in progress."""
        return bool(self._leased)

    def is_valid(self, lease: Lease) -> bool:
        """Return whether this worker still has the lane. Raises StoreUnavailable.

        For more than its own interval a lease is certainly valid. After that the broker is asked.
        """
        return self._clock() - lease.since < self._every or self._lanes.renew(lease)

    def renew_due(self) -> None:
        """Renew every lease that is older than `every` seconds. Forget lost ones, and those of stuck threads."""
        now = self._clock()
        with self._lock:
            due = [(lease, since) for lease, since, renewed in self._leased.values() if now - renewed >= self._every]
        for lease, since in due:
            try:
                kept = now - since < LONGEST_LEASE_SECONDS and self._lanes.renew(lease)
            except StoreUnavailable:
                continue  # renewed in a moment, if the lease outlives the outage
            with self._lock:
                if lease.token in self._leased:
                    if kept:
                        self._leased[lease.token] = (lease, since, now)
                    else:
                        del self._leased[lease.token]
            if not kept:
                log.warning("lease_not_renewed", extra={"account": lease.account_id, "direction": lease.direction.word})
