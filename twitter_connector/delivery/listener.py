"""Finds due lanes for one process and hands each to a thread.

A Celery task wakes it. Then it stays awake for some seconds and hears from the broker itself when work becomes due: a
task for each message would cost more than the message (docs/decisions/0021).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Lease

from .concurrency import Concurrency
from .consumer import Consumer
from .ports import LanesPort

log = logging.getLogger(__name__)

# How long one wait for a notice lasts.
WAIT_SECONDS = 1.0
# How long a process without due work stays awake.
AWAKE_SECONDS = 5.0
# Lanes of accounts that use all their threads are due too. The next look comes this much later.
FULL_SECONDS = 0.05
# While more lanes are due, other processes are woken this often.
OTHERS_SECONDS = 1.0


class Listener:
    """The one thread of a process that claims lanes of a direction for its consumers."""

    def __init__(
        self, consumer: Consumer, lanes: LanesPort, concurrency: Concurrency, stopping: Callable[[], bool]
    ) -> None:
        self.consumer = consumer
        self._lanes = lanes
        self._concurrency = concurrency
        self._stopping = stopping
        self._direction = consumer.direction
        self._alone = threading.Lock()
        self._threads = ThreadPoolExecutor(concurrency.per_direction, f"consumer-{consumer.direction}")

    def serve(self, seconds: float) -> None:
        """Serve what is due, and what becomes due, for so many seconds at most. Return once no thread is at work.

        Of several calls, one at a time listens; the others have it look again. Raises StoreUnavailable.
        """
        self._lanes.wakeup_received(self._direction)
        if not self._alone.acquire(blocking=False):
            self._lanes.notice(self._direction)
            return
        at_work: set[Future[None]] = set()
        try:
            self._listen(time.monotonic() + seconds, at_work)
        except StoreUnavailable:
            if not self._stopping():  # a process that stops ends its own wait
                raise
        finally:
            self._alone.release()
            wait(at_work)

    def _listen(self, end: float, at_work: set[Future[None]]) -> None:
        awake_until = time.monotonic() + AWAKE_SECONDS
        others_at = 0.0
        while (now := time.monotonic()) < min(end, awake_until) and not self._stopping():
            # Before the claim: a leased lane that waits for a thread would lose its lease.
            if not self._concurrency.take_place(self._direction, WAIT_SECONDS):
                awake_until = now + AWAKE_SECONDS
                continue
            full = self._concurrency.full(self._direction)
            lease = self._claimed(full)
            if lease is not None:
                awake_until = now + AWAKE_SECONDS
                at_work -= {future for future in at_work if future.done()}
                at_work.add(self._threads.submit(self._work, lease, end))
                if lease.more and now >= others_at:
                    others_at = now + OTHERS_SECONDS
                    self._lanes.wake_if_due(self._direction, another=True)
            if full and lease is None:
                time.sleep(FULL_SECONDS)
            elif not full and (lease is None or not lease.more):
                self._lanes.wait_for_notice(self._direction, WAIT_SECONDS)
        if not self._stopping():
            self._lanes.sleep(self._direction)

    def _claimed(self, full: Collection[str]) -> Lease | None:
        """Lease a due lane for the place that was taken. Without one, the place is given back."""
        lease = None
        try:
            self.consumer.give_back_interrupted()
            lease = self._lanes.claim(self._direction, full, stay_awake=True)
        finally:
            if lease is None:
                self._concurrency.give_place_back(self._direction)
        return lease

    def _work(self, lease: Lease, end: float) -> None:
        try:
            self.consumer.work(lease, end)
        except StoreUnavailable as error:
            log.warning("consumer_stopped", extra={"direction": self._direction.word, "reason": error.reason})
        except Exception as error:
            log.error("internal_error", exc_info=error)
        finally:
            self._concurrency.give_place_back(self._direction)
