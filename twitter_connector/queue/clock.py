"""The time of the service: the broker's clock without its steps, so that pauses, ages and waits keep their lengths.

Every stored moment is of this time. lua/names.lua says how it follows the broker's clock after a step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from twitter_connector.broker import keys
from twitter_connector.broker.line import Line
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import epoch_ms, moment

from .scripts import LaneScripts
from .steady_clock import boot, steady

log = logging.getLogger(__name__)

# The broker is asked again when its last answer is older than this. A worker's sweeper asks at least every two seconds.
MEASURE_SECONDS = 5.0
# A machine whose clock differs by more than this is reported. NTP keeps clocks within milliseconds.
DIFFERENCE_SECONDS = 5.0
# The broker's clock was put forward if the time of the service gained this much on this process's steady clock.
STEP_FORWARD_SECONDS = 10.0
# By as much the time of the service may run faster than a steady clock, see lua/names.lua.
FASTEST = 1.1
# Several steps may have to be corrected at once, and other workers may correct them too.
CORRECTIONS_MAX = 3
# A steady clock may run wrong by some seconds a day.
STEP_COMPARABLE_SECONDS = 3600.0


@dataclass(frozen=True)
class Measurement:
    """One answer of the broker.

    now_ms: the time of the service, see lua/names.lua. server_ms: the broker's clock. steps: how many steps forward
    were corrected so far. asked, answered: this process's steady clock before and after.
    """

    now_ms: int
    server_ms: int
    steps: int
    asked: float
    answered: float

    def gained_ms(self, before: Measurement) -> int:
        """Return how much the time of the service certainly gained on the steady clock since an earlier answer."""
        return self.now_ms - before.now_ms - int((self.answered - before.asked) * FASTEST * 1000)


class BrokerClock:
    """Returns the present moment by the time of the service.

    Between two questions to the broker this process's steady clock counts on. A broker that has never answered is
    replaced by the machine's own clock.
    """

    def __init__(
        self,
        line: Line,
        machine: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = steady,
    ) -> None:
        scripts = LaneScripts(line)
        self._ask = scripts("moment")
        self._boot = boot()
        self._last_measured = scripts("measured", keys.MEASURED.format(boot=self._boot))
        self._step_forward = scripts("step_forward")
        self._machine = machine
        self._steady = steady
        self._known: Measurement | None = None
        self._next = 0.0
        self._asking = threading.Lock()
        self._difference: float | None = None

    def __call__(self) -> datetime:
        """Return the present moment. Asks the broker when its last answer is some seconds old."""
        if self._steady() >= self._next and self._asking.acquire(blocking=False):
            try:
                self._measure()
            except StoreUnavailable:
                self._next = self._steady() + MEASURE_SECONDS
            finally:
                self._asking.release()
        return self.last_known()

    def last_known(self) -> datetime:
        """Return the present moment without asking the broker."""
        known_ms = self.known_ms()
        return self._machine() if known_ms is None else moment(known_ms)

    def known_ms(self) -> int | None:
        """Return the present moment without asking the broker (epoch ms). None if the broker has never answered."""
        known = self._known
        if known is None:
            return None
        return known.now_ms + int((self._steady() - (known.asked + known.answered) / 2) * 1000)

    def measure(self) -> float | None:
        """Ask the broker. Return by how many seconds the machine's clock differs; None if that is within reason.

        Raises StoreUnavailable.
        """
        with self._asking:
            self._measure()
        return self.reported()

    def answered(self, answer: Measurement) -> None:
        """Take in an answer that came with other work. Raises StoreUnavailable."""
        with self._asking:
            if self._known is None or answer.asked > self._known.asked:
                self._take(answer)

    def reported(self) -> float | None:
        """Return by how many seconds the machine's clock differed last; None if that was within reason."""
        return self._difference

    def expected_ms(self) -> int:
        """Return the latest moment that the time of the service can have reached, unless the broker's clock was put
        forward (epoch ms). Asks the broker if it has never answered. Raises StoreUnavailable."""
        if self._known is None:
            self.measure()
        assert self._known is not None
        passed = (self._steady() - self._known.asked) * FASTEST + STEP_FORWARD_SECONDS
        return self._known.now_ms + int(passed * 1000)

    def checked(self, now_ms: int) -> int:
        """Return the time of the service (epoch ms), from an answer that names it.

        If the answer shows a step that this process has not seen, the step is corrected first. Raises StoreUnavailable.
        """
        if self._known is None or abs(now_ms - epoch_ms(self.last_known())) < STEP_FORWARD_SECONDS * 1000:
            return now_ms
        self.measure()
        return epoch_ms(self.last_known())

    def measured(self) -> tuple[str, str] | None:
        """Return the boot of this machine, and what a process that starts there compares its first answer with: the
        steady clock and the time of the service, in ms. None if that is not known."""
        known = self._known
        return (self._boot, f"{known.asked * 1000:.0f} {known.now_ms}") if known is not None and self._boot else None

    def _measure(self) -> None:
        if self._known is None and self._boot:
            self._known = self._measured_before()
        self._take(self._answer())

    def _measured_before(self) -> Measurement | None:
        """Return what another process of this machine measured last, so that a step since then shows."""
        row = self._last_measured()
        if not row:
            return None
        at, now_ms = map(int, row.split())
        return Measurement(now_ms, now_ms, 0, at / 1000, at / 1000) if at <= self._steady() * 1000 else None

    def _take(self, answer: Measurement) -> None:
        known = self._known
        for _ in range(CORRECTIONS_MAX):
            if known is None or answer.asked - known.asked > STEP_COMPARABLE_SECONDS:
                break
            gained = answer.gained_ms(known)
            if gained <= STEP_FORWARD_SECONDS * 1000:
                break
            if self._step_forward(gained, answer.steps, known.now_ms):
                log.warning("broker_clock_put_forward", extra={"seconds": round(gained / 1000)})
            answer = self._answer()
        self._known = answer
        self._next = answer.answered + MEASURE_SECONDS
        if answer.answered - answer.asked < DIFFERENCE_SECONDS / 5:
            self._compare(answer)

    def _answer(self) -> Measurement:
        asked = self._steady()
        now_ms, server_ms, steps = self._ask()
        return Measurement(int(now_ms), int(server_ms), int(steps), asked, self._steady())

    def _compare(self, answer: Measurement) -> None:
        difference = self._machine().timestamp() - answer.server_ms / 1000
        differs = abs(difference) > DIFFERENCE_SECONDS
        if differs and self._difference is None:
            log.warning("clock_differs", extra={"seconds": round(difference)})
        elif self._difference is not None and not differs:
            log.info("clock_agrees_again")
        self._difference = difference if differs else None
