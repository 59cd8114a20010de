"""The broker's clock is stepped. Leases, waits, pauses and wake-ups keep their lengths, within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.brokers import Broker, RecordedWakeups, running
from tests.stepped_clock import SteppedClock
from tests.tree import eventually
from twitter_connector.broker.line import Line
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry, Lease
from twitter_connector.queue.clock import BrokerClock
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.scripts import LaneScripts
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.store.heartbeats import Heartbeats
from twitter_connector.store.status import Status

IN = Direction.IN
DAY = 86400.0
# 30 seconds and an hour are what virtual machines and operators do; beyond a day every message would be too old.
STEPS_BACK = [-30.0, -3600.0, -40 * DAY]
STEPS = [*STEPS_BACK, 30.0, 3600.0, 40 * DAY]
SHORT = QueueTimings(lease=1_000, wakeup=300, first_probe=500)


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    return SteppedClock(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, clock: SteppedClock) -> Iterator[Broker]:
    with running(tmp_path, env=clock.env) as server:
        yield server


@pytest.fixture
def lanes(broker: Broker) -> Iterator[Lanes]:
    with broker.client() as client:
        yield Lanes(client, Line(client, patient=False), RecordedWakeups(), SHORT)


@pytest.fixture
def broker_clock(broker: Broker) -> Iterator[BrokerClock]:
    with broker.client() as client:
        yield BrokerClock(Line(client, patient=False))


def entry(id_: str = "1") -> Entry:
    return Entry(IN, "acme", "ada", id_, "p")


def soon(ask: Callable[[], Lease | None], least: float = 0.0, since: float = 0.0, most: float = 4.0) -> Lease:
    """Return the lease. Checks that it came within `most` seconds, and `least` seconds after a moment (monotonic)."""
    started = time.monotonic()
    lease = eventually(ask, 20, what="a lane that is due")
    assert time.monotonic() - started <= most
    assert least <= time.monotonic() - since
    assert lease is not None
    return lease


def step(clock: SteppedClock, broker_clock: BrokerClock, seconds: float) -> None:
    """Step the broker's clock, and let a worker look at it, as one does every two seconds."""
    broker_clock.measure()
    clock.set(seconds)
    broker_clock.measure()


@pytest.mark.parametrize("seconds", STEPS)
def test_a_lease_of_a_dead_worker_ends(
    lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock, seconds: float
) -> None:
    lanes.accept([entry()])
    assert lanes.claim(IN)
    step(clock, broker_clock, seconds)
    assert lanes.claim(IN) is None
    assert soon(lambda: lanes.claim(IN)).claims == 2


@pytest.mark.parametrize("seconds", STEPS)
def test_a_wait_keeps_its_length(lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock, seconds: float) -> None:
    lanes.accept([entry()])
    lease = lanes.claim(IN)
    assert lease is not None
    since = time.monotonic()
    assert lanes.postpone(lease, 1_500, spend=False)
    step(clock, broker_clock, seconds)
    soon(lambda: lanes.claim(IN), least=1.3, since=since)


@pytest.mark.parametrize("seconds", STEPS_BACK)
def test_work_that_waits_is_taken_at_once(lanes: Lanes, clock: SteppedClock, seconds: float) -> None:
    lanes.accept([entry()])
    clock.set(seconds)
    assert lanes.claim(IN)


@pytest.mark.parametrize("seconds", [*STEPS_BACK, 30.0, 3600.0])
def test_a_pause_keeps_its_length_and_is_shown_no_longer(
    lanes: Lanes, broker: Broker, clock: SteppedClock, broker_clock: BrokerClock, seconds: float
) -> None:
    lanes.accept([entry()])
    since = time.monotonic()
    lanes.pause(IN, "acme", epoch_ms(broker_clock()) + 3_000, "rate_limited", "")
    assert lanes.claim(IN) is None
    step(clock, broker_clock, seconds)
    soon(lambda: lanes.claim(IN), least=2.7, since=since)
    assert lanes.pauses("acme") == {}
    with broker.client() as client:
        assert Status(client).snapshot(["acme"]).accounts["acme"].pauses == {}


