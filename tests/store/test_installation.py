"""A broker that comes back empty, older than it was, or as another one."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests.brokers import Broker, running, services_of
from tests.web.web_requests import ACCOUNT
from twitter_connector import bootstrap, create_app
from twitter_connector.accounts.backfill import GAP
from twitter_connector.accounts.broker_loss import fetch_missing, open_gaps
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import Permanent
from twitter_connector.findings.report import all_findings
from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.work import Direction, Entry
from twitter_connector.startup import check_store
from twitter_connector.store.installation import ANOTHER, EMPTY, FILE, OLDER, Installation


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def client(broker: Broker) -> Iterator[redis.Redis]:
    with broker.client() as client:
        yield client


@pytest.fixture
def services(broker: Broker) -> Services:
    return services_of(broker.settings)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 27, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def losses_logged(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message == "broker_lost_data" for record in caplog.records)


def test_a_broker_that_stays_is_no_loss(services: Services, tmp_path: Path) -> None:
    for n in range(3):
        assert services.installation.look() is None
        services.lanes.accept([Entry(Direction.OUT, "acme", "ada", str(n), "{}")])
        services.accounts.save(ACCOUNT)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_an_empty_broker_is_noticed_once_and_names_the_missing_accounts(
    client: redis.Redis, tmp_path: Path, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    installation = Installation(client, tmp_path, clock)
    services.accounts.save(ACCOUNT)
    assert installation.look() is None
    last_seen = clock.now
    client.flushall()
    clock.now += timedelta(seconds=30)
    loss = installation.look()
    assert loss is not None
    assert (loss.kind, loss.accounts, loss.nothing_left) == (EMPTY, (ACCOUNT.id,), True)
    assert moment(loss.since) == last_seen
    assert ACCOUNT.id in loss.detail
    # Another process of this installation learns of it from the file, and logs nothing.
    assert Installation(client, tmp_path, clock).look() == loss
    assert losses_logged(caplog) == 1
    clock.now += timedelta(days=2)
    assert installation.look() == loss, "it matters as long as the account is missing"
    services.accounts.save(ACCOUNT)
    assert installation.look() is None


def test_an_account_that_was_unregistered_is_not_missing(
    client: redis.Redis, tmp_path: Path, services: Services
) -> None:
    installation = Installation(client, tmp_path, Clock())
    services.accounts.save(ACCOUNT)
    installation.look()
    client.flushall()
    services.accounts.withdraw(ACCOUNT.id)
    loss = installation.look()
    assert loss is not None
    assert loss.accounts == ()


def test_a_broker_restored_from_an_older_copy_is_noticed(broker: Broker, tmp_path: Path) -> None:
    clock = Clock()
    with broker.client() as client:
        services, installation = services_of(broker.settings), Installation(client, tmp_path, clock)
        services.lanes.accept([Entry(Direction.OUT, "acme", "ada", "1", "{}")])
        installation.look()
        broker.kill()
        shutil.copytree(tmp_path / "broker" / "appendonlydir", tmp_path / "copy")
        broker.start()
        services.lanes.accept([Entry(Direction.OUT, "acme", "ada", "2", "{}")])
        assert installation.look() is None
        broker.kill()
        shutil.rmtree(tmp_path / "broker" / "appendonlydir")
        shutil.move(tmp_path / "copy", tmp_path / "broker" / "appendonlydir")
        broker.start()
        loss = installation.look()
        assert loss is not None
        assert (loss.kind, loss.accounts) == (OLDER, ())
        clock.now += timedelta(hours=23)
        assert installation.look() is not None
        clock.now += timedelta(hours=2)
        assert installation.look() is None


def test_an_embedded_broker_that_lost_everything_stops_the_start_until_its_data_is_back(
    broker: Broker, client: redis.Redis, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    services.accounts.save(ACCOUNT)
    check_store(broker.settings, patient=False)
    mark = client.get(keys.INSTALLATION)
    row = client.hget(keys.ACCOUNTS, ACCOUNT.id)
    client.flushall()
    for _ in range(2):
        with pytest.raises(Permanent) as refused:
            check_store(broker.settings, patient=False)
        assert refused.value.reason == "broker_lost_data"
        assert ACCOUNT.id in refused.value.detail
        assert FILE in refused.value.detail
        assert "\n" not in refused.value.detail
    # An external broker: the service starts, and fetches the accounts.
    check_store(replace(broker.settings, embedded_broker=False), patient=False)
    client.set(keys.INSTALLATION, str(mark))
    client.hset(keys.ACCOUNTS, ACCOUNT.id, str(row))
    check_store(broker.settings, patient=False)
    assert services.installation.look() is None
    assert "broker_data_back" in [record.message for record in caplog.records]


def test_a_start_notes_its_moment_by_the_brokers_clock(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    check_store(broker.settings, patient=False)
    noted = json.loads((tmp_path / FILE).read_text())["at"] / 1000
    assert abs(noted - time.time()) < 60


def test_after_a_clock_was_put_back_a_loss_begins_when_the_broker_was_seen_last(
    client: redis.Redis, tmp_path: Path
) -> None:
    clock = Clock()
    installation = Installation(client, tmp_path, clock)
    installation.look()
    clock.now -= timedelta(hours=1)
    installation.look()
    last_seen = clock.now
    client.flushall()
    clock.now += timedelta(seconds=30)
    loss = installation.look()
    assert loss is not None
    assert loss.since == epoch_ms(last_seen)


def test_another_broker_is_noticed(client: redis.Redis, tmp_path: Path) -> None:
    installation = Installation(client, tmp_path, Clock())
    installation.look()
    client.set(keys.INSTALLATION, "that of another one")
    loss = installation.look()
    assert loss is not None
    assert loss.kind == ANOTHER


def test_an_installation_without_its_file_starts_anew(client: redis.Redis, tmp_path: Path) -> None:
    installation = Installation(client, tmp_path, Clock())
    installation.look()
    client.flushall()
    (tmp_path / FILE).unlink()
    assert installation.look() is None


def test_a_damaged_file_is_no_loss_and_the_rest_of_a_longer_one_is_ignored(client: redis.Redis, tmp_path: Path) -> None:
    installation = Installation(client, tmp_path, Clock())
    installation.look()
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text + '"rest"}')
    client.flushall()
    assert installation.look() is not None
    (tmp_path / FILE).write_text(text[:20])
    assert installation.look() is None


def test_processes_that_look_at_once_while_work_arrives_see_no_loss(broker: Broker, tmp_path: Path) -> None:
    found: list[object] = []

    def watch() -> None:
        with broker.client() as client:
            installation = Installation(client, tmp_path, lambda: datetime.now(UTC))
            found.extend(installation.look() for _ in range(150))

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    with broker.client() as client:
        while any(thread.is_alive() for thread in threads):
            client.incr(keys.SEQUENCE)
    assert len(found) == 600
    assert set(found) == {None}


def test_readiness_accounts_doctor_and_metrics_say_that_data_was_lost(
    broker: Broker, client: redis.Redis, services: Services
) -> None:
    web = create_app(broker.settings, services).test_client()
    services.accounts.save(ACCOUNT)
    services.heartbeats.beat("worker")
    assert web.get("/health/ready").status_code == 200
    client.flushall()
    services.heartbeats.beat("worker")
    answer = web.get("/health/ready")
    assert (answer.status_code, answer.get_json()["failing"]) == (503, "broker")
    assert ACCOUNT.id in answer.get_json()["detail"]
    assert 'twitter_connector_broker_unsafe{problem="lost_data"} 1.0' in web.get("/metrics").text
    (finding,) = [finding for finding in all_findings(services) if finding.what == "broker data"]
    assert not finding.ok
    services.accounts.save(ACCOUNT)
    answer = web.get("/health/ready")
    assert answer.status_code == 200
    assert "came back empty" in answer.get_json()["remarks"][0]
    assert "came back empty" in web.get(f"/accounts/{ACCOUNT.id}").get_json()["attention"]


def test_after_a_loss_messages_are_read_back_and_missing_accounts_are_fetched(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    services.accounts.save(ACCOUNT)
    since = datetime.now(UTC) - timedelta(minutes=3)
    open_gaps(services.accounts.all(), services.accounts, since)
    assert services.accounts.account_status(ACCOUNT.id)[GAP] == epoch_ms(since)
    asked: list[str] = []

    def fetch(account_id: str) -> Account:
        asked.append(account_id)
        if account_id == "1":
            raise Permanent("unknown_account", "CCM has no credentials for it.")
        return ACCOUNT

    fetch_missing(["1", "2"], fetch)
    assert asked == ["1", "2"]
    lines = [(r.levelno, r.__dict__["account"]) for r in caplog.records if r.message == "account_not_restored"]
    assert lines == [(logging.WARNING, "1")]
