"""How many lanes one process works on at a time, so that no account and no direction can take every thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from twitter_connector.model.work import Direction

# Of a direction's slots, an account may hold this share; the rest stays free for the others.
ACCOUNT_SHARE = 0.75


class Concurrency:
    """Places for drains, counted per direction, and for lanes held, counted per account."""

    def __init__(self, threads: int) -> None:
        # One thread each way is left for scheduled chores and for the other direction's first drain.
        self._per_direction = max(1, threads // 2 - 1)
        self._per_account = max(1, int(self._per_direction * ACCOUNT_SHARE))
        self._lock = threading.Lock()
        self._consumers: Counter[Direction] = Counter()
        self._leased: Counter[tuple[Direction, str]] = Counter()

    @contextmanager
    def consume(self, direction: Direction) -> Iterator[bool]:
        """Take a place for a drain. Yields False where none is free: then the drains at work will find the work."""
        with self._lock:
            free = self._consumers[direction] < self._per_direction
            if free:
                self._consumers[direction] += 1
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._consumers[direction] -= 1

    @contextmanager
    def holding(self, direction: Direction, account_id: str) -> Iterator[None]:
        key = (direction, account_id)
        with self._lock:
            self._leased[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._leased[key] -= 1
                if not self._leased[key]:
                    del self._leased[key]

    def full(self, direction: Direction) -> list[str]:
        """Return the accounts that hold their whole share."""
        with self._lock:
            return [a for (d, a), n in self._leased.items() if d is direction and n >= self._per_account]
