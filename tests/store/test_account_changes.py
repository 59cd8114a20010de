"""A process hears that another one changed an account, and that the broker went away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests import brokers
from tests.brokers import Broker
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.broker.subscription import Subscription
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account, Credentials

ACCOUNT = Account("7", Credentials("a", "b", "c", "d"), "https://x.example/webhook/twitter/7")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    with brokers.running(tmp_path) as broker:
        yield broker


def test_a_change_ends_the_wait_at_once(services: Services, inspector: redis.Redis) -> None:
    changes = Subscription(inspector, keys.ACCOUNT_CHANGES)
    assert changes.wait(30) is None, "it has just connected"
    for change in (lambda: services.accounts.save(ACCOUNT), lambda: services.accounts.remove("7")):
        begun = time.monotonic()
        threading.Timer(0.1, change).start()
        assert changes.wait(30) == {keys.ACCOUNT_CHANGES}
        assert time.monotonic() - begun < 15


def test_without_a_change_the_wait_ends_in_its_time(inspector: redis.Redis) -> None:
    changes = Subscription(inspector, keys.ACCOUNT_CHANGES)
    assert changes.wait(30) is None
    begun = time.monotonic()
    assert changes.wait(0.2) == set()
    assert time.monotonic() - begun >= 0.2


def test_messages_that_came_meanwhile_are_heard_together(inspector: redis.Redis) -> None:
    changes = Subscription(inspector, keys.ACCOUNT_CHANGES, "other")
    assert changes.wait(30) is None
    for channel in ("other", keys.ACCOUNT_CHANGES, "other", "unrelated"):
        inspector.publish(channel, "")
    assert changes.wait(30) == {"other", keys.ACCOUNT_CHANGES}
    assert changes.wait(0.1) == set()


def test_a_broker_that_ends_ends_the_wait_and_is_connected_to_again(own_broker: Broker) -> None:
    with own_broker.client() as client:
        changes = Subscription(client, keys.ACCOUNT_CHANGES)
        assert changes.wait(30) is None
        threading.Timer(0.1, own_broker.kill).start()
        with pytest.raises(StoreUnavailable):
            changes.wait(30)
        with pytest.raises(StoreUnavailable):
            changes.wait(30)
        own_broker.start()
        assert changes.wait(30) is None


def test_a_broker_that_forbids_it_is_as_one_that_is_away_and_accounts_can_be_stored(
    services: Services, inspector: redis.Redis
) -> None:
    # The default of Redis 7 for a new user: no channels.
    inspector.acl_setuser("default", enabled=True, nopass=True, reset_channels=True)
    try:
        services.redis.connection_pool.disconnect()
        with pytest.raises(StoreUnavailable):
            Subscription(services.redis, keys.ACCOUNT_CHANGES).wait(30)
        services.accounts.save(ACCOUNT)
        assert services.accounts.get("7", max_age=0) == ACCOUNT
    finally:
        inspector.acl_setuser("default", enabled=True, nopass=True, channels=["*"])
