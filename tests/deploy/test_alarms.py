"""Each alarm of deploy/prometheus/alerts.yaml fires when its fault is there, and none on a healthy service.

The service and its broker are real. Prometheus' own engine evaluates the alarms on what /metrics answered.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import pytest
import redis
import yaml
from flask.testing import FlaskClient

from tests.brokers import Broker, broker_process, inspector, running, services, services_of
from tests.deploy.promtool import ALERTS, PROMTOOL, firing, needs_promtool, series_of
from tests.loopback import Reply, Seen, loopback
from tests.stepped_clock import SteppedClock
from tests.test_docs import slug
from tests.tree import ROOT
from tests.web.web_requests import ACCOUNT, cim, dm, post_event
from twitter_connector import create_app
from twitter_connector.bootstrap import Services, build_worker
from twitter_connector.errors import StoreUnavailable
from twitter_connector.metrics import Outcomes
from twitter_connector.model.work import Direction, Lease
from workers.upkeep import trim_dead_letters

__all__ = ["broker_process", "inspector", "services"]

JSON = (("Content-Type", "application/json"),)


class Service:
    """A web process with its broker, one account and one living worker."""

    def __init__(self, services: Services, inspector: redis.Redis) -> None:
        self.services = services
        self.inspector = inspector
        services.accounts.save(ACCOUNT)
        services.accounts.note(ACCOUNT.id, webhook_valid=1)
        self.worker_lives = True
        self.client: FlaskClient = create_app(services.settings, services).test_client()
        self.use("1")

    def use(self, number: str) -> None:
        """Have an event and a reply come in."""
        assert post_event(self.client, dm(number)).status_code == 200
        assert self.client.post("/cim-messages", json=cim(number)).status_code == 202

    @contextmanager
    def others(self, reply: Reply | Callable[[Seen], Reply]) -> Iterator[None]:
        """Have a server that answers so in the place of X and CCM."""
        with loopback() as server:
            server.answer = (lambda seen: reply) if isinstance(reply, Reply) else reply
            settings = replace(
                self.services.settings, ccm_url=server.url, twitter_api_url=server.url, twitter_upload_url=server.url
            )
            self.delivering = services_of(settings)
            yield
            self.delivering.redis.close()

    def deliver(self, direction: Direction) -> None:
        """Try what is due in one direction once, as a worker does."""
        consumer = build_worker(self.delivering, "one").listeners[direction].consumer
        lease = self.delivering.lanes.claim(direction)
        assert lease is not None
        assert consumer.work(lease, time.monotonic()) == 1

    @cached_property
    def lease(self) -> Lease:
        """The lease of a lane, as a worker has it."""
        lease = self.services.lanes.claim(Direction.IN)
        assert lease is not None
        return lease

    def scrape(self) -> str:
        """Return the metrics as Prometheus would get them. Until then, the worker has sent its heartbeats."""
        with suppress(StoreUnavailable):
            if self.worker_lives:
                self.services.heartbeats.beat("one", difference=self.services.clock.reported())
        return self.client.get("/metrics").get_data(as_text=True)


@pytest.fixture
def service(services: Services, inspector: redis.Redis) -> Iterator[Service]:
    yield Service(services, inspector)
    inspector.config_set("maxmemory-policy", "noeviction")


def eviction_is_on(service: Service) -> None:
    service.inspector.config_set("maxmemory-policy", "allkeys-lru")


def data_is_lost(service: Service) -> None:
    service.services.installation.look()
    service.inspector.flushall()
    service.services.installation.look()


def worker_is_dead(service: Service) -> None:
    service.worker_lives = False
    service.services.heartbeats.forget("one")


def credentials_are_refused(service: Service) -> None:
    with service.others(refusal(401, 89, "Invalid or expired token.")):
        service.deliver(Direction.OUT)


def account_needs_a_person(service: Service) -> None:
    with service.others(refusal(401, 89, "Invalid or expired token.")):
        service.delivering.upkeep.check_due()


def webhook_is_invalid(service: Service) -> None:
    none = Reply(200, json.dumps({"environments": [{"environment_name": "prod", "webhooks": []}]}).encode(), JSON)

    def without_webhook(seen: Seen) -> Reply:
        # X has deleted it, and does not take a new one.
        return none if seen.method == "GET" else refusal(403, 214, "Webhook URL does not meet the requirements.")

    with service.others(without_webhook):
        service.delivering.upkeep.check_due()


def refusal(status: int, code: int, message: str) -> Reply:
    """Return a refusal in the form of API v1.1."""
    return Reply(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), JSON)


def message_is_given_up(service: Service) -> None:
    with service.others(Reply(400)):
        service.deliver(Direction.IN)


def dead_letters_are_dropped(service: Service) -> None:
    message_is_given_up(service)
    age = timedelta(milliseconds=1)
    impatient = replace(service.services, settings=replace(service.services.settings, dead_letters_max_age=age))
    time.sleep(0.002)
    trim_dead_letters(impatient)


def broker_is_slow(service: Service) -> None:
    for number in ("2", "3"):
        service.inspector.execute_command("CLIENT", "PAUSE", "700")
        service.use(number)


def signatures_are_wrong(service: Service) -> None:
    for _ in range(60):
        assert post_event(service.client, dm(), secret="another").status_code == 401


def ccm_sends_something_else(service: Service) -> None:
    for _ in range(3):
        assert service.client.post("/cim-messages", json={"id": "1"}).status_code == 400


FAULTS: dict[str, Callable[[Service], None]] = {
    "TwitterConnectorBrokerUnsafe": eviction_is_on,
    "TwitterConnectorBrokerLostData": data_is_lost,
    "TwitterConnectorNoWorker": worker_is_dead,
    "TwitterConnectorAccountPaused": credentials_are_refused,
    "TwitterConnectorAccountNeedsPerson": account_needs_a_person,
    "TwitterConnectorWebhookInvalid": webhook_is_invalid,
    "TwitterConnectorDeadLetters": message_is_given_up,
    "TwitterConnectorDeadLettersDropped": dead_letters_are_dropped,
    "TwitterConnectorSlowAcknowledgement": broker_is_slow,
    "TwitterConnectorEventsRefused": signatures_are_wrong,
    "TwitterConnectorCcmMessagesRefused": ccm_sends_something_else,
}
# These have tests of their own below.
OTHERS = {
    "TwitterConnectorBrokerDown",
    "TwitterConnectorClockWrong",
    "TwitterConnectorConversationsWait",
    "TwitterConnectorDown",
    "TwitterConnectorJournalNotEmpty",
    "TwitterConnectorSlowDelivery",
}


def alarms() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_every_alarm_has_a_test_that_fires_it() -> None:
    assert {alarm["alert"] for alarm in alarms()} == FAULTS.keys() | OTHERS


def test_the_metrics_have_times_end_to_end_and_the_version(service: Service) -> None:
    before = series_of(service.scrape())
    Outcomes(service.lease.direction).message_delivered(service.lease, 42.0)
    after = series_of(service.scrape())
    bucket = 'twitter_connector_end_to_end_seconds_bucket{direction="inbound",le="%s"}'
    assert after[bucket % "30.0"] == before.get(bucket % "30.0", 0)
    assert after[bucket % "60.0"] == before.get(bucket % "60.0", 0) + 1
    build = f'twitter_connector_build_info{{python="{python_version()}",version="{version("twitter-connector")}"}}'
    assert after[build] == 1


@needs_promtool
def test_promtool_accepts_the_alarms() -> None:
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_a_healthy_service_raises_no_alarm(service: Service, tmp_path: Path) -> None:
    first = service.scrape()
    # So many that one slow moment of this machine is below the 99th percentile.
    for number in range(2, 152):
        service.use(str(number))
    assert firing(first, service.scrape(), tmp_path) == set()


@needs_promtool
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_raises_its_alarm(service: Service, tmp_path: Path, name: str) -> None:
    # A counter with labels is there from its first count on; Prometheus needs it before the fault.
    if FAULTS[name] in (signatures_are_wrong, ccm_sends_something_else):
        FAULTS[name](service)
    first = service.scrape()
    FAULTS[name](service)
    fired = firing(first, service.scrape(), tmp_path)
    assert name in fired
    # One fault does not look like many.
    assert len(fired) <= 3, fired


@needs_promtool
def test_a_service_without_metrics_raises_the_alarm(service: Service, tmp_path: Path) -> None:
    assert firing(service.scrape(), "", tmp_path) == {"TwitterConnectorDown"}


@needs_promtool
def test_a_broker_that_is_away_raises_the_alarms_of_broker_and_journal(tmp_path: Path) -> None:
    with running(tmp_path) as broker, service_on(broker) as service:
        first = service.scrape()
        broker.kill()
        end = time.monotonic() + 10
        while service.services.inbox.journal_bytes() == 0:
            assert time.monotonic() < end
            service.use("2")
        second = service.scrape()
        assert firing(first, second, tmp_path) >= {"TwitterConnectorBrokerDown", "TwitterConnectorJournalNotEmpty"}


@needs_promtool
def test_an_x_that_answers_late_raises_the_alarm_of_slow_deliveries(service: Service, tmp_path: Path) -> None:
    body = json.dumps({"event": {"id": "99", "created_timestamp": "1576540475925"}}).encode()
    quick = Reply(200, body, (("Content-Type", "application/json"),))
    with service.others(quick):
        service.deliver(Direction.OUT)
    first = service.scrape()
    service.use("2")
    # The alarm's limit is ten seconds.
    with service.others(replace(quick, pause=lambda: time.sleep(10.2))):
        service.deliver(Direction.OUT)
    assert firing(first, service.scrape(), tmp_path) == {"TwitterConnectorSlowDelivery"}


@needs_promtool
def test_a_broker_with_another_time_raises_the_alarm_of_the_clock(tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path)
    clock.set(660)
    with running(tmp_path / "kv", env=clock.env) as broker, service_on(broker) as service:
        first = service.scrape()
        assert "TwitterConnectorClockWrong" in firing(first, service.scrape(), tmp_path)


@needs_promtool
def test_conversations_that_nobody_serves_raise_the_alarm(tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path)
    clock.set(-90)
    with running(tmp_path / "kv", fsync="always", env=clock.env) as broker:
        with service_on(broker) as service:
            first = service.scrape()
        broker.kill()
        # A minute and a half later.
        clock.set(0)
        broker.start()
        services = services_of(broker.settings)
        services.heartbeats.beat("one")
        second = create_app(services.settings, services).test_client().get("/metrics").get_data(as_text=True)
        services.redis.close()
    assert firing(first, second, tmp_path) == {"TwitterConnectorConversationsWait"}


@contextmanager
def service_on(broker: Broker) -> Iterator[Service]:
    services = services_of(broker.settings)
    with broker.client() as client:
        yield Service(services, client)
    services.redis.close()


@pytest.mark.parametrize("alarm", alarms(), ids=lambda alarm: alarm["alert"])
def test_an_alarm_says_what_to_do(alarm: dict[str, Any]) -> None:
    assert alarm["labels"]["severity"] in ("critical", "warning")
    assert alarm["annotations"]["summary"]
    assert alarm["annotations"]["description"]
    page, _, anchor = alarm["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    headings = [
        line.lstrip("#").strip() for line in (ROOT / page).read_text("utf-8").splitlines() if line.startswith("##")
    ]
    assert anchor in {slug(heading) for heading in headings}
