"""A relay on fakes for every test of the room."""

from __future__ import annotations

import pytest

from tests.fake_deliveries import House


@pytest.fixture
def house() -> House:
    return House()
