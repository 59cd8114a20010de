"""The two worlds every contract holds in: the fakes of tests/fakes.py, and the edges on a real broker."""

from __future__ import annotations

import pytest
import redis

from tests.brokers import broker_process, inspector, services
from tests.fakes_and_broker import BrokerWorld, FakeWorld, World

__all__ = ["broker_process", "inspector", "services"]


@pytest.fixture(params=["fake", "broker"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    """Lanes, ledger, accounts and dead letters, and a way to let time pass."""
    if request.param == "fake":
        return FakeWorld(monkeypatch)
    inspector: redis.Redis = request.getfixturevalue("inspector")
    return BrokerWorld(monkeypatch, request.getfixturevalue("services"), inspector)
