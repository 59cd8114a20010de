"""A relay on fakes for every test of the room."""

from __future__ import annotations

import pytest

from tests.fake_deliveries import FakeDeliveries


@pytest.fixture
def fakes() -> FakeDeliveries:
    return FakeDeliveries()
