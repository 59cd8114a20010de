"""One worker process: consumers for both directions, typing indicators, and the sweeper.

The sweeper is a thread that needs no Celery task: it renews leases, repeats lost wake-ups and sends heartbeats.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Direction

from .consumer import Consumer
from .lease_renewal import LeaseRenewal
from .ports import HeartbeatsPort, LanesPort
from .typing import TypingDelivery

log = logging.getLogger(__name__)

# How long a lost wake-up, a wait that is over or an expired lease can go unnoticed.
SWEEP_SECONDS = 0.25
HEARTBEAT_SECONDS = 2.0
# Work that no worker has looked at for this long, though wake-ups were sent, is served without one.
SILENT_SECONDS = 5.0
# After an error the next round comes this much later.
PAUSE_SECONDS = 1.0
# A consumer gives its thread back after this long; work that is still due sends a new wake-up.
CONSUME_SECONDS = 5.0


class Sweeper:
    """beat: sends a heartbeat. consume: serves one direction. stopping: ends the sweeping; leases are still renewed
    until the process ends, since the last messages may take a while."""

    def __init__(
        self,
        lanes: LanesPort,
        lease_renewal: LeaseRenewal,
        *,
        beat: Callable[[], None],
        consume: Callable[[Direction], None],
        stopping: threading.Event,
    ) -> None:
        self._lanes = lanes
        self._lease_renewal = lease_renewal
        self._beat = beat
        self._consume = consume
        self._stopping = stopping
        self._served_at = dict.fromkeys(Direction, time.monotonic())

    def start(self) -> None:
        threading.Thread(target=self._sweep, name="sweeper", daemon=True).start()

    def served(self, direction: Direction) -> None:
        """Note that a consumer of this direction starts."""
        self._served_at[direction] = time.monotonic()

    def _sweep(self) -> None:
        beat_at = 0.0
        while not self._stopping.wait(SWEEP_SECONDS):
            try:
                self._lease_renewal.renew_due()
                for direction in Direction:
                    if self._lanes.wake_if_due(direction):
                        self._serve_if_silent(direction)
                if time.monotonic() >= beat_at:
                    self._beat()
                    beat_at = time.monotonic() + HEARTBEAT_SECONDS
            except StoreUnavailable as error:
                log.warning("sweep_failed", extra={"reason": error.reason})
                self._stopping.wait(PAUSE_SECONDS)
            except Exception as error:
                log.error("internal_error", exc_info=error)
                self._stopping.wait(PAUSE_SECONDS)
        while threading.main_thread().is_alive():
            self._lease_renewal.renew_due()
            time.sleep(PAUSE_SECONDS)

    def _serve_if_silent(self, direction: Direction) -> None:
        """Serve a direction without a task: after a lost broker, Celery has been seen connected and silent."""
        if time.monotonic() - self._served_at[direction] < SILENT_SECONDS:
            return
        if self._lanes.overdue_seconds(direction) < SILENT_SECONDS:
            return
        log.error("wakeups_missing", extra={"direction": direction.word})
        self.served(direction)
        threading.Thread(target=self._consume, args=(direction,), name="stand-in", daemon=True).start()


@dataclass
class Worker:
    """Delivers what is due, whenever Celery brings a wake-up; the sweeper delivers when Celery brings none.

    queues: returns the Celery queues this process serves now. measure_clock: asks the broker for its time and returns
    by how many seconds this machine's clock differs, None if that is within reason. stopping: set when the process is
    to end; the consumers look at it too.
    """

    name: str
    lanes: LanesPort
    lease_renewal: LeaseRenewal
    consumers: Mapping[Direction, Consumer]
    typing: TypingDelivery
    heartbeats: HeartbeatsPort
    queues: Callable[[], Collection[str]]
    measure_clock: Callable[[], float | None]
    stopping: threading.Event
    sweeper: Sweeper = field(init=False)

    def __post_init__(self) -> None:
        self.sweeper = Sweeper(
            self.lanes,
            self.lease_renewal,
            beat=lambda: self.heartbeats.beat(self.name, self.queues(), self.measure_clock()),
            consume=self.consume,
            stopping=self.stopping,
        )

    def consume(self, direction: Direction) -> None:
        """Serve the lanes that are due. Ends early while the broker is away: the lanes keep the work."""
        self.sweeper.served(direction)
        try:
            self.consumers[direction].serve(CONSUME_SECONDS)
        except StoreUnavailable as error:
            log.warning("consumer_stopped", extra={"direction": direction.word, "reason": error.reason})

    def deliver_typing(self) -> None:
        """Pass on typing indicators. A broker that is away loses them, and nothing else."""
        try:
            self.typing.pass_on()
        except StoreUnavailable as error:
            log.warning("typing_stopped", extra={"reason": error.reason})

    def start(self) -> None:
        """Start the sweeper."""
        self.sweeper.start()
        log.info("worker_ready", extra={"worker": self.name})

    def stop(self) -> None:
        """End the consumers after the message they are at. Returns at once."""
        self.stopping.set()

    def leave(self) -> None:
        """Remove the heartbeat, so that readiness does not count a worker that has ended in good order."""
        self.stop()
        try:
            self.heartbeats.forget(self.name)
        except StoreUnavailable:
            log.info("heartbeat_not_removed", extra={"worker": self.name})
