"""What X bills is counted once, in the steps that store it: events, messages read, sends and profiles, by UTC day."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

import pytest
import redis

from tests.clocked_store import Store
from twitter_connector.bootstrap import Services
from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.model.chat import CHAT
from twitter_connector.model.event import DM, READ, TYPING, RawEvent
from twitter_connector.model.usage import DM_READ, DM_RECEIVED, DM_SENT, USER_READ
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.journal import Journal
from twitter_connector.store.usage import UsageCounts

ACME, ADA = "222222222", "111111111"


def event(event_id: str, family: str = DM, **more: Any) -> RawEvent:
    return RawEvent(family, ACME, ADA, event_id, 1_800_000_000_000, **more)


def take_in(store: Store, *events: RawEvent, looked_up: bool = False) -> None:
    # Of the inbox, the lanes have the method that matters here.
    take_in_activities(events, store.lanes, lambda family, outcome: None, looked_up=looked_up)


def counts(store: Store) -> dict[str, int]:
    return dict(UsageCounts(store.lanes.client, store.clock).today(ACME).counts)


class TestEvents:
    def test_an_event_that_comes_twice_counts_once_a_day(self) -> None:
        store = Store()
        take_in(store, event("1"), event("2"))
        take_in(store, event("2"))
        take_in(store, event("1"), event("3"))
        assert counts(store) == {DM_RECEIVED: 3}

    def test_x_bills_it_again_on_another_day(self) -> None:
        store = Store()
        take_in(store, event("1"))
        store.wait(86400)
        assert counts(store) == {}
        take_in(store, event("1"))
        take_in(store, event("1"))
        assert counts(store) == {DM_RECEIVED: 1}

    def test_a_day_ends_at_midnight_utc(self) -> None:
        store = Store()
        midnight = (store.clock() + timedelta(days=1)).replace(hour=0, minute=0)
        store.wait((midnight - store.clock()).total_seconds() - 1)
        take_in(store, event("1"))
        store.wait(1)
        take_in(store, event("2"))
        usage = UsageCounts(store.lanes.client, store.clock).days(ACME, 2)
        assert [(day.day, day.counts) for day in usage] == [
            (midnight.date(), {DM_RECEIVED: 1}),
            (midnight.date() - timedelta(days=1), {DM_RECEIVED: 1}),
        ]

    def test_what_a_look_up_brought_is_no_event_until_x_delivers_it(self) -> None:
        store = Store()
        take_in(store, event("1"), looked_up=True)
        assert counts(store) == {}
        take_in(store, event("1"))
        assert counts(store) == {DM_RECEIVED: 1}, "the message was here already, and X bills its event all the same"

    def test_own_messages_and_signals_cost_nothing(self) -> None:
        store = Store()
        take_in(store, event("1", own=True), event("2", READ), event("3", TYPING), event("4", "follow_events"))
        assert counts(store) == {}

    def test_an_encrypted_message_is_billed_although_it_becomes_no_message_here(self) -> None:
        store = Store()
        take_in(store, event("5f0c", CHAT), event("5f0d", CHAT, own=True))
        take_in(store, event("5f0c", CHAT))
        assert counts(store) == {DM_RECEIVED: 1}

    def test_a_dead_letter_that_is_sent_again_is_no_new_event(self) -> None:
        store = Store()
        take_in(store, event("1"))
        lease = store.lanes.claim(Direction.IN)
        assert lease is not None
        again = Entry(Direction.IN, ACME, ADA, lease.entry_id, lease.payload, again=True)
        store.lanes.accept([again])
        assert counts(store) == {DM_RECEIVED: 1}

    def test_accounts_are_counted_apart(self) -> None:
        store = Store()
        take_in(store, event("1"), RawEvent(DM, "333", ADA, "1", 1_800_000_000_000))
        assert counts(store) == {DM_RECEIVED: 1}


def test_events_kept_in_the_journal_are_counted_when_they_leave_it(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(services.settings.var_dir / "usage-journal")
    inbox = Inbox(services.lanes, journal)
    inbox.missed()  # the broker does not answer
    take_in_activities([event("1"), event("2")], inbox, lambda family, outcome: None)
    end = time.monotonic() + 15
    while journal.pending():
        assert time.monotonic() < end, "the journal was not emptied"
        time.sleep(0.02)
    assert "journal_replayed" in caplog.text
    assert services.usage.today(ACME).counts == {DM_RECEIVED: 2}


def test_a_send_counts_when_its_id_is_stored(services: Services) -> None:
    services.ledger.done(ACME, ADA, "cim-1", 0, "77")
    services.ledger.done(ACME, ADA, "cim-1", 1, "78")
    assert services.usage.today(ACME).counts == {DM_SENT: 2}


class TestLookUps:
    def test_a_resource_counts_once_a_day_and_kind(self) -> None:
        store = Store()
        usage = UsageCounts(store.lanes.client, store.clock)
        usage.note(ACME, DM_READ, ["1", "2"])
        usage.note(ACME, DM_READ, ["2", "3"])
        usage.note(ACME, USER_READ, ["1"])
        usage.note(ACME, USER_READ, [])
        assert counts(store) == {DM_READ: 3, USER_READ: 1}
        store.wait(86400)
        usage.note(ACME, DM_READ, ["1"])
        assert counts(store) == {DM_READ: 1}

    def test_a_broker_that_is_away_stops_no_look_up(self, services: Services) -> None:
        away = redis.Redis(unix_socket_path="/nonexistent/kv.sock")
        UsageCounts(away, services.clock).note(ACME, DM_READ, ["1"])

    def test_every_key_has_a_lifetime(self) -> None:
        store = Store()
        take_in(store, event("1"))
        UsageCounts(store.lanes.client, store.clock).note(ACME, DM_READ, ["1"])
        found = [key for key in store.lanes.client.keys("*") if ":usage:" in key or ":billed:" in key]
        assert len(found) == 2
        assert [key for key in found if store.lanes.client.ttl(key) <= 0] == []


def test_the_days_are_listed_from_today_back(services: Services) -> None:
    services.ledger.done(ACME, ADA, "cim-1", 0, "77")
    first, *rest = services.usage.days(ACME, 31)
    assert first.day == services.clock().date()
    assert isinstance(first.day, date)
    assert [usage.counts for usage in rest] == [{}] * 30
