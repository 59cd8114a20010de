"""Many conversations, lost answers, silent holders, swapped arrivals: nothing lost, nothing twice in the store,
nothing out of order. Every run prints its seed; PYTEST_SEED repeats one."""

from __future__ import annotations

import os
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.clocked_store import Store, eventually
from twitter_connector.bootstrap import Services
from twitter_connector.broker.line import Script
from twitter_connector.errors import LeaseLost
from twitter_connector.model.work import Direction, Entry, Lease

IN = Direction.IN


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("PYTEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    print(f"PYTEST_SEED={seed}")
    return random.Random(seed)


def entries(accounts: int, lanes: int, messages: int) -> Iterator[Entry]:
    for account in range(accounts):
        for lane in range(lanes):
            for n in range(messages):
                yield Entry(IN, f"acct{account}", f"cust{lane}", f"{lane}-{n}", f"{n}", f"0{n:020}")


def test_one_after_another_in_every_lane_whatever_becomes_of_each_message(store: Store, chance: random.Random) -> None:
    """Random outcomes: settled, let go, postponed, kept until the lease expired."""
    waiting = list(entries(accounts=3, lanes=4, messages=8))
    total = len(waiting)
    chance.shuffle(waiting)
    settled: dict[tuple[str, str], list[int]] = defaultdict(list)
    pending: dict[tuple[str, str], set[int]] = defaultdict(set)
    silent = 0
    while waiting or any(pending.values()):
        for entry in [waiting.pop() for _ in range(min(len(waiting), chance.randrange(4)))]:
            assert store.lanes.accept([entry, entry]) == [True, False]
            pending[entry.account_id, entry.lane].add(int(entry.payload))
        lease = store.lanes.claim(IN)
        if lease is None and not waiting:
            lease = eventually(store, lambda: store.lanes.claim(IN))
        while lease is not None:
            lane = (lease.account_id, lease.lane)
            assert int(lease.payload) == min(pending[lane]), "not the oldest of those that wait"
            fate = chance.random()
            if fate < 0.7:
                pending[lane].remove(int(lease.payload))
                settled[lane].append(int(lease.payload))
                lease = store.lanes.settle(lease, keep=fate < 0.5)
            elif fate < 0.97 or silent >= 3:
                store.lanes.postpone(lease, chance.choice([0, 5, 30]), spend=chance.random() < 0.5)
                lease = None
            else:
                silent += 1
                lease = None
    assert sum(len(done) for done in settled.values()) == total
    assert all(sorted(done) == list(range(8)) for done in settled.values())
    assert store.lanes.claim(IN) is None
    assert store.left_behind() == []


def test_every_script_may_run_twice(store: Store, monkeypatch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """A client that lost an answer sends the command again; so does this one, at random, and believes the last."""
    once = Script.__call__

    def stammering(self: Script, *args: Any) -> Any:
        answer = once(self, *args)
        return once(self, *args) if chance.random() < 0.3 else answer

    monkeypatch.setattr(Script, "__call__", stammering)
    for entry in entries(accounts=2, lanes=3, messages=10):
        store.lanes.accept([entry])
    settled: dict[tuple[str, str], list[int]] = defaultdict(list)
    reports = 0
    while sum(map(len, settled.values())) < 60:
        lease: Lease | None = eventually(store, lambda: store.lanes.claim(IN))
        while lease is not None:
            if chance.random() < 0.1:
                store.lanes.postpone(lease, 0, spend=True)
                break
            settled[lease.account_id, lease.lane].append(int(lease.payload))
            report = Entry(Direction.OUT, lease.account_id, lease.lane, f"about {lease.entry_id}", "")
            try:
                lease = store.lanes.settle(lease, [report], keep=chance.random() < 0.8)
            except LeaseLost:
                # The first time gave the lane back.
                lease = None
    assert all(done == list(range(10)) for done in settled.values()), dict(settled)
    monkeypatch.setattr(Script, "__call__", once)
    while (report_lease := store.lanes.claim(Direction.OUT)) is not None:
        reports += 1
        store.lanes.settle(report_lease, keep=False)
    assert reports == 60
    assert store.lanes.claim(IN) is None
    assert store.left_behind() == []


def test_many_workers_at_once_never_hold_one_lane_together(services: Services, inspector: redis.Redis) -> None:
    work = list(entries(accounts=2, lanes=5, messages=12))
    services.lanes.accept(work)
    guard = threading.Lock()
    at_work: set[tuple[str, str]] = set()
    settled: dict[tuple[str, str], list[int]] = defaultdict(list)
    wrong: list[str] = []

    def worker() -> None:
        while True:
            lease = services.lanes.claim(IN)
            if lease is None:
                return
            lane = (lease.account_id, lease.lane)
            with guard:
                if lane in at_work:
                    wrong.append(f"{lane} is leased twice")
                at_work.add(lane)
                settled[lane].append(int(lease.payload))
                at_work.remove(lane)
            services.lanes.settle(lease, keep=False)

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # A worker leaves when it finds nothing due, which may be while others still hold the last lanes.
    worker()
    assert wrong == []
    assert len(settled) == 10
    assert all(done == list(range(12)) for done in settled.values())
