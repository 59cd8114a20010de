"""A broker that goes away, comes back, or comes back without its scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.brokers import Broker, running, services_of
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.broker.connection import WEB_TIMEOUT_SECONDS
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.send_ledger import SendRecord

IN = Direction.IN


def entry(id_: str) -> Entry:
    return Entry(IN, "acme", "ada", id_, "p")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path, fsync="always") as server:
        yield server


def test_a_broker_that_lost_the_scripts_learns_them_again(services: Services, inspector: redis.Redis) -> None:
    services.lanes.accept([entry("1")])
    inspector.script_flush()
    assert services.lanes.accept([entry("2")]) == [True]
    assert services.lanes.waiting("acme")[IN] == 1


def test_what_was_accepted_survives_the_brokers_sudden_death(mortal: Broker) -> None:
    services = services_of(mortal.settings)
    for n in range(50):
        services.lanes.accept([entry(str(n))])
    services.accounts.save(Account("7", Credentials("a", "b", "c", "d"), "https://x.example/webhook/twitter/7"))
    mortal.kill()
    mortal.start()
    assert services.lanes.accept([entry("49"), entry("50")]) == [False, True]
    lease = services.lanes.claim(IN)
    ids = []
    while lease is not None:
        ids.append(lease.entry_id)
        lease = services.lanes.settle(lease)
    assert ids == [str(n) for n in range(51)]
    assert services.accounts.get("7", max_age=0) is not None
    services.redis.close()


def test_every_edge_says_that_the_broker_is_away(mortal: Broker) -> None:
    services = services_of(mortal.settings)
    services.lanes.accept([entry("1")])
    lease = services.lanes.claim(IN)
    assert lease is not None
    mortal.kill()
    calls = [
        lambda: services.lanes.accept([entry("2")]),
        lambda: services.lanes.claim(IN),
        lambda: services.lanes.settle(lease),
        lambda: services.lanes.postpone(lease, 0, spend=True),
        lambda: services.lanes.renew(lease),
        lambda: services.lanes.pause(IN, "acme", 1, "", ""),
        lambda: services.lanes.resume(IN, "acme"),
        lambda: services.lanes.pauses("acme"),
        lambda: services.lanes.wake_if_due(IN),
        lambda: services.lanes.wakeup_received(IN),
        lambda: services.lanes.waiting("acme"),
        lambda: services.ledger.steps("acme", "1"),
        lambda: services.ledger.write(lease, "1", 0, SendRecord(started_ms=1)),
        lambda: services.ledger.done("acme", "ada", "1", 0, "5"),
        lambda: services.ledger.echoes("acme", "ada"),
        lambda: services.ledger.own("acme", "ada"),
        lambda: services.ledger.unfinished("acme", "ada"),
        lambda: services.ledger.read_up_to("acme", "ada"),
        lambda: services.accounts.get("7", max_age=0),
        services.accounts.all,
        lambda: services.accounts.note("7", last_crc_at=1),
        lambda: services.accounts.remove("7"),
        lambda: services.dead_letters.get("1"),
        services.dead_letters.count,
        lambda: list(services.dead_letters.newest()),
        lambda: services.dead_letters.discard("1"),
        lambda: services.heartbeats.beat("w"),
        services.heartbeats.workers,
        services.heartbeats.store,
    ]
    for number, call in enumerate(calls):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert caught.value.ours, number
    services.redis.close()


def test_a_broker_that_is_silent_holds_the_web_up_for_a_moment_only(mortal: Broker) -> None:
    services = services_of(mortal.settings)
    services.lanes.accept([entry("1")])
    process = mortal._process
    assert isinstance(process, subprocess.Popen)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            services.lanes.accept([entry("2")])
        # Twitter waits three seconds for its answer.
        assert time.monotonic() - started < min(2.5, WEB_TIMEOUT_SECONDS * 2.5)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    # The answer that came too late must not be taken for the next one's.
    assert services.lanes.accept([entry("3")]) == [True]
    assert services.lanes.waiting("acme")[IN] == 1
    services.redis.close()


def test_a_web_process_goes_on_by_itself_once_the_broker_is_back(mortal: Broker) -> None:
    services = services_of(mortal.settings)
    services.lanes.accept([entry("1")])
    mortal.kill()
    with pytest.raises(StoreUnavailable):
        services.lanes.accept([entry("2")])
    mortal.start()
    assert services.lanes.accept([entry("2")]) == [True]
    services.redis.close()


def test_a_worker_rides_out_a_restart(mortal: Broker) -> None:
    services = services_of(mortal.settings, patient=True)
    services.lanes.accept([entry("1")])
    mortal.kill()
    mortal.start()
    lease = services.lanes.claim(IN)
    assert lease is not None
    assert lease.entry_id == "1"
    services.redis.close()


def test_a_full_broker_refuses_and_forgets_nothing(services: Services, inspector: redis.Redis) -> None:
    services.lanes.accept([entry("1")])
    inspector.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreUnavailable):
            services.lanes.accept([Entry(IN, "acme", "ada", "2", "x" * 100_000)])
        with pytest.raises(StoreUnavailable):
            services.heartbeats.store()
    finally:
        inspector.config_set("maxmemory", "0")
    assert inspector.exists(keys.SEEN.format(direction="in", account="acme", id="2")) == 0
    assert services.lanes.accept([Entry(IN, "acme", "ada", "2", "x")]) == [True]
    lease = services.lanes.claim(IN)
    assert lease is not None
    assert lease.entry_id == "1"
