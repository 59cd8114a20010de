"""A real Celery worker whose broker dies while its tasks are in work."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests import brokers
from tests.loopback import Reply, Seen, loopback
from tests.tree import ROOT, environment, eventually
from twitter_connector.bootstrap import build_services
from twitter_connector.model.work import Direction, Entry
from twitter_connector.processes import command_lines
from twitter_connector.queue.wakeups import celery_app

KILLS = 2
CONVERSATIONS = 40


@pytest.mark.integration
def test_a_worker_outlives_its_broker_and_then_answers_a_ping_and_starts_again_on_sighup(tmp_path: Path) -> None:
    # Celery's own consumer ends the worker after one or two such kills.
    answer_now = threading.Event()

    def answer(_: Seen) -> Reply:
        answer_now.wait(30)
        return Reply(202)

    with brokers.running(tmp_path) as broker, loopback() as ccm:
        ccm.answer = answer
        env = environment(VAR_DIR=str(tmp_path), CCM_URL=ccm.url, LOG_FORMAT="json", NO_PROXY="*")
        log = tmp_path / "log"
        with log.open("wb") as stderr:
            worker = subprocess.Popen(command_lines.worker(), cwd=ROOT, env=env, stderr=stderr)
        services = build_services(broker.settings)
        try:
            eventually(services.heartbeats.workers, 30, what="a worker")
            for kill in range(KILLS):
                answer_now.clear()
                before = len(ccm.seen)
                for number in range(CONVERSATIONS):
                    name = f"{kill}-{number}"
                    payload = json.dumps({"message": {"id": name, "header": {}, "body": {}}})
                    services.lanes.accept([Entry(Direction.IN, "1", f"{name}~reports", name, payload)])
                eventually(lambda before=before: worker.poll() or len(ccm.seen) > before, 30, what="a message at CCM")
                assert worker.poll() is None, "the worker ended"
                broker.kill()
                answer_now.set()
                broker.start()
                eventually(lambda: services.lanes.waiting("1")[Direction.IN] == 0, 30, what="empty lanes")
            with broker.client() as admin:
                # Each connection begins with a write, which a full broker refuses.
                admin.config_set("maxmemory", 1)
                admin.client_kill_filter(_type="normal", skipme=True)
                eventually(
                    lambda: worker.poll() is not None or log.read_text().count(": OutOfMemoryError") > 1,
                    30,
                    what="a connection that the full broker refused twice",
                )
                assert worker.poll() is None, log.read_text()[-4000:]
                admin.config_set("maxmemory", 0)
            with celery_app(broker.settings, patient=True) as app:
                eventually(lambda: app.control.ping(timeout=1), 30, what="an answer to a ping")
            worker.send_signal(signal.SIGHUP)
            eventually(
                lambda: worker.poll() is not None or log.read_text().count(" ready.") == 2,
                30,
                what="the worker's second start",
            )
        finally:
            services.redis.close()
            worker.terminate()
            worker.wait(30)
        assert worker.returncode == 0
        assert "DeprecationWarning" not in log.read_text()
