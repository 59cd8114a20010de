"""How often an absent broker is logged: at once, then every five seconds."""

from __future__ import annotations

import logging

import pytest

from twitter_connector.errors import StoreUnavailable
from twitter_connector.processes.broker_watch import BrokerWatch


def test_an_absent_broker_is_logged_at_once_then_every_five_seconds_and_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = 100.0
    watch = BrokerWatch(lambda: now)
    watch.answered()
    for step in range(24):
        now = 100.0 + step / 2
        watch.failed(StoreUnavailable("broker_unavailable", "Check it."))
    watch.answered()
    watch.answered()
    assert [(r.message, r.seconds) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("broker_not_answering", 0),
        ("broker_not_answering", 5),
        ("broker_not_answering", 10),
        ("broker_answers_again", 12),
    ]
