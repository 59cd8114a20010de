"""Wake-ups: sending one never blocks, and a burst of them is sent as one."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from celery import Celery

from tests.brokers import Broker, broker_process, inspector, running, services, settings_in
from tests.tree import eventually
from twitter_connector.bootstrap import Services
from twitter_connector.model.work import TYPING_INDICATOR, Direction, Entry
from twitter_connector.queue.wakeups import (
    CONSUME_TASKS,
    QUEUES,
    UPKEEP_QUEUE,
    WAKEUPS_MAX,
    Wakeups,
    celery_app,
    discard_tasks,
    request_backfill,
)

IN, OUT = Direction.IN, Direction.OUT

__all__ = ["broker_process", "inspector", "services"]


class FakeCelery:
    """Takes what is published; can be made to hang or to fail."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.failures: list[Exception] = []

    def send_task(self, name: str, *, queue: str, expires: float, ignore_result: bool) -> None:
        self.gate.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        assert expires > 0
        assert ignore_result
        self.published.append((name, queue))


@pytest.fixture
def celery() -> FakeCelery:
    return FakeCelery()


@pytest.fixture
def wakeups(celery: FakeCelery, inspector: redis.Redis) -> Wakeups:
    return Wakeups(cast(Celery, celery), inspector)


def test_a_wake_up_reaches_the_workers_of_its_direction(wakeups: Wakeups, celery: FakeCelery) -> None:
    for direction in Direction:
        wakeups.wake(direction)
    eventually(lambda: len(celery.published) == 2)
    assert sorted(celery.published) == sorted((CONSUME_TASKS[d], QUEUES[d]) for d in Direction)


def test_sending_a_wake_up_never_blocks_and_a_burst_is_one_wake_up(wakeups: Wakeups, celery: FakeCelery) -> None:
    celery.gate.clear()
    wakeups.wake(IN)
    started = time.monotonic()
    for _ in range(1000):
        wakeups.wake(IN)
    assert time.monotonic() - started < 1
    celery.gate.set()
    eventually(lambda: celery.published)
    time.sleep(0.1)
    assert len(celery.published) <= 2


def test_a_wake_up_that_fails_is_no_failure_of_its_sender(wakeups: Wakeups, celery: FakeCelery) -> None:
    celery.failures.append(ConnectionError("the broker is away"))
    wakeups.wake(IN)
    eventually(lambda: not celery.failures)
    wakeups.wake(OUT)
    eventually(lambda: celery.published == [(CONSUME_TASKS[OUT], QUEUES[OUT])])


def _publishes_after_a_fork() -> None:
    celery = FakeCelery()
    # Nobody listens there. Shortening the queue fails, which the next wake-up must survive.
    wakeups = Wakeups(cast(Celery, celery), redis.Redis(port=9))
    wakeups.wake(IN)
    eventually(lambda: celery.published)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
    wakeups.wake(OUT)
    end = time.monotonic() + 20
    while len(celery.published) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    os._exit(0 if len(celery.published) == 2 else 1)


def test_a_process_that_was_forked_from_one_with_wakeups_publishes_its_own() -> None:
    """A gunicorn worker is a fork of the process that has loaded the application."""
    process = multiprocessing.get_context("spawn").Process(target=_publishes_after_a_fork)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_tasks_carry_no_message_and_are_never_put_off(tmp_path: Any) -> None:
    conf = celery_app(settings_in(tmp_path), patient=True).conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_ignore_result
    assert conf.result_backend is None
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.broker_transport_options["visibility_timeout"] <= 600
    assert conf.broker_connection_max_retries is None


def test_every_wakeup_has_a_task_and_a_queue() -> None:
    from pathlib import Path

    tasks = (Path(__file__).parents[2] / "workers" / "tasks.py").read_text("utf-8")
    for name in ("Direction.IN", "Direction.OUT", "TYPING_INDICATOR"):
        assert f"@app.task(name=CONSUME_TASKS[{name}])" in tasks, name
    assert set(CONSUME_TASKS) == set(QUEUES) == {IN, OUT, TYPING_INDICATOR}


def test_wakeups_that_nobody_takes_are_bounded_and_the_newest_remains(
    broker_process: Broker, inspector: redis.Redis
) -> None:
    inspector.rpush("tc-celery:inbound", *(f"old {n}" for n in range(100_000)))
    with celery_app(broker_process.settings, patient=True) as app:
        Wakeups(app, inspector).wake(IN)
        eventually(lambda: inspector.llen("tc-celery:inbound") <= WAKEUPS_MAX)
    newest, *older = inspector.lrange("tc-celery:inbound", 0, -1)  # type: ignore[misc]
    assert CONSUME_TASKS[IN] in newest
    assert older == [f"old {n}" for n in range(WAKEUPS_MAX - 1)]


def test_work_whose_wakeup_was_discarded_gets_a_new_one(services: Services, inspector: redis.Redis) -> None:
    services.lanes.accept([Entry(OUT, "acme", "ada", "1", "{}")])
    assert not services.lanes.wake_if_due(OUT), "its wake-up is pending"
    inspector.rpush("tc-celery:outbound", "its wake-up")
    inspector.rpush("tc-celery:upkeep", "expired")
    assert discard_tasks(inspector) == 2
    assert not inspector.exists("tc-celery:outbound", "tc-celery:upkeep")
    assert services.lanes.wake_if_due(OUT)


def test_the_request_to_read_back_missed_messages_waits_for_a_broker_that_is_away(tmp_path: Path) -> None:
    with running(tmp_path) as broker, celery_app(broker.settings, patient=False) as app:
        broker.kill()
        asking = request_backfill(app)
        asking.join(0.5)
        assert asking.is_alive()
        broker.start()
        asking.join(20)
        with broker.client() as client:
            assert client.llen(f"tc-celery:{UPKEEP_QUEUE}") == 1