@pytest.mark.parametrize("seconds", STEPS_BACK)
def test_a_probe_follows_after_its_wait(lanes: Lanes, clock: SteppedClock, seconds: float) -> None:
    lanes.accept([entry()])
    for _ in range(SHORT.strikes):
        lanes.unreached(IN, "acme")
    clock.set(seconds)
    assert lanes.claim(IN) is None
    soon(lambda: lanes.claim(IN))


@pytest.mark.parametrize("seconds", STEPS)
def test_no_message_grows_old_by_a_step(
    lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock, seconds: float
) -> None:
    lanes.accept([entry()])
    step(clock, broker_clock, seconds)
    lease = lanes.claim(IN)
    assert lease is not None
    assert -1 < (broker_clock() - lease.accepted_at).total_seconds() < 5


@pytest.mark.parametrize("seconds", STEPS)
def test_a_worker_that_has_not_noticed_a_step_finds_no_message_too_old(
    broker: Broker, clock: SteppedClock, broker_clock: BrokerClock, seconds: float
) -> None:
    broker_clock.measure()
    with broker.client() as client:
        lanes = Lanes(client, Line(client, patient=False), RecordedWakeups(), SHORT, process_clock=broker_clock)
        lanes.accept([entry()])
        clock.set(seconds)
        lease = lanes.claim(IN)
    assert lease is not None
    assert abs((broker_clock.last_known() - lease.accepted_at).total_seconds()) < 5


