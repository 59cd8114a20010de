"""Brings events to webhooks: one ordered queue for each, three seconds for an answer, later tries by a fixed plan.

A try that fails does not hold up the events behind it, so a failing webhook sees them out of order, as with Twitter.
"""

import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from sandbox.settings import Settings
from sandbox.twitter.crc import SIGNATURE_HEADER, sign
from sandbox.twitter.webhooks import Webhook

_KEPT = 50_000
_SWAP_SECONDS = 5.0
_IDLE_SECONDS = 10.0


@dataclass
class Delivery:
    """One event on its way to one webhook."""

    seq: int
    event_id: str | None
    kind: str
    for_user_id: str
    webhook_id: str
    at: float
    status: str = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Parcel:
    """A delivery with what is needed to make it. The body is rendered at the first try and kept for the later ones."""

    delivery: Delivery
    webhook: Webhook
    secret: str
    render: Callable[[], bytes]
    done: Callable[[str, str | None], None]
    body: bytes | None = None
    era: int = 0


class Courier:
    """Owns the queues and their threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._queues: dict[str, queue.SimpleQueue[Parcel]] = {}
        self._threads: dict[str, int] = {}
        self._held: dict[str, list[Parcel]] = {}
        self._later: list[tuple[float, int, Parcel]] = []
        self._changed = threading.Condition(self._lock)
        # Counts the times everything was dropped: what was on its way then must not come back as a later try.
        self._era = 0
        self._watched: dict[str, list[threading.Event]] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT)
        threading.Thread(target=self._wait_for_later, name="later", daemon=True).start()

    def clear(self) -> None:
        """Drop everything that waits."""
        with self._lock:
            self._era += 1
            self._later.clear()
            self._held.clear()
            self.deliveries.clear()
            for waiting in self._queues.values():
                while not waiting.empty():
                    waiting.get_nowait()

    def wait_for_end(self, event_id: str, seconds: float) -> None:
        """Return when the latest delivery of this event has ended, or when the time is over."""
        ended = threading.Event()
        with self._lock:
            self._watched.setdefault(event_id, []).append(ended)
        # Only now: one that ended before it was watched would be waited for in vain.
        latest = next((d for d in reversed(list(self.deliveries)) if d.event_id == event_id), None)
        if latest is None or latest.status == "pending":
            ended.wait(seconds)
        with self._lock:
            watchers = self._watched.get(event_id, [])
            watchers.remove(ended)
            if not watchers:
                self._watched.pop(event_id, None)

    def number(self) -> int:
        """Return the next number for a delivery."""
        return next(self._numbers)

    def submit(self, parcel: Parcel, swap: bool = False) -> None:
        """Queue a parcel. A swapped one waits until the next for the same webhook has gone ahead of it."""
        key = parcel.webhook.id
        with self._lock:
            parcel.era = self._era
            self.deliveries.append(parcel.delivery)
            if swap:
                self._held.setdefault(key, []).append(parcel)
                self._postpone(parcel, _SWAP_SECONDS)
                return
            overtaken = self._held.pop(key, [])
        self._enqueue(parcel)
        for held in overtaken:
            self._enqueue(held)

    def _enqueue(self, parcel: Parcel) -> None:
        key = parcel.webhook.id
        with self._lock:
            waiting = self._queues.setdefault(key, queue.SimpleQueue())
            waiting.put(parcel)
            missing = self._settings.delivery_threads - self._threads.get(key, 0)
            self._threads[key] = self._threads.get(key, 0) + max(0, missing)
        for _ in range(missing):
            threading.Thread(target=self._work, args=(key, waiting), name="courier", daemon=True).start()

    def _postpone(self, parcel: Parcel, seconds: float) -> None:
        """Come back to a parcel later. The lock is held by the caller."""
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), parcel))
        self._changed.notify()

    def _wait_for_later(self) -> None:
        while True:
            with self._lock:
                while not self._later:
                    self._changed.wait()
                due, _, parcel = self._later[0]
                wait = due - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                heapq.heappop(self._later)
                held = self._held.get(parcel.webhook.id, [])
                if not parcel.delivery.attempts:
                    # A swapped parcel whose successor never came; when one came, it has left already.
                    if parcel not in held:
                        continue
                    held.remove(parcel)
            self._enqueue(parcel)

    def _work(self, key: str, waiting: "queue.SimpleQueue[Parcel]") -> None:
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

    def _bring(self, session: requests.Session, parcel: Parcel) -> None:
        """Make one try and decide what follows from it."""
        delivery = parcel.delivery
        if not parcel.webhook.valid:
            self._end(parcel, "failed", "the webhook is not valid")
            return
        if parcel.body is None:
            parcel.body = parcel.render()
        begun = time.time()
        outcome = post_event(session, parcel.webhook.url, parcel.secret, parcel.body, self._settings.delivery_timeout)
        attempt = {"at": round(begun, 3), "seconds": round(time.time() - begun, 4), "status": outcome}
        delivery.attempts = [*delivery.attempts, attempt]
        if outcome == 200:
            self._end(parcel, "delivered", None)
            return
        delays = self._settings.retry_delays
        if len(delivery.attempts) > len(delays):
            self._end(parcel, "failed", f"the webhook answered {outcome}")
            return
        with self._lock:
            if parcel.era == self._era:
                self._postpone(parcel, delays[len(delivery.attempts) - 1])

    def _end(self, parcel: Parcel, status: str, reason: str | None) -> None:
        parcel.delivery.status = status
        parcel.done(status, reason)
        with self._lock:
            for watcher in self._watched.get(parcel.delivery.event_id or "", ()):
                watcher.set()


def post_event(
    session: requests.Session, url: str, secret: str, body: bytes, seconds: float, *, signature: str | None = None
) -> int | str:
    """Post a signed event. Returns the status, or the name of what went wrong."""
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature or sign(secret, body)}
    try:
        answer = session.post(url, data=body, headers=headers, timeout=seconds, allow_redirects=False)
    except requests.Timeout:
        return "timeout"
    except requests.RequestException as problem:
        return type(problem).__name__
    return answer.status_code
