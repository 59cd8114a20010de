"""The Celery application: settings, schedule, one Runtime per process, and the sweeper that needs no bell."""

from __future__ import annotations

import os
import socket
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

from twitter_connector import logs
from twitter_connector.config import Settings
from twitter_connector.queue.wakeups import BACKFILL_TASK, UPKEEP_QUEUE, UPKEEP_TASK, celery_app

from .runtime import Runtime

# Celery warns root off because of pickle; this application accepts JSON only.
warnings.filterwarnings("ignore", category=SecurityWarning)
# And of a coming default: to cancel running tasks when the broker is lost. A drain goes on with the lane it holds.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
settings = Settings.from_env()
app: Celery = celery_app(settings, patient=True)
app.conf.update(
    include=["workers.inbound", "workers.outbound", "workers.flash", "workers.upkeep"],
    beat_schedule={
        "upkeep": {
            "task": UPKEEP_TASK,
            "schedule": 60.0,
            # One that waits longer than the next is due has nothing left to say.
            "options": {"queue": UPKEEP_QUEUE, "expires": 55},
        }
    },
)
_runtime: Runtime | None = None


def runtime() -> Runtime:
    """Return this process's runtime, built when first asked for."""
    global _runtime  # noqa: PLW0603 - one per process, and Celery offers no other place for it
    if _runtime is None:
        _runtime = Runtime(settings, name=f"{socket.gethostname()}:{os.getpid()}")
    return _runtime


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: Any) -> None:
    logs.configure(settings.log_level, settings.log_format)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    runtime().start()
    app.send_task(BACKFILL_TASK, queue=UPKEEP_QUEUE, expires=300)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    # Drains look at this after every message, so a plain SIGTERM is quick.
    runtime().stop()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _gone(**_: Any) -> None:
    runtime().leave()
