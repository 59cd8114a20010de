"""A worker whose clock differs from the broker's: pauses and ages are lengths by the broker's clock."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers import Broker, broker_process, inspector, services, services_of
from tests.loopback import Loopback, Reply, loopback
from tests.stepped_clock import SteppedClock
from tests.tree import eventually
from twitter_connector.bootstrap import Services
from twitter_connector.model.work import Direction, Entry

__all__ = ["broker_process", "inspector", "services"]

BEHIND = -11 * 60
AHEAD = 26 * 3600
MESSAGE = {"id": "8d3fd806-e865-441c-a93a-c5d8e6322e94", "header": {}, "body": {}}
REPORT = Entry(Direction.IN, "1", "2~reports", "report:1", json.dumps({"message": MESSAGE}))
# One worker process without Celery, which serves as long as it runs.
WORKER = """
import os, time
from twitter_connector.bootstrap import build_services, build_worker
from twitter_connector.startup import start_logging
from twitter_connector.config import Settings
from twitter_connector.model.work import Direction
settings = Settings.from_env(os.environ)
start_logging(settings)
worker = build_worker(build_services(settings, patient=True), "apart")
worker.start()
while True:
    worker.consume(Direction.IN)
    time.sleep(0.02)
"""


@pytest.fixture
def ccm() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: Reply(202)
        yield server


@contextmanager
def worker_apart(broker: Broker, ccm: Loopback, directory: Path, seconds: float) -> Iterator[Path]:
    """Run a worker process whose clock differs from the broker's by so many seconds. Yields its log."""
    clock = SteppedClock(directory)
    clock.set(seconds)
    settings = broker.settings
    env = {
        **clock.env,
        "VAR_DIR": str(settings.var_dir),
        "CCM_URL": ccm.url,
        "LOG_FORMAT": "json",
        "PROMETHEUS_MULTIPROC_DIR": str(directory),
    }
    log = directory / "worker.log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", WORKER], env=env, stdout=file, stderr=file)
    try:
        yield log
    finally:
        process.kill()
        process.wait()


def events(log: Path, name: str) -> list[dict[str, object]]:
    return [row for line in log.read_text().splitlines() if (row := json.loads(line))["event"] == name]


def test_a_worker_that_is_behind_pauses_for_the_whole_length(
    broker_process: Broker, services: Services, ccm: Loopback, tmp_path: Path
) -> None:
    ccm.answer = lambda _: Reply(503, headers=(("Retry-After", "600"),))
    services.lanes.accept([REPORT])
    with worker_apart(broker_process, ccm, tmp_path, BEHIND) as log:
        eventually(lambda: events(log, "account_paused"), 20, what="a pause")
        time.sleep(2)
        assert len(ccm.seen) == 1
        pause = services.lanes.pauses("1")[Direction.IN]
        assert 590 < int(pause["until"]) / 1000 - time.time() < 610


def test_a_worker_that_is_ahead_gives_up_nothing_as_too_old(
    broker_process: Broker, services: Services, ccm: Loopback, tmp_path: Path
) -> None:
    services.lanes.accept([REPORT])
    with worker_apart(broker_process, ccm, tmp_path, AHEAD):
        eventually(lambda: services.lanes.waiting("1")[Direction.IN] == 0, 20, what="an empty lane")
    assert services.status.snapshot(()).dead_letters == 0
    assert [seen.path for seen in ccm.seen] == ["/message/receive"]


@pytest.mark.parametrize("seconds", [BEHIND, AHEAD])
def test_a_difference_is_logged_once_and_known_to_the_service(
    broker_process: Broker, services: Services, ccm: Loopback, tmp_path: Path, seconds: int
) -> None:
    with worker_apart(broker_process, ccm, tmp_path, seconds) as log:
        eventually(lambda: services.status.snapshot(()).clocks, 20, what="the difference")
        difference = services.status.snapshot(()).clocks["apart"]
        assert difference == pytest.approx(seconds, abs=2)
        time.sleep(3)
        lines = events(log, "clock_differs")
        assert [round(float(str(line["seconds"])) - seconds) for line in lines] == [0]
    # A worker that has ended counts no more.
    with broker_process.client() as client:
        client.zrem("tc:workers", "apart")
    assert services.status.snapshot(()).clocks == {}


def test_a_worker_whose_clock_agrees_says_nothing(
    broker_process: Broker, services: Services, ccm: Loopback, tmp_path: Path
) -> None:
    with worker_apart(broker_process, ccm, tmp_path, 1) as log:
        eventually(services.heartbeats.workers, 20, what="a heartbeat")
        time.sleep(1)
        assert events(log, "clock_differs") == []
        assert services.status.snapshot(()).clocks == {}


def test_the_services_of_the_web_have_the_brokers_time_too(broker_process: Broker) -> None:
    svc = services_of(broker_process.settings)
    assert abs(svc.clock().timestamp() - time.time()) < 2
