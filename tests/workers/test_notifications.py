"""NOTIFY_URL is told once when an account needs a person, and once when it is well again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import redis

from tests.brokers import Broker, broker_process, inspector, services_of
from tests.loopback import Loopback, Reply, loopback
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction
from twitter_connector.startup import now
from workers.upkeep import notify

__all__ = ["broker_process", "inspector"]

ACCOUNT = Account(
    "732739706",
    Credentials("k", "s", "t", "ts"),
    "https://cx.example.com/webhook/twitter/732739706",
    screen_name="acme",
)


@pytest.fixture
def slack() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: Reply(200, b"ok")
        yield server


@pytest.fixture
def services(broker_process: Broker, inspector: redis.Redis, slack: Loopback) -> Iterator[Services]:
    made = services_of(replace(broker_process.settings, notify_url=f"{slack.url}/services/T0/B0/secret?x=1"))
    made.accounts.save(ACCOUNT)
    yield made
    made.redis.close()


def sentences(slack: Loopback) -> list[str]:
    return [json.loads(seen.start)["text"] for seen in slack.seen]


def pause(services: Services, detail: str) -> None:
    until = epoch_ms(now() + timedelta(minutes=10))
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "account_locked", detail)


def test_each_need_and_each_recovery_is_told_once(services: Services, slack: Loopback) -> None:
    notify(services)
    assert sentences(slack) == []
    for _ in range(3):
        pause(services, "Log in at <twitter.com> & unlock it.")
        notify(services)
    pause(services, "Another sentence.")
    notify(services)
    assert sentences(slack) == [
        "X account @acme (732739706) needs a person: Log in at &lt;twitter.com&gt; &amp; unlock it."
    ]
    services.lanes.resume(Direction.OUT, ACCOUNT.id)
    for _ in range(3):
        notify(services)
    assert sentences(slack)[1:] == ["X account @acme (732739706) is well again."]
    first = slack.seen[0]
    assert first.target == "/services/T0/B0/secret?x=1"
    assert first.headers["Content-Type"] == "application/json"


def test_a_notification_that_is_not_taken_comes_a_minute_later_and_its_address_is_in_no_line(
    services: Services, slack: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [Reply(500), Reply(404), Reply(200)]
    slack.answer = lambda _: answers.pop(0)
    pause(services, "Unlock it.")
    for _ in range(4):
        notify(services)
    assert len(sentences(slack)) == 3
    assert [r.message for r in caplog.records if r.message == "notification_not_sent"] == ["notification_not_sent"] * 2
    assert "secret" not in caplog.text
    assert "secret" not in repr(services.settings)


def test_without_the_variable_nobody_is_told(broker_process: Broker, inspector: redis.Redis) -> None:
    made = services_of(broker_process.settings)
    made.accounts.save(replace(ACCOUNT, attention="Register the account."))
    notify(made)
    assert made.notifications is None
    assert "notified" not in made.accounts.account_status(ACCOUNT.id)
    made.redis.close()
