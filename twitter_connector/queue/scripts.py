"""The Lua scripts of the lanes. Names of keys and the clock go along with each call; lua/names.lua says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twitter_connector.broker import keys
from twitter_connector.broker.connection import Line, Script
from twitter_connector.broker.lua import source

# In the order in which lua/names.lua reads them.
_NAMES = " ".join(
    map(
        keys.stem,
        (
            keys.DUE,
            keys.TURN,
            keys.QUEUE,
            keys.MESSAGES,
            keys.STATE,
            keys.SEEN,
            keys.GATE,
            keys.BREAKER,
            keys.WAKEUP,
            keys.FENCE,
            keys.SEQUENCE,
            keys.ACCOUNT_STATUS,
            keys.CLOCK,
            keys.USAGE,
        ),
    )
)
_SEEN_MS = keys.SEEN_SECONDS * 1000
_PARTS = "-- parts: "


class LaneScripts:
    """Makes the scripts of one process. clock: epoch ms, in place of the server's clock (tests)."""

    def __init__(self, line: Line, wakeup_ms: int = 0, clock: Callable[[], int] | None = None) -> None:
        self._line = line
        self._wakeup_ms = wakeup_ms
        self._clock = clock

    def __call__(self, name: str, *more_keys: str) -> Callable[..., Any]:
        """Return lua/NAME.lua as a function of its arguments. more_keys: KEYS[2] on, the same in every call."""
        script = Script(self._line, _assembled(name), (_NAMES, *more_keys))
        wakeup_ms, clock = self._wakeup_ms, self._clock

        def call(*args: str | int) -> Any:
            return script("" if clock is None else clock(), wakeup_ms, _SEEN_MS, *args)

        return call


def _assembled(name: str) -> str:
    """Return a script behind the parts that its first line names. An unused part would cost time in each call."""
    text = source(__package__, name)
    parts = text.partition("\n")[0].removeprefix(_PARTS).split()
    return "".join(source(__package__, part) for part in parts) + text
