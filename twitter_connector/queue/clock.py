"""The time of the service: the broker's clock without its steps, so that pauses, ages and waits keep their lengths.

Every stored moment is of this time. lua/names.lua says how it follows the broker's clock after a step.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from twitter_connector.broker.line import Line
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import epoch_ms, moment

from .scripts import LaneScripts

log = logging.getLogger(__name__)

# The broker is asked again when its last answer is older than this. A worker's sweeper asks at least every two seconds.
MEASURE_SECONDS = 5.0
# A machine whose clock differs by more than this is reported. NTP keeps clocks within milliseconds.
DIFFERENCE_SECONDS = 5.0
# The broker's clock was put forward if it gained this much on this process's steady clock.
STEP_FORWARD_SECONDS = 10.0
# A steady clock may run wrong by some seconds a day.
STEP_COMPARABLE_SECONDS = 3600.0


def steady() -> float:
    """Return seconds that only grow, and that pass while the machine is suspended too, where it can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


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
        """Return how much the broker's clock certainly gained on the steady clock since an earlier answer."""
        return self.server_ms - before.server_ms - int((self.answered - before.asked) * 1000)


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
        known = self._known
        if known is None:
            return self._machine()
        return moment(known.now_ms + self._passed_ms(known))

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

    def expected_ms(self) -> int | None:
        """Return the latest moment that the broker's clock can show now, unless it was put forward (epoch ms).

        None if the broker has never answered.
        """
        known = self._known
        if known is None:
            return None
        return known.server_ms + int((self._steady() - known.asked + STEP_FORWARD_SECONDS) * 1000)

    def checked(self, now_ms: int, server_ms: int) -> int:
        """Return the time of the service (epoch ms), from an answer that names it and the broker's clock (epoch ms).

        If the answer shows a step that this process has not seen, the step is corrected first. Raises StoreUnavailable.
        """
        known = self._known
        if known is None:
            return now_ms
        if abs(server_ms - known.server_ms - self._passed_ms(known)) < STEP_FORWARD_SECONDS * 1000:
            return now_ms
        self.measure()
        return epoch_ms(self.last_known())

    def _passed_ms(self, known: Measurement) -> int:
        return int((self._steady() - (known.asked + known.answered) / 2) * 1000)

    def _measure(self) -> None:
        self._take(self._answer())

    def _take(self, answer: Measurement) -> None:
        known = self._known
        if known is not None and known.steps == answer.steps and answer.asked - known.asked < STEP_COMPARABLE_SECONDS:
            gained = answer.gained_ms(known)
            if gained > STEP_FORWARD_SECONDS * 1000 and self._step_forward(gained, answer.steps, known.now_ms):
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
