"""A thread that needs no Celery task: renews leases, repeats lost wake-ups, sends heartbeats."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Direction

from .lease_renewal import LeaseRenewal
from .ports import LanesPort

log = logging.getLogger(__name__)

# How long a lost wake-up, a wait that is over or an expired lease can go unnoticed.
SWEEP_SECONDS = 0.25
HEARTBEAT_SECONDS = 2.0
# Work that no worker has looked at for this long, though wake-ups were sent, is served without one.
SILENT_SECONDS = 5.0
# After an error the next round comes this much later.
PAUSE_SECONDS = 1.0


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
