"""Events that were refused while the broker was away: from when on their accounts have a gap."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fake_deliveries import ACME, account
from tests.fakes import FakeAccounts, FakeClock
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.web.refused_events import RefusedEvents


def test_a_gap_begins_when_the_first_event_was_refused_and_not_in_the_future(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker's clock was an hour ahead when it went away, and is right when it comes back."""
    clock, accounts, passed = FakeClock(), FakeAccounts(account()), [0.0]
    services: Any = SimpleNamespace(clock=clock, accounts=accounts, inbox=SimpleNamespace(away=False))
    monkeypatch.setattr("twitter_connector.web.refused_events.steady", lambda: passed[0])
    events = RefusedEvents()
    clock.advance(3600)
    for _ in range(2):
        with pytest.raises(StoreUnavailable), events.noting(ACME):
            raise StoreUnavailable("broker_away", "It is away.")
        passed[0] += 60
    clock.advance(-3600)
    events.tell(services)
    assert accounts.account_status(ACME)["gap_since"] == epoch_ms(clock() - timedelta(seconds=120))
