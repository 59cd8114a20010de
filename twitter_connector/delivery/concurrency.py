"""Limits how many lanes one process works on, so that no account and no direction takes every thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from twitter_connector.model.work import Direction

# Of a direction's slots, an account may use this share; the rest stays free for the other accounts.
ACCOUNT_SHARE = 0.75


# Of an account's slots, one slow endpoint may take this share; the rest stays free for messages that do not need it.
ENDPOINT_SHARE = 0.6


def places(threads: int) -> tuple[int, int]:
    """Return how many calls of a slow endpoint may run at the same time, for one account and for all of them."""
    per_direction, per_account = _slots(threads)
    return max(1, int(per_account * ENDPOINT_SHARE)), max(1, per_direction - 1)


def _slots(threads: int) -> tuple[int, int]:
    # One thread each way is left for scheduled chores and for the other direction's first consumer.
    per_direction = max(1, threads // 2 - 1)
    return per_direction, max(1, int(per_direction * ACCOUNT_SHARE))


class Concurrency:
    """Counts the consumers at work per direction and the leased lanes per account."""

    def __init__(self, threads: int) -> None:
        self.per_direction, self._per_account = _slots(threads)
        self._lock = threading.Condition()
        self._consumers: Counter[Direction] = Counter()
        self._leased: Counter[tuple[Direction, str]] = Counter()

    def take_place(self, direction: Direction, seconds: float) -> bool:
        """Take a place for a consumer. Return False if none becomes free in this time."""
        with self._lock:
            free = self._lock.wait_for(lambda: self._consumers[direction] < self.per_direction, seconds)
            if free:
                self._consumers[direction] += 1
            return free

    def give_place_back(self, direction: Direction) -> None:
        with self._lock:
            self._consumers[direction] -= 1
            self._lock.notify_all()

    @contextmanager
    def leased(self, direction: Direction, account_id: str) -> Iterator[None]:
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

    def full(self, direction: Direction, leaving: str = "") -> list[str]:
        """Return the accounts that use their whole share. leaving: the account whose lane the caller gives back."""
        with self._lock:
            return [
                a for (d, a), n in self._leased.items() if d is direction and n - (a == leaving) >= self._per_account
            ]
