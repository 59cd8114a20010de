"""Locks on a real broker: one replica at a time, and a lock that ended is nobody's to release."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from tests.brokers import Broker, running, services_of
from tests.tree import eventually
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import StoreUnavailable
from twitter_connector.store.locks import Locks

CHORE = keys.LOCK.format(chore="stream:app")


def test_a_lock_that_one_replica_took_is_kept_from_the_others_until_it_is_released(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    here, there = services.locks, services_of(broker_process.settings).locks
    assert here.hold("stream:app", "here", 15)
    assert not there.hold("stream:app", "there", 15)
    # The owner itself takes it again, for the full time.
    inspector.expire(CHORE, 5)
    assert here.hold("stream:app", "here", 15)
    assert 10 < inspector.ttl(CHORE) <= 15  # type: ignore[operator]
    there.let_go("stream:app", "there")
    assert not there.hold("stream:app", "there", 15), "released by a replica that does not have it"
    here.let_go("stream:app", "here")
    assert there.hold("stream:app", "there", 15)


def test_a_lock_of_a_replica_that_died_ends_and_another_takes_it(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    assert services.locks.hold("stream:app", "here", 15)
    assert inspector.delete(CHORE) == 1  # as when its time has ended
    assert services.locks.hold("stream:app", "there", 15)
    assert not services.locks.hold("stream:app", "here", 15)


def test_a_chore_is_done_by_one_replica_at_a_time(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    here, there = services.locks, services_of(broker_process.settings).locks
    with here.alone("upkeep") as first:
        with there.alone("upkeep") as second:
            assert (first, second) == (True, False)
        # The second one left without releasing the lock of the first.
        with there.alone("upkeep") as third:
            assert not third
    with there.alone("upkeep") as fourth:
        assert fourth


def test_a_chore_that_outlives_its_lock_does_not_release_the_next_one(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    with services.locks.alone("upkeep"):
        inspector.set(keys.LOCK.format(chore="upkeep"), "another")
    assert inspector.get(keys.LOCK.format(chore="upkeep")) == "another"


def test_what_is_due_once_is_done_by_the_first_of_all_replicas(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    there = services_of(broker_process.settings).locks
    assert [services.locks.once("channel-type", 60), there.once("channel-type", 60)] == [True, False]
    assert 50 < inspector.ttl(keys.LOCK.format(chore="channel-type")) <= 60  # type: ignore[operator]


def taken(locks: Locks, chore: str) -> bool:
    with locks.alone(chore) as alone:
        return alone


def test_a_lock_that_an_outage_kept_from_being_released_is_released_when_the_broker_is_back(tmp_path: Path) -> None:
    with running(tmp_path) as broker:
        services = services_of(broker.settings)
        with services.locks.alone("done") as alone:
            assert alone
            broker.kill()
        broker.start()
        eventually(lambda: taken(services.locks, "done"), 10, what="the lock of a chore that was done")

        def interrupted() -> None:
            with services.locks.alone("interrupted"):
                broker.kill()
                services.accounts.all()

        with pytest.raises(StoreUnavailable):
            interrupted()
        broker.start()
        eventually(lambda: taken(services.locks, "interrupted"), 10, what="the lock of a chore that was interrupted")
        services.redis.close()
