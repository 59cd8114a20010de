"""A real broker for the tests of the commands."""

from __future__ import annotations

from tests.brokers import broker_process, inspector, services

__all__ = ["broker_process", "inspector", "services"]
