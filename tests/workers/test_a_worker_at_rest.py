"""A worker at rest looks for due work every few seconds only, and yet notices a lost wake-up as soon as a busy one.

It also learns at once of an account that another process unregistered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests import brokers
from tests.brokers import RecordedWakeups, services_of
from tests.tree import eventually
from twitter_connector.bootstrap import Services, build_readers, build_worker
from twitter_connector.delivery import worker as sweeper
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.work import Direction, Entry


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with brokers.running(tmp_path) as broker:
        yield services_of(replace(broker.settings, ccm_url="http://127.0.0.1:9"), patient=True)


def entry(number: int) -> Entry:
    return Entry(Direction.IN, "1", "2", f"event {number}", "{}")


def test_a_wakeup_that_is_lost_at_rest_is_repeated_soon(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "BUSY_SECONDS", 0.5)
    monkeypatch.setattr(sweeper, "REST_SECONDS", 600.0)
    web = services_of(services.settings)
    assert isinstance(services.wakeups, RecordedWakeups)
    sweeps: list[float] = []
    sweep = services.lanes.sweep
    monkeypatch.setattr(services.lanes, "sweep", lambda: (sweeps.append(time.monotonic()), sweep())[1])
    worker = build_worker(services, "resting")
    worker.start()
    build_readers(services, worker).start()
    try:
        eventually(lambda: sweeps and time.monotonic() - sweeps[-1] > 1.5, what="a rest")
        # Its own wake-up is recorded by the process that accepts, and reaches nobody.
        web.lanes.accept([entry(1)])
        eventually(lambda: services.wakeups.woken == [Direction.IN], 20, what="the same wake-up again")
    finally:
        worker.stop()


def test_a_worker_at_rest_has_a_heartbeat(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "BUSY_SECONDS", 0.5)
    monkeypatch.setattr(sweeper, "REST_SECONDS", 600.0)
    monkeypatch.setattr(sweeper, "HEARTBEAT_SECONDS", 1.0)
    beats: list[float] = []
    beat = services.heartbeats.beat
    monkeypatch.setattr(services.heartbeats, "beat", lambda *args: (beats.append(time.monotonic()), beat(*args)))
    worker = build_worker(services, "resting")
    worker.start()
    try:
        eventually(lambda: len(beats) >= 3, 30, what="three heartbeats")
        assert max(later - earlier for earlier, later in pairwise(beats)) < 6
        services.redis.delete("tc:workers")
        worker.sweeper.beat_soon()
        eventually(services.heartbeats.workers, 2, what="a heartbeat at once")
    finally:
        worker.stop()


def test_a_worker_learns_at_once_of_an_account_that_was_unregistered(services: Services) -> None:
    web = services_of(services.settings)
    web.accounts.save(Account("1", Credentials("a", "b", "c", "d"), "https://x.example/webhook/twitter/1"))
    worker = build_worker(services, "resting")
    build_readers(services, worker).start()
    try:
        # The first look, after which only the web process tells of changes. `fresh` never asks the broker.
        eventually(lambda: services.accounts.fresh("1"), what="the account")
        web.accounts.withdraw("1")
        eventually(lambda: services.accounts.fresh("1") is None, 5, what="the account's end")
    finally:
        worker.stop()
