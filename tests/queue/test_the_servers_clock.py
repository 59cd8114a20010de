"""Lanes without a test's clock follow the server's, and what they leave to its expiry does expire.

The contract suites use a clock of their own. The lengths of time here are short, so these tests wait for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import redis

from tests.brokers import Broker, RecordedWakeups, broker_process, inspector
from twitter_connector.broker.line import Line
from twitter_connector.errors import LeaseLost
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry, TypingIndicator
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.timings import QueueTimings

__all__ = ["broker_process", "inspector"]

IN = Direction.IN
T = TypeVar("T")
SHORT = QueueTimings(lease=200, wakeup=200, first_probe=200, typing=200)


@pytest.fixture
def lanes(broker_process: Broker, inspector: redis.Redis) -> Iterator[Lanes]:
    with broker_process.client() as client:
        yield Lanes(client, Line(client, patient=False), RecordedWakeups(), SHORT)


def entry(id_: str = "1") -> Entry:
    return Entry(IN, "acme", "ada", id_, "p")


def after(ms: int, ask: Callable[[], T]) -> T:
    """Return the first answer that is not empty, and check that it came no sooner than this."""
    started = time.monotonic()
    while not (answer := ask()):
        assert time.monotonic() - started < 20, "it did not happen in time"
        time.sleep(0.01)
    assert time.monotonic() - started >= ms / 1000 - 0.1
    return answer


def now_ms(inspector: redis.Redis) -> int:
    seconds, micros = inspector.time()
    return int(seconds) * 1000 + int(micros) // 1000


def test_a_lease_ends(lanes: Lanes, inspector: redis.Redis) -> None:
    before = now_ms(inspector)
    lanes.accept([entry()])
    first = lanes.claim(IN)
    assert first is not None
    assert before <= epoch_ms(first.accepted_at) <= now_ms(inspector)
    second = after(SHORT.lease, lambda: lanes.claim(IN))
    assert (second.entry_id, second.claims) == ("1", 2)
    with pytest.raises(LeaseLost):
        lanes.settle(first)
    assert not lanes.renew(first)


def test_a_wakeup_that_nobody_received_is_repeated(lanes: Lanes) -> None:
    lanes.accept([entry()])
    assert not lanes.wake_if_due(IN)
    assert after(SHORT.wakeup, lambda: lanes.wake_if_due(IN))


def test_a_pause_ends_and_leaves_nothing(lanes: Lanes, inspector: redis.Redis) -> None:
    lanes.accept([entry()])
    lanes.pause(IN, "acme", now_ms(inspector) + 200, "rate_limited", "")
    assert lanes.claim(IN) is None
    assert after(200, lambda: lanes.claim(IN))
    assert lanes.pauses("acme") == {}


def test_a_probe_follows_after_its_wait(lanes: Lanes) -> None:
    lanes.accept([entry()])
    for _ in range(SHORT.strikes):
        lanes.unreached(IN, "acme")
    assert lanes.claim(IN) is None
    assert after(SHORT.first_probe, lambda: lanes.claim(IN))


def test_a_typing_indicator_makes_room_for_the_next_and_is_not_kept(lanes: Lanes) -> None:
    typing = TypingIndicator(IN, "acme", "ada", "a")
    assert lanes.accept([typing]) == [True]
    assert lanes.accept([typing]) == [False]
    assert lanes.typing_indicators() == ["a"]
    assert after(SHORT.typing, lambda: lanes.accept([typing]) == [True])
    time.sleep(0.3)
    assert lanes.typing_indicators() == []
