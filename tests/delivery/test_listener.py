"""One thread of a process finds due lanes for many; while it is awake, no Celery task is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest

from tests.fake_deliveries import FakeDeliveries
from twitter_connector.delivery import listener
from twitter_connector.delivery.concurrency import Concurrency
from twitter_connector.delivery.consumer import Attempt
from twitter_connector.delivery.listener import Listener
from twitter_connector.model.work import Direction, Effect, Entry, Lease

OUT = Direction.OUT
ACME = "732739706"
# Longer than any of these tests needs on a busy machine.
SECONDS = 20.0


class Deliveries:
    """A route that notes what it delivers. A test can have it wait."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.at_work = 0
        self.most_at_work = 0
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, attempt: Attempt) -> tuple[Effect, ...]:
        with self.lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        self.gate.wait(SECONDS)
        with self.lock:
            self.at_work -= 1
            self.seen.append(attempt.lease.entry_id)
        return ()

    def is_signal(self, attempt: Attempt) -> bool:
        return False

    def given_up(self, *_: object) -> tuple[Effect, ...]:
        return ()

    def message_id(self, attempt: Attempt) -> str:
        return attempt.lease.entry_id

    def replayable(self, attempt: Attempt) -> str:
        return attempt.lease.payload


@pytest.fixture
def route() -> Deliveries:
    return Deliveries()


