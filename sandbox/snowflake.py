"""X's ids: 64 bits, always growing, with the time of creation in the upper 42 bits.

Ids are strings everywhere else.
"""

import threading
import time

EPOCH_MS = 1_288_834_974_657


class Snowflakes:
    """Creates ids that always grow, also within one millisecond and after a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """Return an id that is larger than all before."""
        fresh = (int(time.time() * 1000) - EPOCH_MS) << 22
        with self._lock:
            self._last = max(fresh, self._last + 1)
            return str(self._last)

    def seen(self, identifier: str) -> None:
        """Register an id of an earlier run, so that later ones are larger."""
        with self._lock:
            self._last = max(self._last, int(identifier))


def created_ms(identifier: str) -> int:
    """Return the time of creation of an id, in milliseconds since 1970."""
    return (int(identifier) >> 22) + EPOCH_MS
