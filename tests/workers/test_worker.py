"""A worker process without Celery: the sweeper must deliver by itself when no task ever comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import brokers
from tests.loopback import Loopback, Reply, loopback
from tests.tree import eventually
from twitter_connector.bootstrap import Services, build_services, build_worker
from twitter_connector.delivery import worker as sweeper
from twitter_connector.delivery.worker import Worker
from twitter_connector.model.work import Direction, Entry


@pytest.fixture
def ccm() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: Reply(202)
        yield server


@pytest.fixture
def services(tmp_path: Path, ccm: Loopback) -> Iterator[Services]:
    with brokers.running(tmp_path) as broker:
        yield build_services(replace(broker.settings, ccm_url=ccm.url), patient=True)


@pytest.fixture
def worker(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(sweeper, "SILENT_SECONDS", 0.5)
    # Wake-ups are published, but there is no Celery consumer to bring any of them.
    worker = build_worker(services, "alone")
    yield worker
    worker.stop()


def test_work_is_served_although_celery_brings_no_wakeup(
    services: Services, worker: Worker, ccm: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    message = {"id": "8d3fd806-e865-441c-a93a-c5d8e6322e94", "header": {}, "body": {}}
    entry = Entry(Direction.IN, "1", "2~reports", "report:1", json.dumps({"message": message}))
    services.lanes.accept([entry])
    worker.start()
    eventually(lambda: [seen.path for seen in ccm.seen] == ["/message/receive"], 20, what="the message at CCM")
    eventually(lambda: services.lanes.waiting("1")[Direction.IN] == 0, what="an empty lane")
    assert any(record.message == "wakeups_missing" for record in caplog.records)


def test_a_worker_that_has_nothing_to_do_does_not_complain(
    services: Services, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.start()
    eventually(lambda: services.heartbeats.workers() == ["alone"], what="a heartbeat")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_first_heartbeat_waits_for_no_rest(
    services: Services, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 600.0)
    worker.start()
    eventually(lambda: services.heartbeats.workers() == ["alone"], what="a heartbeat")
