"""What happened to an account is kept: webhook, gaps, attention, refused signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tests.brokers import Broker, services_of, settings_in
from tests.fakes import FakeClock, FakePlatform, account_registration
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import V1, Account, Credentials
from twitter_connector.model.account_history import AccountEvent, concerning
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.store.account_history import AccountHistory

ACCOUNT = Account("732739706", Credentials("k", "s", "t", "u"), "https://cx.example.com/webhook/twitter/732739706", {})
AT = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)


def events(services: Services) -> list[str]:
    return [event.event for event in services.history.all(ACCOUNT.id)]


def test_changes_of_webhook_and_gap_are_kept_and_repetitions_are_not(services: Services) -> None:
    for valid, gap in ((1, 0), (1, 0), (0, 0), (0, 1000), (0, 1000), (1, 0)):
        services.accounts.note(ACCOUNT.id, webhook_valid=valid, gap_since=gap, checked_at=1)
    assert sorted(events(services)) == sorted(
        ["webhook_valid", "webhook_invalid", "gap_opened", "webhook_valid", "gap_closed"]
    )
    opened = next(event for event in services.history.all(ACCOUNT.id) if event.event == "gap_opened")
    assert opened.since is not None
    assert epoch_ms(opened.since) == 1000


def test_two_equal_events_of_one_millisecond_are_both_kept(services: Services) -> None:
    now = services.clock()
    history = AccountHistory(services.redis, 14, lambda: now)
    for event in ("webhook_valid", "webhook_invalid", "webhook_valid"):
        history.add(ACCOUNT.id, event)
    assert sorted(events(services)) == ["webhook_invalid", "webhook_valid", "webhook_valid"]


def test_registration_attention_and_unregistration_are_kept(services: Services) -> None:
    services.accounts.save(ACCOUNT)
    services.accounts.change(ACCOUNT.id, lambda a: replace(a, attention="Make a new token.", subscribed=True))
    services.accounts.change(ACCOUNT.id, lambda a: replace(a, attention="", subscribed=False))
    services.accounts.change(ACCOUNT.id, lambda a: a)
    services.accounts.withdraw(ACCOUNT.id)
    assert sorted(events(services)) == [
        "attention",
        "attention_over",
        "not_subscribed",
        "registered",
        "subscribed",
        "unregistered",
    ]
    details = {event.event: event.detail for event in services.history.all(ACCOUNT.id)}
    assert details["attention"] == "Make a new token."


def test_a_registration_is_kept_once_and_one_that_fails_is_not(services: Services) -> None:
    platform = FakePlatform()
    registration = account_registration(services.accounts, services.lanes, platform, FakeClock())
    url = f"https://cx.example.com/twitter-connector/webhook/twitter/{ACCOUNT.id}"
    wish = Registration(ACCOUNT.id, platform.token(ACCOUNT.id), url, V1, {"environment": "prod"})
    registration.register(wish)
    assert events(services).count("registered") == 1
    platform.challenge = lambda url: False
    with pytest.raises(StepFailed):
        registration.register(replace(wish, webhook_url=url.replace("cx.", "desk.")))
    assert events(services).count("registered") == 1


def test_refused_signatures_are_counted_by_the_minute(inspector: redis.Redis) -> None:
    history = AccountHistory(inspector, 7, FakeClock(AT))
    for second in (0, 1, 59, 60):
        history.count_refused("1", AT + timedelta(seconds=second))
    assert inspector.keys("*") == []
    history.flush()
    history.count_refused("1", AT)
    history.flush()
    history.flush()
    assert [(event.at, event.detail) for event in history.all("1")] == [
        (AT, "4 in this minute"),
        (AT + timedelta(minutes=1), "1 in this minute"),
    ]


def test_what_the_broker_does_not_take_is_stored_later(inspector: redis.Redis, services: Services) -> None:
    away = redis.Redis(unix_socket_path="/nowhere", decode_responses=True)
    history = AccountHistory(away, 7, FakeClock(AT))
    history.count_refused("1", AT)
    with pytest.raises(StoreUnavailable):
        history.flush()
    history._client = inspector
    history.flush()
    assert [event.detail for event in history.all("1")] == ["1 in this minute"]


class TestBounds:
    @pytest.fixture
    def history(self, inspector: redis.Redis) -> AccountHistory:
        self.clock = FakeClock(AT)
        return AccountHistory(inspector, 7, self.clock)

    def test_a_history_is_kept_as_long_as_the_log(self, history: AccountHistory, inspector: redis.Redis) -> None:
        history.add("1", "webhook_invalid")
        history.count_refused("1", AT)
        history.flush()
        self.clock.advance(6 * 86400)
        history.add("1", "webhook_valid")
        assert [event.event for event in history.all("1")] == ["webhook_invalid", "signature_refused", "webhook_valid"]
        self.clock.advance(2 * 86400)
        assert [event.event for event in history.all("1")] == ["webhook_valid"]
        assert all(inspector.ttl(key) > 0 for key in inspector.keys("*"))

    def test_it_has_so_many_events_at_most(self, history: AccountHistory, inspector: redis.Redis) -> None:
        for number in range(keys.HISTORY_MAX + 20):
            history.add("1", "webhook_valid", str(number))
            self.clock.advance(1)
        assert inspector.zcard("tc:history:1") == keys.HISTORY_MAX

    def test_a_log_of_no_days_keeps_no_history(self, inspector: redis.Redis) -> None:
        history = AccountHistory(inspector, 0, FakeClock(AT))
        history.add("1", "webhook_valid")
        history.count_refused("1", AT)
        history.flush()
        assert inspector.keys("*") == []
        assert history.all("1") == []


class TestPeriod:
    def test_a_period_begins_with_the_latest_event_of_each_topic_before_it(self) -> None:
        def at(minutes: int, event: str, **more: datetime) -> AccountEvent:
            return AccountEvent(AT + timedelta(minutes=minutes), event, "", **more)

        history = [
            at(-90, "webhook_invalid"),
            at(-60, "webhook_valid"),
            at(-30, "attention"),
            at(-20, "signature_refused"),
            at(5, "signature_refused"),
            at(20, "gap_opened", since=AT + timedelta(minutes=3)),
            at(30, "gap_opened", since=AT + timedelta(minutes=25)),
            at(40, "webhook_invalid"),
        ]
        shown = concerning(history, AT, AT + timedelta(minutes=10))
        assert [(event.event, (event.at - AT) / timedelta(minutes=1)) for event in shown] == [
            ("webhook_valid", -60),
            ("attention", -30),
            ("signature_refused", 5),
            ("gap_opened", 20),
        ]


@pytest.fixture
def without_log(broker_process: Broker, inspector: redis.Redis) -> Iterator[Services]:
    made = services_of(
        settings_in(broker_process.settings.var_dir, REDIS_URL=broker_process.settings.redis_url, MESSAGE_LOG_DAYS="0")
    )
    yield made
    made.redis.close()


def test_the_variable_switches_log_and_history_off(without_log: Services, inspector: redis.Redis) -> None:
    without_log.accounts.save(ACCOUNT)
    assert without_log.lanes.timings.log == 0
    assert inspector.keys("tc:history:*") == []
