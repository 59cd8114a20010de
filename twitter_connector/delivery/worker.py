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

from .lease_renewal import LeaseRenewal
from .listener import Listener
from .ports import HeartbeatsPort, LanesPort
from .typing import TypingDelivery

log = logging.getLogger(__name__)

# How long a lost wake-up, a wait that is over or an expired lease can go unnoticed while there is work.
SWEEP_SECONDS = 0.25
# The same while all work waits for a later moment. A wait that ends sooner is known.
WAITING_SECONDS = 2.0
# At rest, if no process says that it sent a wake-up. One that does ends the rest for some seconds.
REST_SECONDS = 8.0
BUSY_SECONDS = 3.0
HEARTBEAT_SECONDS = 4.0
# Work that no worker has looked at for this long, though wake-ups were sent, is served without one.
SILENT_SECONDS = 5.0
# After an error the next round comes this much later.
PAUSE_SECONDS = 1.0
# A listener gives its thread back after this long; work that is still due sends a new wake-up.
CONSUME_SECONDS = 30.0


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
        self._beat_at = self._sweep_at = 0.0
        self._roused_at = time.monotonic()
        self._roused = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._sweep, name="sweeper", daemon=True).start()

    def served(self, direction: Direction) -> None:
        """Note that a consumer of this direction starts."""
        self._served_at[direction] = time.monotonic()
        # What the consumer leaves behind may be due before the rest is over.
        self.rouse()

    def rouse(self) -> None:
        """End the rest for some seconds."""
        self._roused_at = time.monotonic()
        self._roused.set()

    def beat_soon(self) -> None:
        """Send a heartbeat in the next round, and end the rest: a broker that was restarted has none."""
        self._beat_at = 0.0
        self.rouse()

    def _sweep(self) -> None:
        while not self._stopping.is_set():  # not after a rest: readiness waits for the first heartbeat
            try:
                self._round()
            except StoreUnavailable as error:
                log.warning("sweep_failed", extra={"reason": error.reason})
                self._failed()
            except Exception as error:
                log.error("internal_error", exc_info=error)
                self._failed()
            self._rest()
        while threading.main_thread().is_alive():
            self._lease_renewal.renew_due()
            time.sleep(PAUSE_SECONDS)

    def _rest(self) -> None:
        """Wait until the next round, or until the sweeping ends."""
        left = min(self._sweep_at, self._beat_at) - time.monotonic()
        if left > SWEEP_SECONDS:
            if not self._roused.wait(left):
                return
            self._sweep_at = 0.0
        self._stopping.wait(SWEEP_SECONDS)

    def _round(self) -> None:
        """Renew leases, repeat lost wake-ups, send a heartbeat: each of them if it is time to."""
        self._roused.clear()
        self._lease_renewal.renew_due()
        if time.monotonic() >= self._sweep_at - SWEEP_SECONDS:
            woken, more_in = self._lanes.sweep()
            for direction in woken:
                self._serve_if_silent(direction)
            self._sweep_at = time.monotonic() + self._until_next_sweep(more_in)
        if time.monotonic() >= self._beat_at - SWEEP_SECONDS:
            self._beat()
            self._beat_at = time.monotonic() + HEARTBEAT_SECONDS

    def _until_next_sweep(self, more_in: float | None) -> float:
        busy = time.monotonic() - self._roused_at < BUSY_SECONDS or self._lease_renewal.any()
        if busy or more_in == 0:
            return SWEEP_SECONDS
        return REST_SECONDS if more_in is None else min(more_in, WAITING_SECONDS)

    def _failed(self) -> None:
        # The broker may come back without the heartbeat.
        self._beat_at = self._sweep_at = 0.0
        self._stopping.wait(PAUSE_SECONDS)

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

    queues: returns the Celery queues this process serves now. clock_difference: returns by how many seconds this
    machine's clock differs from the broker's, None if that is within reason. stopping: also ends the listeners.
    """

    name: str
    lanes: LanesPort
    lease_renewal: LeaseRenewal
    listeners: Mapping[Direction, Listener]
    typing: TypingDelivery
    heartbeats: HeartbeatsPort
    queues: Callable[[], Collection[str]]
    clock_difference: Callable[[], float | None]
    stopping: threading.Event
    sweeper: Sweeper = field(init=False)

    def __post_init__(self) -> None:
        self.sweeper = Sweeper(
            self.lanes,
            self.lease_renewal,
            beat=lambda: self.heartbeats.beat(self.name, self.queues(), self.clock_difference()),
            consume=self.consume,
            stopping=self.stopping,
        )

    def consume(self, direction: Direction) -> None:
        """Serve the lanes that are due. Ends early while the broker is away: the lanes keep the work."""
        self.sweeper.served(direction)
        try:
            self.listeners[direction].serve(CONSUME_SECONDS)
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
        self.lanes.end_waits_for_notice()

    def leave(self) -> None:
        """Remove the heartbeat, so that readiness does not count a worker that has ended in good order."""
        self.stop()
        try:
            self.heartbeats.forget(self.name)
        except StoreUnavailable:
            log.info("heartbeat_not_removed", extra={"worker": self.name})