def test_a_step_there_and_back_leaves_the_broker_s_own_time(
    broker: Broker, lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    lanes.accept([entry()])
    step(clock, broker_clock, 3600)
    lanes.accept([entry("2")])
    time.sleep(0.5)
    lanes.accept([entry("3")])
    step(clock, broker_clock, 0)
    assert abs(broker_clock().timestamp() - time.time()) < 2
    with broker.client() as client:
        assert abs(int(str(client.hget("tc:clock", "shift")))) < 3_000
    assert lanes.claim(IN)


def test_what_was_scheduled_between_a_step_and_its_discovery_does_not_wait_for_it(
    lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    broker_clock.measure()
    clock.set(3600)
    lanes.accept([entry()])
    lease = lanes.claim(IN)
    assert lease is not None
    assert lanes.postpone(lease, 500, spend=False)
    broker_clock.measure()
    soon(lambda: lanes.claim(IN))


def test_what_waits_does_not_wait_longer_after_a_step_back_and_one_forward(
    lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    """The shift of the step back must not dwindle by the length of the step forward."""
    for id_ in "12":
        lanes.accept([replace(entry(id_), lane=id_)])
    step(clock, broker_clock, -3600)
    before = lanes.claim(IN)
    assert before is not None
    assert lanes.postpone(before, 500, spend=False)
    broker_clock.measure()
    clock.set(0)
    since = lanes.claim(IN)
    assert since is not None
    assert lanes.postpone(since, 500, spend=False)
    broker_clock.measure()
    assert {soon(lambda: lanes.claim(IN)).entry_id, soon(lambda: lanes.claim(IN)).entry_id} == {"1", "2"}


def test_a_pause_between_a_step_and_its_discovery_does_not_wait_for_it(
    broker: Broker, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    now = epoch_ms(broker_clock())
    with broker.client() as client:
        lanes = Lanes(client, Line(client, patient=False), RecordedWakeups(), SHORT, process_clock=broker_clock)
        clock.set(3600)
        lanes.accept([entry()])
        lanes.pause(IN, "acme", now + 1_500, "rate_limited", "")
        broker_clock.measure()
        assert lanes.claim(IN) is None
        soon(lambda: lanes.claim(IN))


@pytest.mark.parametrize("steps", [(step,) for step in STEPS] + [(-3600.0, 3600.0), (3600.0, 3630.0), (30.0, 3630.0)])
def test_a_lease_outlives_steps_that_its_worker_has_not_noticed(
    broker: Broker, clock: SteppedClock, broker_clock: BrokerClock, steps: tuple[float, ...]
) -> None:
    """Otherwise a second worker would do what the first one is doing. Another worker corrects the first step."""
    broker_clock.measure()
    with broker.client() as client:
        line = Line(client, patient=False)
        lanes, another = Lanes(client, line, RecordedWakeups(), process_clock=broker_clock), BrokerClock(line)
        another.measure()
        lanes.accept([entry()])
        lease = lanes.claim(IN)
        assert lease is not None
        for number, step in enumerate(steps):
            clock.set(step)
            if len(steps) > 1 and number == 0:
                lanes.accept([entry("2")])
                another.measure()
        assert lanes.claim(IN) is None
        assert lanes.renew(lease)


def test_a_lease_outlives_a_step_before_a_worker_starts(
    broker: Broker, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    """The new worker begins with what another one of its machine measured."""
    with broker.client() as client:
        line = Line(client, patient=False)
        broker_clock.measure()
        lanes = Lanes(client, line, RecordedWakeups(), process_clock=broker_clock)
        lanes.accept([entry()])
        lease = lanes.claim(IN)
        assert lease is not None
        Heartbeats(client, broker_clock.measured).beat("one")
        clock.set(3600)
        new = BrokerClock(line)
        new.measure()
        assert Lanes(client, line, RecordedWakeups(), process_clock=new).claim(IN) is None
        assert abs((new() - broker_clock()).total_seconds()) < 5
        assert lanes.renew(lease)


def test_a_step_that_was_taken_back_before_its_correction_leaves_time_as_it_was(
    broker: Broker, lanes: Lanes, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    lanes.accept([entry()])
    before = broker_clock()
    with broker.client() as client:
        step_forward = LaneScripts(Line(client, patient=False))("step_forward")
    assert step_forward(3_600_000, 0, epoch_ms(before)) == 1
    broker_clock.measure()
    # The middle between question and answer is taken for the moment of the answer.
    assert timedelta(milliseconds=-500) <= broker_clock() - before < timedelta(seconds=5)
    soon(lambda: lanes.claim(IN))


def test_of_two_workers_only_one_corrects_a_step(broker: Broker, clock: SteppedClock, lanes: Lanes) -> None:
    with broker.client() as client:
        first, second = (BrokerClock(Line(client, patient=False)) for _ in range(2))
        first.measure()
        second.measure()
        clock.set(3600)
        first.measure()
        second.measure()
        first.measure()
        stored: dict[str, str] = client.hgetall("tc:clock")  # type: ignore[assignment]
        assert stored["steps"] == "1"
        assert int(stored["shift"]) == pytest.approx(-3_600_000, abs=2_000)


def test_what_lies_impossibly_far_ahead_is_pulled_in(broker: Broker, lanes: Lanes) -> None:
    """As 0.1.0 left it behind, which did not notice that the clock was put back."""
    lanes.accept([entry()])
    ahead = int((time.time() + 40 * DAY) * 1000)
    with broker.client() as client:
        client.zadd("tc:due:in:acme", {"ada": ahead})
        client.zadd("tc:turn:in", {"acme": ahead})
    assert eventually(lambda: lanes.wake_if_due(IN) or lanes.claim(IN), 5, what="a wake-up")
    assert eventually(lambda: lanes.claim(IN), 5, what="the lane")


def test_a_shift_dwindles_and_time_never_runs_backwards(
    lanes: Lanes, broker: Broker, clock: SteppedClock, broker_clock: BrokerClock
) -> None:
    lanes.accept([entry()])
    step(clock, broker_clock, -30)
    moments, shifts = [], []
    with broker.client() as client:
        for n in range(2, 10):
            lanes.accept([entry(str(n))])
            broker_clock.measure()
            moments.append(broker_clock())
            shifts.append(int(str(client.hget("tc:clock", "shift"))))
            time.sleep(0.3)
    assert moments == sorted(moments)
    assert 25_000 < shifts[-1] < shifts[0] <= 31_000


def test_an_installation_at_rest_writes_nothing(lanes: Lanes, broker: Broker, broker_clock: BrokerClock) -> None:
    with broker.client() as client:
        lanes.accept([entry()])
        lease = lanes.claim(IN)
        assert lease is not None
        lanes.settle(lease)
        assert lanes.claim(IN) is None
        before = client.info("persistence")["rdb_changes_since_last_save"]
        for _ in range(5):
            lanes.wake_if_due(IN)
            broker_clock.measure()
            time.sleep(0.3)
        assert client.info("persistence")["rdb_changes_since_last_save"] == before
