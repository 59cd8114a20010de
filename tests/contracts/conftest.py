"""The two worlds every contract holds in: the fakes of tests/fakes.py, and the edges on a real broker."""

from __future__ import annotations

import pytest
import redis

from tests.brokers import broker_process, inspector, services
from tests.fakes_and_broker import BrokerStore, FakeStore, Store

__all__ = ["broker_process", "inspector", "services"]


@pytest.fixture(params=["fake", "broker"])
def store(request: pytest.FixtureRequest) -> Store:
    """Lanes, ledger, accounts and dead letters, and a way to let time pass."""
    if request.param == "fake":
        return FakeStore()
    inspector: redis.Redis = request.getfixturevalue("inspector")
    return BrokerStore(request.getfixturevalue("services"), inspector)
