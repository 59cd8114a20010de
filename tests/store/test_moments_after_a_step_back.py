"""The broker's clock was put back: what was to last for minutes does not last for an hour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.brokers import running
from tests.stepped_clock import SteppedClock
from twitter_connector.store.enquiries import Enquiries
from twitter_connector.store.locks import Locks
from twitter_connector.store.logins import FREE, Logins


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> SteppedClock:
    return SteppedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, clock: SteppedClock) -> Iterator[redis.Redis]:
    with running(tmp_path_factory.mktemp("broker"), env=clock.env) as server, server.client() as client:
        yield client


@pytest.fixture
def client(broker: redis.Redis, clock: SteppedClock) -> redis.Redis:
    clock.set(0)
    broker.flushall()
    return broker


def test_a_lock_of_a_process_that_died_is_free_again(client: redis.Redis, clock: SteppedClock) -> None:
    locks = Locks(client)
    assert locks.hold("polling", "dead", 60)
    assert not locks.hold("polling", "alive", 60)
    clock.set(-3600)
    assert locks.hold("polling", "alive", 60)
    assert not locks.hold("polling", "third", 60)


def test_a_chore_is_done_again(client: redis.Redis, clock: SteppedClock) -> None:
    assert Locks(client).once("check", 60)
    assert not Locks(client).once("check", 60)
    clock.set(-3600)
    assert Locks(client).once("check", 60)
    assert not Locks(client).once("check", 60)


def test_ccm_is_asked_again(client: redis.Redis, clock: SteppedClock) -> None:
    enquiries = Enquiries(client)
    assert enquiries.may_pull("1")
    assert not enquiries.may_pull("1")
    assert enquiries.begin_enquiry("2", 10) == ""
    assert enquiries.begin_enquiry("2", 10) == "asking"
    clock.set(-3600)
    assert enquiries.may_pull("1")
    assert enquiries.begin_enquiry("2", 10) == ""


def test_nobody_waits_for_an_hour_to_log_in(client: redis.Redis, clock: SteppedClock) -> None:
    logins = Logins(client)
    for _ in range(FREE + 1):
        logins.failed("ada")
    assert 0 < logins.wait("ada") <= 1
    clock.set(-3600)
    assert logins.wait("ada") == 0
