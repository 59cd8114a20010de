"""Twitter's ids: 64 bits, always growing, with the moment of creation in the upper 42 bits.

An id is a string everywhere; it becomes a number here and nowhere else.
"""

import threading
import time

EPOCH_MS = 1_288_834_974_657


class Snowflakes:
    """Hands out ids that grow strictly, even within one millisecond and after a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """Return an id that is larger than every one handed out or seen before."""
        fresh = (int(time.time() * 1000) - EPOCH_MS) << 22
        with self._lock:
            self._last = max(fresh, self._last + 1)
            return str(self._last)

    def seen(self, identifier: str) -> None:
        """Take note of an id from an earlier run, so that no later one is smaller."""
        with self._lock:
            self._last = max(self._last, int(identifier))


def created_ms(identifier: str) -> int:
    """Return the moment the id was made, in milliseconds since 1970."""
    return (int(identifier) >> 22) + EPOCH_MS
