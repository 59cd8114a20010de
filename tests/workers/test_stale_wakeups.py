"""A real Celery worker that starts on a broker full of expired wake-ups."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests import brokers
from tests.loopback import Reply, loopback
from tests.tree import ROOT, environment, eventually
from twitter_connector.bootstrap import build_services
from twitter_connector.model.work import Direction, Entry
from twitter_connector.processes import command_lines
from twitter_connector.queue.wakeups import CONSUME_TASKS, QUEUES, celery_app

STALE = 100_000


@pytest.mark.integration
def test_a_hundred_thousand_stale_wakeups_delay_no_event_and_fill_no_log(tmp_path: Path) -> None:
    with brokers.running(tmp_path) as broker, loopback() as ccm, broker.client() as client:
        ccm.answer = lambda _: Reply(202)
        queue = QUEUES[Direction.IN]
        with celery_app(broker.settings, patient=True) as app:
            app.send_task(CONSUME_TASKS[Direction.IN], queue=queue, expires=-1)
        key = f"tc-celery:{queue}"
        (task,) = client.lrange(key, 0, -1)  # type: ignore[misc]
        for _ in range(STALE // 10_000):
            client.lpush(key, *[task] * 10_000)
        env = environment(VAR_DIR=str(tmp_path), CCM_URL=ccm.url, LOG_FORMAT="json", NO_PROXY="*")
        log = tmp_path / "worker.log"
        with log.open("wb") as file:
            worker = subprocess.Popen(command_lines.worker(), cwd=ROOT, env=env, stdout=file, stderr=file)
        try:
            services = build_services(broker.settings)
            eventually(services.heartbeats.workers, 30, what="a worker")
            message = {"id": "8d3fd806-e865-441c-a93a-c5d8e6322e94", "header": {}, "body": {}}
            started = time.monotonic()
            services.lanes.accept([Entry(Direction.IN, "1", "2~reports", "report:1", json.dumps({"message": message}))])
            eventually(lambda: ccm.seen, 30, what="the message at CCM")
            assert time.monotonic() - started < 1.0
            services.redis.close()
        finally:
            worker.terminate()
            worker.wait(30)
        lines = log.read_text()
        assert "old_tasks_discarded" in lines
        assert len(lines.splitlines()) < 100
