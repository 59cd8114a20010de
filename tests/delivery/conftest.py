"""The delivery on fakes, for every test of this package."""

from __future__ import annotations

import pytest

from tests.fake_deliveries import FakeDeliveries


@pytest.fixture
def fakes() -> FakeDeliveries:
    return FakeDeliveries()
