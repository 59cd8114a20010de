"""The store of the contract suites: the real lanes and records on a real broker, with a clock that tests move."""

from __future__ import annotations

import pytest

from tests.brokers import broker_process, inspector, services
from tests.clocked_store import Store

__all__ = ["broker_process", "inspector", "services"]


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()
