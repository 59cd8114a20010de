"""Deliveries on fakes, for the tests of this folder."""

from __future__ import annotations

from tests.delivery.conftest import fakes

__all__ = ["fakes"]
