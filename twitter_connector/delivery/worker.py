"""One worker process: consumers for both directions, typing indicators, and the sweeper thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Direction

from .consumer import Consumer
from .lease_renewal import LeaseRenewal
from .ports import HeartbeatsPort, LanesPort
from .sweeper import Sweeper
from .typing import TypingDelivery

log = logging.getLogger(__name__)

# A consumer gives its thread back after this long; work that is still due sends a new wake-up.
CONSUME_SECONDS = 5.0


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
