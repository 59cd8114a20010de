"""Posts events to webhooks: one ordered queue for each webhook, a deadline for the answer, retries after fixed delays.

A failed try does not stop the events behind it, so a failing webhook receives them out of order, as from X.
"""

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable

import requests

from sandbox.settings import Settings
from sandbox.twitter.deliveries import Deliveries
from sandbox.twitter.delivery import Delivery, OutgoingEvent, Target, post_event
from sandbox.x_v2.disorder import Disorder

_SWAP_SECONDS = 5.0
_IDLE_SECONDS = 10.0


class EventSender:
    """Queues events and posts them in threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._disorder = Disorder(settings)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._queues: dict[str, queue.SimpleQueue[OutgoingEvent]] = {}
        self._threads: dict[str, int] = {}
        self._swapped: dict[str, list[OutgoingEvent]] = {}
        self._later: list[tuple[float, int, OutgoingEvent]] = []
        self._changed = threading.Condition(self._lock)
        # Counts resets: an event from before a reset must not be retried after it.
        self._era = 0
        self._watched: dict[str, list[threading.Event]] = {}
        self.deliveries = Deliveries()
        threading.Thread(target=self._wait_for_later, name="later", daemon=True).start()

    def clear(self) -> None:
        """Drop all waiting events."""
        with self._lock:
            self._era += 1
            self._later.clear()
            self._swapped.clear()
            self.deliveries.clear()
            for waiting in self._queues.values():
                while not waiting.empty():
                    waiting.get_nowait()

    def wait_for_end(self, event_id: str, seconds: float) -> None:
        """Return when the latest delivery of this event has ended, or when the time is over."""
        ended = threading.Event()
        with self._lock:
            self._watched.setdefault(event_id, []).append(ended)
        # Check after registering: a delivery that ended before would never set the event.
        known = self.deliveries.of_event(event_id)
        if not known or known[-1].status == "pending":
            ended.wait(seconds)
        with self._lock:
            watchers = self._watched.get(event_id, [])
            watchers.remove(ended)
            if not watchers:
                self._watched.pop(event_id, None)

    def number(self) -> int:
        """Return the next number for a delivery."""
        return next(self._numbers)

    def event(
        self,
        event_id: str | None,
        kind: str,
        user_id: str,
        webhook: Target,
        secret: str,
        render: Callable[[], bytes],
        done: Callable[[str, str | None], None] = lambda status, reason: None,
        *,
        v2: bool = False,
    ) -> OutgoingEvent:
        """Return an event to submit. `render` returns the body, `done` gets the final status and its reason."""
        delivery = Delivery(self.number(), event_id, kind, user_id, webhook.id, round(time.time(), 3))
        return OutgoingEvent(delivery, webhook, secret, render, done, v2)

    def submit(self, event: OutgoingEvent, swap: bool = False) -> None:
        """Queue an event. A swapped one waits until the next event for the same webhook is sent."""
        if event.v2 and not swap:
            self._disorder.run(
                event.webhook.id,
                lambda: self._queue(event, swap=False),
                lambda: self._queue(event.copy(self.number()), swap=False),
            )
        else:
            self._queue(event, swap)

    def _queue(self, event: OutgoingEvent, swap: bool) -> None:
        key = event.webhook.id
        with self._lock:
            event.era = self._era
            self.deliveries.add(event.delivery)
            if swap:
                self._swapped.setdefault(key, []).append(event)
                self._postpone(event, _SWAP_SECONDS)
                return
            overtaken = self._swapped.pop(key, [])
        self._enqueue(event)
        for late in overtaken:
            self._enqueue(late)

    def _enqueue(self, event: OutgoingEvent) -> None:
        key = event.webhook.id
        with self._lock:
            waiting = self._queues.setdefault(key, queue.SimpleQueue())
            waiting.put(event)
            missing = self._settings.delivery_threads - self._threads.get(key, 0)
            self._threads[key] = self._threads.get(key, 0) + max(0, missing)
        for _ in range(missing):
            threading.Thread(target=self._work, args=(key, waiting), name="sender", daemon=True).start()

    def _postpone(self, event: OutgoingEvent, seconds: float) -> None:
        """Schedule an event for later. The caller has the lock."""
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), event))
        self._changed.notify()

    def _wait_for_later(self) -> None:
        while True:
            with self._lock:
                while not self._later:
                    self._changed.wait()
                due, _, event = self._later[0]
                wait = due - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                heapq.heappop(self._later)
                swapped = self._swapped.get(event.webhook.id, [])
                if not event.delivery.attempts:
                    # A swapped event without a successor; with one it would have been sent already.
                    if event not in swapped:
                        continue
                    swapped.remove(event)
            self._enqueue(event)

    def _work(self, key: str, waiting: "queue.SimpleQueue[OutgoingEvent]") -> None:
        with requests.Session() as session:
            session.trust_env = False
            while True:
                try:
                    self._bring(session, waiting.get(timeout=_IDLE_SECONDS))
                    idle = False
                except queue.Empty:
                    idle = True
                with self._lock:
                    if (idle and waiting.empty()) or self._threads[key] > self._settings.delivery_threads:
                        self._threads[key] -= 1
                        return

    def _bring(self, session: requests.Session, event: OutgoingEvent) -> None:
        """Make one try, then end the delivery or schedule a retry."""
        delivery = event.delivery
        if not event.webhook.valid:
            self._end(event, "failed", "the webhook is not valid")
            return
        if event.body is None:
            event.body = event.render()
        begun = time.time()
        settings = self._settings
        seconds = settings.v2_delivery_timeout if event.v2 else settings.delivery_timeout
        outcome = post_event(session, event.webhook.url, event.secret, event.body, seconds)
        attempt = {"at": round(begun, 3), "seconds": round(time.time() - begun, 4), "status": outcome}
        delivery.attempts = [*delivery.attempts, attempt]
        if outcome == 200:
            self._end(event, "delivered", None)
            return
        delays = settings.v2_retry_delays if event.v2 else settings.retry_delays
        if len(delivery.attempts) > len(delays):
            self._end(event, "failed", f"the webhook answered {outcome}")
            return
        with self._lock:
            if event.era == self._era:
                self._postpone(event, delays[len(delivery.attempts) - 1])

    def _end(self, event: OutgoingEvent, status: str, reason: str | None) -> None:
        event.delivery.status = status
        event.done(status, reason)
        with self._lock:
            for watcher in self._watched.get(event.delivery.event_id or "", ()):
                watcher.set()
