"""Limits how often a caller may try wrong tokens. Counts failures only, in this process, in bounded memory.

docs/decisions/0013 says why this is not the library `limits`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# A caller may try BURST wrong tokens at once, then one every REFILL_SECONDS. Callers with an outdated token stay
# below the first number; the second one makes guessing hopeless.
BURST = 30
REFILL_SECONDS = 2.0
# A caller with a right token within this time is not blocked by others behind the same address.
TRUST_SECONDS = 3600.0
CALLERS_MAX = 4096
# From how many addresses one peer may pass on wrong tokens. A peer that names more of them probably invents them: from
# then on its callers are counted as one. A gateway with a few callers whose token is outdated stays below it.
NAMES_MAX = 8


class Attempts:
    """Failed attempts by caller. clock: monotonic seconds.

    peer: the address of the connection. caller: the same, or the address that the peer names in X-Forwarded-For.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Who is counted -> the moment when its failures are forgotten. Each failure adds REFILL_SECONDS.
        self._forgiven: OrderedDict[str, float] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()
        # peer -> the callers whose failures it passed on.
        self._named: OrderedDict[str, set[str]] = OrderedDict()

    def wait(self, peer: str, caller: str) -> float:
        """Return the seconds until this caller's next token is checked; 0 means now."""
        with self._lock:
            now = self._clock()
            who = _key(peer, caller)
            if now - self._trusted.get(who, -TRUST_SECONDS) < TRUST_SECONDS:
                return 0.0
            return self._beyond(self._debt(self._counted(peer, who, now), now))

    def failed(self, peer: str, caller: str) -> bool:
        """Count a failure. Return True if it was the caller's last free attempt."""
        with self._lock:
            now = self._clock()
            who = _key(peer, caller)
            counted = self._counted(peer, who, now)
            debt = self._debt(counted, now)
            if who != peer and counted == who:
                named = self._named.pop(peer, set())
                _remember(self._named, peer, {name for name in named if self._debt(name, now) > 0} | {who})
            for one in {who, peer} if counted == who else {peer}:
                left = min(self._debt(one, now), BURST * REFILL_SECONDS)
                _remember(self._forgiven, one, now + left + REFILL_SECONDS)
            return not self._beyond(debt) and self._beyond(debt + REFILL_SECONDS) > 0

    def succeeded(self, peer: str, caller: str) -> None:
        with self._lock:
            who = _key(peer, caller)
            self._forgiven.pop(who, None)
            _remember(self._trusted, who, self._clock())

    def _counted(self, peer: str, who: str, now: float) -> str:
        """Return the name under which an attempt counts: the caller, or the peer if it names too many callers."""
        names = self._named.get(peer, set())
        believed = who in names or sum(self._debt(name, now) > 0 for name in names) < NAMES_MAX
        return who if believed else peer

    def _debt(self, who: str, now: float) -> float:
        return max(0.0, self._forgiven.get(who, now) - now)

    @staticmethod
    def _beyond(debt: float) -> float:
        return max(0.0, debt - (BURST - 1) * REFILL_SECONDS)


def _key(peer: str, caller: str) -> str:
    # What one peer says about a caller counts for no other peer.
    return caller if caller == peer else f"{caller} by {peer}"


def _remember(kept: OrderedDict[str, T], caller: str, value: T) -> None:
    kept[caller] = value
    kept.move_to_end(caller)
    if len(kept) > CALLERS_MAX:
        kept.popitem(last=False)
