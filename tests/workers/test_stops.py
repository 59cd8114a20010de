"""What ends a scheduler and a worker: signals and Celery's remote control."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.beat import Service
from celery.exceptions import WorkerShutdown

from workers import consumer
from workers.scheduler import Scheduler


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts the handlers of this process back."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in former.items():
        signal.signal(number, handler)


class SignalledInDestructor:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("handlers")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_scheduler_stops_although_a_destructor_discards_the_exception_of_its_signal_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = []

    def tick(*_: Any, **__: Any) -> float:
        ticks.append(None)
        assert len(ticks) == 1, "the scheduler goes on"
        SignalledInDestructor()
        return 60.0

    monkeypatch.setattr("celery.beat.Scheduler.tick", tick)
    monkeypatch.setattr(Scheduler, "_touched_at", float("inf"))
    app = Celery(broker="memory://")
    service = Service(app, scheduler_cls=Scheduler)
    app.Beat().install_sync_handler(service)
    service.start()
    assert len(ticks) == 1


@pytest.mark.usefixtures("handlers")
def test_a_remote_shutdown_stops_the_worker_as_sigterm_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, shutdown = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())

    def answer(*_: Any) -> None:
        shutdown.set()
        raise WorkerShutdown("Got shutdown from remote")

    control = object.__new__(consumer._RemoteControl)
    monkeypatch.setattr(control, "_answer", answer)
    thread = threading.Thread(target=control._run, args=(SimpleNamespace(connection=True), shutdown))
    thread.start()
    thread.join(20)
    assert stopped.wait(20)
