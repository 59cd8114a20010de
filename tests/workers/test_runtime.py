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
from twitter_connector.model.work import Direction, Entry
from workers import runtime as runtime_module
from workers.runtime import Runtime


@pytest.fixture
def ccm() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: Reply(202)
        yield server


@pytest.fixture
def worker(tmp_path: Path, ccm: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    monkeypatch.setattr(runtime_module, "SILENT_SECONDS", 0.5)
    with brokers.running(tmp_path) as broker:
        worker = Runtime(replace(broker.settings, ccm_url=ccm.url), name="alone")
        # Bells are published, but no consumer is there to bring any of them.
        yield worker
        worker.stop()


def test_work_is_served_although_celery_brings_no_bell(
    worker: Runtime, ccm: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    message = {"id": "8d3fd806-e865-441c-a93a-c5d8e6322e94", "header": {}, "body": {}}
    entry = Entry(Direction.IN, "1", "2~reports", "report:1", json.dumps({"message": message}))
    worker.services.lanes.accept([entry])
    worker.start()
    eventually(lambda: [seen.path for seen in ccm.seen] == ["/message/receive"], 20, what="the message at CCM")
    eventually(lambda: worker.services.lanes.waiting("1")[Direction.IN] == 0, what="an empty lane")
    assert any(record.message == "wakeups_missing" for record in caplog.records)


def test_a_worker_that_has_nothing_to_do_does_not_complain(worker: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    worker.start()
    eventually(lambda: worker.services.heartbeats.workers() == ["alone"], what="a sign of life")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