@pytest.fixture
def process(fakes: FakeDeliveries, route: Deliveries, monkeypatch: pytest.MonkeyPatch) -> Listener:
    monkeypatch.setattr(listener, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(listener, "AWAKE_SECONDS", SECONDS)
    return Listener(fakes.consume(OUT, route), fakes.lanes, fakes.concurrency, lambda: fakes.stopping)


@contextmanager
def listening(process: Listener, fakes: FakeDeliveries, *, awake: bool = True) -> Iterator[threading.Thread]:
    """Run a listener as a Celery task does, and stop it. awake: begin when it waits for work."""
    thread = threading.Thread(target=process.serve, args=(SECONDS,), daemon=True)
    thread.start()
    eventually(lambda: not awake or fakes.lanes.client.exists("tc:awake:out"))
    try:
        yield thread
    finally:
        fakes.stopping = True
        fakes.lanes.end_waits_for_notice()
        thread.join(SECONDS)
        assert not thread.is_alive()


def reply(number: int, customer: str = "210375291") -> Entry:
    return Entry(OUT, ACME, customer, f"reply {number}", '{"v": 1, "kind": "report", "message": {}}')


def eventually(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_what_becomes_due_while_a_process_is_awake_is_served_without_a_task(
    fakes: FakeDeliveries, process: Listener, route: Deliveries
) -> None:
    with listening(process, fakes):
        for number in range(5):
            fakes.lanes.accept([reply(number)])
            eventually(lambda number=number: len(route.seen) == number + 1)
    assert route.seen == [f"reply {number}" for number in range(5)]
    assert fakes.woken == []


def test_each_message_that_comes_alone_costs_one_claim(
    fakes: FakeDeliveries, process: Listener, route: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "WAIT_SECONDS", SECONDS)
    claim, claims = fakes.lanes.claim, list[Lease | None]()

    def counted(direction: Direction, excluded: Collection[str] = (), *, stay_awake: bool = False) -> Lease | None:
        claims.append(claim(direction, excluded, stay_awake=stay_awake))
        return claims[-1]

    monkeypatch.setattr(fakes.lanes, "claim", counted)
    with listening(process, fakes):
        for number in range(5):
            fakes.lanes.accept([reply(number)])
            eventually(lambda number=number: len(route.seen) == number + 1 and not fakes.lanes.waiting(ACME)[OUT])
    # The first one found nothing: the process began to wait.
    assert [lease and lease.entry_id for lease in claims] == [None, *(f"reply {number}" for number in range(5))]


def test_a_process_that_has_fallen_asleep_is_woken_by_a_task_again(
    fakes: FakeDeliveries, process: Listener, route: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "AWAKE_SECONDS", 0.1)
    process.serve(SECONDS)
    fakes.lanes.accept([reply(1)])
    assert fakes.woken == [OUT]
    assert route.seen == []


def test_many_lanes_are_served_at_the_same_time(fakes: FakeDeliveries, process: Listener, route: Deliveries) -> None:
    route.gate.clear()
    fakes.lanes.accept([reply(number, customer=f"{number}") for number in range(10)])
    with listening(process, fakes, awake=False):
        eventually(lambda: route.most_at_work == 10)
        route.gate.set()
        eventually(lambda: len(route.seen) == 10)


def test_a_second_task_has_the_one_that_listens_look_again_and_ends_at_once(
    fakes: FakeDeliveries, process: Listener, route: Deliveries
) -> None:
    with listening(process, fakes):
        # As a process of an earlier version stores work: with a task and without a notice.
        fakes.lanes.client.delete("tc:awake:out")
        fakes.lanes.accept([reply(1)])
        assert fakes.woken == [OUT]
        process.serve(SECONDS)
        eventually(lambda: route.seen == ["reply 1"])


def test_a_process_that_stops_ends_its_wait_and_finishes_what_it_is_at(
    fakes: FakeDeliveries, process: Listener, route: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "WAIT_SECONDS", 4.0)
    route.gate.clear()
    with listening(process, fakes) as thread:
        fakes.lanes.accept([reply(1)])
        eventually(lambda: route.at_work)
        time.sleep(0.1)
        fakes.stopping = True
        began = time.monotonic()
        fakes.lanes.end_waits_for_notice()
        assert thread.is_alive(), "it is at a message"
        route.gate.set()
        thread.join(SECONDS)
        assert time.monotonic() - began < 3.0
    assert route.seen == ["reply 1"]


def test_a_lost_notice_is_repeated_by_the_sweep(fakes: FakeDeliveries) -> None:
    assert fakes.lanes.claim(OUT, stay_awake=True) is None
    fakes.lanes.accept([reply(1)])
    # It was taken by a process that was killed.
    assert fakes.lanes.client.delete("tc:notice:out")
    fakes.lanes.sweep()
    assert fakes.lanes.client.llen("tc:notice:out") == 1
    assert fakes.woken == []
    fakes.clock.advance(fakes.lanes.timings.awake / 1000)
    fakes.lanes.sweep()
    assert fakes.woken == [OUT], "nobody is awake any more"


def test_while_a_process_is_awake_the_sweepers_of_all_processes_hear_of_it(fakes: FakeDeliveries) -> None:
    """A process that is killed while it is awake loses its notice. The others find the work within a moment."""
    with fakes.lanes.client.pubsub() as channel:
        channel.subscribe("tc:bell:out")
        assert fakes.lanes.claim(OUT, stay_awake=True) is None
        eventually(lambda: (heard := channel.get_message(timeout=1)) and heard["type"] == "message")


def test_no_lane_is_leased_before_a_thread_is_free_for_it(fakes: FakeDeliveries, route: Deliveries) -> None:
    fakes.concurrency = Concurrency(8)
    process = Listener(fakes.consume(OUT, route), fakes.lanes, fakes.concurrency, lambda: fakes.stopping)
    route.gate.clear()
    fakes.lanes.accept([reply(number, customer=f"{number}") for number in range(3)])
    fakes.lanes.accept([Entry(OUT, "3044", "1", "of another account", '{"v": 1, "kind": "report", "message": {}}')])
    with listening(process, fakes, awake=False):
        eventually(lambda: route.most_at_work == fakes.concurrency.per_direction)
        time.sleep(0.1)
        left = fakes.lanes.claim(OUT)
        route.gate.set()
        assert left is not None, "one lane is left for other processes"
        eventually(lambda: len(route.seen) == 3)
    assert fakes.concurrency.per_direction == 3
    assert route.most_at_work == 3


def test_more_work_than_one_lane_wakes_another_process(
    fakes: FakeDeliveries, process: Listener, route: Deliveries
) -> None:
    fakes.lanes.accept([reply(number, customer=f"{number}") for number in range(2)])
    fakes.woken.clear()
    fakes.lanes.wakeup_received(OUT)
    # Otherwise the first lane's thread may take the second lane before anybody looks for another process.
    route.gate.clear()
    with listening(process, fakes, awake=False):
        eventually(lambda: fakes.woken)
        route.gate.set()
        eventually(lambda: len(route.seen) == 2)
    assert fakes.woken == [OUT]
