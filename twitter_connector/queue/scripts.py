"""The Lua scripts of the lanes. Names of keys and the clock go along with each call; lua/names.lua says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twitter_connector.broker import keys
from twitter_connector.broker.line import Line, Script
from twitter_connector.broker.lua import source
from twitter_connector.broker.replicas import Awaited
from twitter_connector.errors import StoreUnavailable


def _stems(*names: str) -> str:
    return " ".join(map(keys.stem, names))


# In the order in which lua/names.lua reads them.
_NAMES = _stems(
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
    keys.AWAKE,
    keys.NOTICE,
    keys.QUESTION,
    keys.LEDGER,
    keys.ROAD,
    keys.CHAT_KEYS,
    keys.SENT,
)
# In the order in which lua/log.lua reads them.
_LOG_NAMES = _stems(keys.LOG, keys.LOG_RECORD, keys.LOG_LOOKUP, keys.LOG_ACCOUNTS, keys.LOG_NAMES)
_SEEN_MS = keys.SEEN_SECONDS * 1000
_PARTS = "-- parts: "
# What lua/names.lua answers if it is later than the caller expects.
_STEPPED = "STEPPED"
# Another step may follow while one is corrected.
_CORRECTIONS_MAX = 3


class ProcessClock(Protocol):
    """Notices steps of the server's clock, see BrokerClock."""

    def expected_ms(self) -> int: ...
    def measure(self) -> object: ...


class LaneScripts:
    """Makes the scripts of one process.

    clock: epoch ms, in place of the server's clock (tests). process_clock: a script does nothing at a moment that this
    clock does not expect. The step of the server's clock is corrected first, and the script runs again.
    """

    def __init__(
        self,
        line: Line,
        wakeup_ms: int = 0,
        clock: Callable[[], int] | None = None,
        process_clock: ProcessClock | None = None,
    ) -> None:
        self._line = line
        self._wakeup_ms = wakeup_ms
        self._clock = clock
        self._process_clock = process_clock

    def __call__(self, name: str, *more_keys: str, awaited: Awaited | None = None) -> Callable[..., Any]:
        """Return lua/NAME.lua as a function of its arguments. more_keys: KEYS[2] on, the same in every call.

        awaited: wait for replicas after each call, if any are wanted.
        """
        parts = _parts(name)
        names = (_NAMES, *more_keys, *((_LOG_NAMES,) if "log" in parts else ()))
        script = Script(
            self._line,
            "".join(source(__package__, part) for part in (*parts, name)),
            names,
            awaited=awaited,
        )
        wakeup_ms, clock, process_clock = self._wakeup_ms, self._clock, self._process_clock

        def call(*args: str | int) -> Any:
            return script("" if clock is None else f"={clock()}", wakeup_ms, _SEEN_MS, *args)

        if process_clock is None or clock is not None:
            return call

        def checked(*args: str | int) -> Any:
            for _ in range(_CORRECTIONS_MAX):
                answer = script(process_clock.expected_ms(), wakeup_ms, _SEEN_MS, *args)
                if answer != _STEPPED:
                    return answer
                process_clock.measure()
            raise StoreUnavailable("clock_stepped", "The clock of Redis is put forward again and again.")

        return checked


def _parts(name: str) -> list[str]:
    """Return the parts that a script's first line names. An unused part would cost time in each call."""
    return source(__package__, name).partition("\n")[0].removeprefix(_PARTS).split()
