"""The latest deliveries of events, by event."""

import threading
from collections import deque

from sandbox.twitter.delivery import Delivery

_MOST = 50_000


class Deliveries:
    """Stores deliveries; the oldest ones make room for new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: deque[Delivery] = deque()
        self._of_event: dict[str | None, deque[Delivery]] = {}

    def add(self, delivery: Delivery) -> None:
        """Store a delivery."""
        with self._lock:
            self._all.append(delivery)
            self._of_event.setdefault(delivery.event_id, deque()).append(delivery)
            if len(self._all) > _MOST:
                oldest = self._all.popleft().event_id
                self._of_event[oldest].popleft()
                if not self._of_event[oldest]:
                    del self._of_event[oldest]

    def clear(self) -> None:
        """Remove all."""
        with self._lock:
            self._all.clear()
            self._of_event.clear()

    def all(self) -> list[Delivery]:
        """Return all deliveries, oldest first."""
        with self._lock:
            return list(self._all)

    def of_event(self, event_id: str) -> list[Delivery]:
        """Return the deliveries of an event, oldest first."""
        with self._lock:
            return list(self._of_event.get(event_id, ()))
