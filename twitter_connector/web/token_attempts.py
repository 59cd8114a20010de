"""Limits how often a caller may try wrong tokens. Counts failures only, in this process, in bounded memory.

docs/decisions/0013 says why this is not the library `limits`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# A caller may try BURST wrong tokens at once, then one every REFILL_SECONDS. Callers with an outdated token stay
# below the first number; the second one makes guessing hopeless.
BURST = 30
REFILL_SECONDS = 2.0
# A caller with a right token within this time is not blocked by others behind the same address.
TRUST_SECONDS = 3600.0
CALLERS_MAX = 4096


class Attempts:
    """Failed attempts by caller. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # caller -> the moment when its failures are forgotten. Each failure adds REFILL_SECONDS.
        self._forgiven: OrderedDict[str, float] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Return the seconds until this caller's next token is checked; 0 means now."""
        with self._lock:
            now = self._clock()
            if now - self._trusted.get(caller, -TRUST_SECONDS) < TRUST_SECONDS:
                return 0.0
            return self._beyond(self._forgiven.get(caller, now) - now)

    def failed(self, caller: str) -> bool:
        """Count a failure. Return True if it was the caller's last free attempt."""
        with self._lock:
            now = self._clock()
            debt = max(0.0, self._forgiven.get(caller, now) - now)
            _remember(self._forgiven, caller, now + min(debt, BURST * REFILL_SECONDS) + REFILL_SECONDS)
            return not self._beyond(debt) and self._beyond(debt + REFILL_SECONDS) > 0

    @staticmethod
    def _beyond(debt: float) -> float:
        return max(0.0, debt - (BURST - 1) * REFILL_SECONDS)

    def succeeded(self, caller: str) -> None:
        with self._lock:
            self._forgiven.pop(caller, None)
            _remember(self._trusted, caller, self._clock())


def _remember(kept: OrderedDict[str, float], caller: str, value: float) -> None:
    kept[caller] = value
    kept.move_to_end(caller)
    if len(kept) > CALLERS_MAX:
        kept.popitem(last=False)
