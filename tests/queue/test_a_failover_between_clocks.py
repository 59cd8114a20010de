"""A replica with another clock, or with an older state, takes over. Waits, leases and failovers keep their lengths."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.brokers import RecordedWakeups
from tests.sentinel_group import URL_PASSWORD, Group, running_group
from tests.stepped_clock import SteppedClock
from tests.tree import eventually
from twitter_connector.broker import keys
from twitter_connector.broker.connection import connect
from twitter_connector.broker.line import Line
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Direction, Entry, Lease
from twitter_connector.queue.clock import BrokerClock
from twitter_connector.queue.failovers import Failovers
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.store.heartbeats import Heartbeats

OUT = Direction.OUT
HOUR = 3600.0
WAIT_SECONDS = 2.0
# A busy machine takes long. What goes wrong with a step is wrong by an hour.
BUSY_SECONDS = 60.0
TIMINGS = QueueTimings(lease=120_000)


class Process:
    """A process of the service: its clock, its lanes and the failovers it knows."""

    def __init__(self, group: Group) -> None:
        self.client = connect(f"redis://:{URL_PASSWORD}@127.0.0.1:{group.door.port}/2", patient=True)
        line = Line(self.client, patient=True)
        self.clock = BrokerClock(line)
        self.failovers = Failovers(line, self.clock)
        self.lanes = Lanes(self.client, line, RecordedWakeups(), TIMINGS, process_clock=self.clock)

    def claim(self) -> Lease | None:
        with suppress(StoreUnavailable):
            return self.lanes.claim(OUT)
        return None


class Servers:
    """A primary and a replica, each with a clock of its own."""

    def __init__(self, group: Group, clocks: tuple[SteppedClock, SteppedClock]) -> None:
        self.group = group
        self.former, self.following = clocks

    def cut(self) -> None:
        """From here on the replica is behind, as if its line had been cut."""
        self.in_step()
        with self.group.servers[1].client() as replica:
            replica.replicaof("NO", "ONE")

    def in_step(self) -> None:
        with self.group.servers[0].client() as primary:
            offset = primary.info("replication")["master_repl_offset"]

            def caught_up() -> bool:
                # A replica that connects again is missing for a moment.
                replica = primary.info("replication").get("slave0")
                return replica is not None and replica["offset"] >= offset

            eventually(caught_up, what="a replica in step")

    def fail_over(self) -> None:
        """Kill the primary. The other server takes its place."""
        former, following = self.group.servers
        if following.role() == "slave":
            self.cut()
        former.kill()
        self.group.door.leads_to = following.port


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    clocks = SteppedClock(tmp_path), SteppedClock(tmp_path / "second")
    with running_group(tmp_path / "group", clocks[0].env, clocks[1].env) as group:
        yield Servers(group, clocks)


def lane(process: Process, number: int) -> Lease:
    """Lease a new lane."""
    process.lanes.accept([Entry(OUT, "acme", f"lane-{number}", str(number), "p")])
    lease = process.claim()
    assert lease is not None
    return lease


@pytest.mark.parametrize(
    ("former", "following", "lags"),
    [(HOUR, 0, False), (-HOUR, 0, False), (0, HOUR, True), (0, -HOUR, False), (HOUR, HOUR, True)],
)
def test_lengths_and_moments_stay_right(servers: Servers, former: float, following: float, lags: bool) -> None:
    """lags: the replica does not know what the service did after the former primary's clock was stepped."""
    worker = Process(servers.group)
    waiting, working, during = lane(worker, 1), lane(worker, 2), lane(worker, 3)
    since = time.monotonic()
    assert worker.lanes.postpone(waiting, int(WAIT_SECONDS * 1000), spend=False)
    if lags:
        servers.cut()
    servers.former.set(former)
    servers.following.set(following)
    assert worker.lanes.postpone(during, int(WAIT_SECONDS * 1000), spend=False)
    servers.fail_over()
    worker.clock.measure()
    ids = set()
    for _ in range(1 if lags else 2):
        lease = eventually(worker.claim, BUSY_SECONDS, what="the lane that waits")
        ids.add(lease.entry_id)
    assert ids == ({"1"} if lags else {"1", "3"}), "others are leased"
    assert WAIT_SECONDS - 0.2 <= time.monotonic() - since < WAIT_SECONDS + BUSY_SECONDS
    assert worker.lanes.renew(working)
    assert abs(worker.clock().timestamp() - time.time()) < 3
    (failover,) = worker.failovers.known()
    assert abs(failover.until.timestamp() - time.time()) < BUSY_SECONDS
    assert failover.since <= failover.until
    assert -1 < (worker.clock() - lease.accepted_at).total_seconds() < BUSY_SECONDS


def test_a_process_that_starts_at_a_server_whose_clock_is_ahead_records_the_failover_as_it_was(
    servers: Servers,
) -> None:
    """Otherwise each reply accepted before would wait an hour for the look at what X has."""
    worker = Process(servers.group)
    lane(worker, 1)
    Heartbeats(worker.client, worker.clock.measured).beat("worker")
    servers.following.set(HOUR)
    servers.fail_over()
    new = Process(servers.group)
    new.lanes.accept([Entry(OUT, "acme", "lane-2", "2", "p")])
    worker.clock.measure()
    with servers.group.servers[1].client() as client:
        client.select(2)
        (row,) = client.lrange(keys.FAILOVERS, 0, -1)
    assert abs(int(row.split()[1]) / 1000 - time.time()) < BUSY_SECONDS, "who knows the time corrects the row"
    for process in (new, worker):
        (failover,) = process.failovers.known()
        assert abs(failover.until.timestamp() - time.time()) < BUSY_SECONDS
    lease = worker.claim()
    assert lease is not None
    assert lease.entry_id == "2", "the other one is leased"
    assert worker.failovers.since(lease.accepted_at + timedelta(seconds=BUSY_SECONDS)) is None
