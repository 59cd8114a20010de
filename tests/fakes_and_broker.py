"""The worlds of the contract suites: the same questions to the fakes and to the edges on a real broker.

Time is the fake's clock in the one and the broker's in the other, so leases and bells are short in both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import redis

from tests.brokers import RecordedWakeups
from tests.fakes import FakeAccounts, FakeClock, FakeConversations, FakeDeadLetters, FakeLanes, FakeSendLedger
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.broker.connection import Line
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.timings import QueueTimings

T = TypeVar("T")

# Long enough that a busy machine does not lose a lease between two lines of a test.
TIMINGS = QueueTimings(lease=600)
LEASE_MS = TIMINGS.lease
POLL_SECONDS = 20.0


class Store(Protocol):
    """Stores, and their time."""

    lanes: Any
    ledger: Any
    accounts: Any
    dead_letters: Any
    conversations: Any
    woken: list[str]

    def now_ms(self) -> int:
        """Return the store's present moment."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def left_behind(self) -> list[str]:
        """Return what an emptied store must not hold any more."""


class FakeStore:
    """The fakes of tests/fakes.py."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lanes = FakeLanes(self.clock, TIMINGS)
        self.woken = self.lanes.woken
        self.ledger = FakeSendLedger(self.lanes)
        self.dead_letters = FakeDeadLetters(self.lanes)
        self.conversations = FakeConversations(self.lanes)
        self.accounts = FakeAccounts()

    def now_ms(self) -> int:
        return self.clock.ms

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def left_behind(self) -> list[str]:
        return self.lanes.left_behind()


class BrokerStore:
    """The edges of twitter_connector/store on a server of their own."""

    # Marks, counters and records that outlive the work on purpose, each with a lifetime or of one fixed size.
    KEPT = ("seen:", "signs:", "bell:", "fence", "seq", "ledger:", "sent:", "echo:", "dead", "accounts", "link:")

    def __init__(self, services: Services, inspector: redis.Redis) -> None:
        assert isinstance(services.wakeups, RecordedWakeups)
        line = Line(services.redis, patient=False)
        self.lanes = Lanes(services.redis, line, services.wakeups, TIMINGS)
        self.woken = services.wakeups.woken
        self.ledger = services.ledger
        self.accounts = services.accounts
        self.dead_letters = services.dead_letters
        self.conversations = services.conversations
        self._inspector = inspector

    def now_ms(self) -> int:
        seconds, micros = self._inspector.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def left_behind(self) -> list[str]:
        names = sorted(key.removeprefix(keys.PREFIX) for key in self._inspector.keys("*"))
        return [name for name in names if not name.startswith(self.KEPT)]


def eventually(store: Store, ask: Callable[[], T]) -> T:
    """Return the first answer that is not empty, letting the world's time pass meanwhile."""
    end = store.now_ms() + int(POLL_SECONDS * 1000)
    while store.now_ms() < end:
        answer = ask()
        if answer:
            return answer
        store.wait(0.02)
    raise AssertionError("it did not happen in time")
