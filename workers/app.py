"""The Celery application of the workers and the scheduler, as `celery -A workers.app worker` and `beat` start it.

The values here make the plain commands right; the flags of the command line win over them.
Reasons for each value: docs/decisions/0002-celery-and-redis.md.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import warnings
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import click
from celery import Celery, signals
from celery.apps.worker import Worker
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from twitter_connector import core_dumps
from twitter_connector.config import Settings
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE, UPKEEP_TASK, celery_app, request_backfill
from twitter_connector.startup import (
    clear_spool,
    discard_old_tasks,
    require_safe_broker,
    require_store,
    require_surroundings,
    start_logging,
)

if TYPE_CHECKING:
    from twitter_connector.bootstrap import Services
    from twitter_connector.delivery.worker import Worker as DeliveryWorker

# Celery warns root about pickle; this application accepts JSON only.
warnings.filterwarnings("ignore", category=SecurityWarning)
settings = Settings.from_env_or_exit()
app: Celery = celery_app(settings, patient=True)
app.conf.update(
    include=["workers.tasks"],
    task_queues={
        **{name: {"exchange": name, "routing_key": name} for name in QUEUES.values()},
        # Without acknowledgements, which are writes to the broker's disk: what a dying worker loses of this queue comes
        # again within a minute, or when its successor starts.
        UPKEEP_QUEUE: {"exchange": UPKEEP_QUEUE, "routing_key": UPKEEP_QUEUE, "no_ack": True},
    },
    # Threads: every delivery waits for another side's answer.
    worker_pool="threads",
    worker_concurrency=settings.worker_concurrency,
    worker_enable_remote_control=True,
    # A broker that is full, or whose disk is, refuses the first write of each connection. Celery would end the worker.
    broker_channel_error_retry=True,
    worker_consumer="workers.consumer:Consumer",
    # The schedule has one entry, so the scheduler keeps it in memory.
    beat_scheduler="workers.scheduler:Scheduler",
    # Not a setting of Celery's: the scheduler reads it.
    beat_file=settings.beat_file,
    beat_schedule={
        "upkeep": {
            "task": UPKEEP_TASK,
            "schedule": 60.0,
            # The next one is due after 60 s, so an older one is worthless.
            "options": {"queue": UPKEEP_QUEUE, "expires": 55},
        }
    },
)


class QuietWorker(Worker):  # type: ignore[misc]
    """Celery's worker without gossip, mingle and event heartbeats, which nothing here uses.

    Celery has flags for these and no settings.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "without_gossip": True, "without_mingle": True, "without_heartbeat": True})


# `Celery.Worker` is a cached property, made to be replaced: https://docs.celeryq.dev/en/stable/userguide/extending.html
app.Worker = app.subclass_with_self(QuietWorker)
log = logging.getLogger(__name__)
_services: Services | None = None
_worker: DeliveryWorker | None = None
_lock: IO[bytes] | None = None
_concurrency = settings.worker_concurrency


def services() -> Services:
    """Return this process's services. The first call builds them."""
    global _services  # noqa: PLW0603 - one per process, and Celery offers no other place for it
    if _services is None:
        # Here and below: the scheduler imports this module too, and the services take half a second to import.
        from twitter_connector.bootstrap import build_services

        _services = build_services(replace(settings, worker_concurrency=_concurrency), patient=True)
    return _services


def worker() -> DeliveryWorker:
    """Return this process's worker. The first call builds it."""
    global _worker  # noqa: PLW0603 - see services()
    if _worker is None:
        from twitter_connector.bootstrap import build_worker

        _worker = build_worker(services(), f"{socket.gethostname()}:{os.getpid()}", queues=_served_queues)
    return _worker


def _served_queues() -> list[str]:
    """Return the queues this worker takes tasks from at this moment; remote control may change them."""
    return list(app.amqp.queues.consume_from)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(logfile: str | None = None, **_: Any) -> None:
    start_logging(settings, level=_typed_level(), file=logfile)


def _typed_level() -> str | None:
    """Return the level of `-l`, or None if it was not typed; Celery passes its default in the same place."""
    context = click.get_current_context(silent=True)
    if context is None or "loglevel" not in context.params:
        return None
    typed = context.get_parameter_source("loglevel") is click.core.ParameterSource.COMMANDLINE
    return logging.getLevelName(context.params["loglevel"]) if typed else None


@signals.beat_init.connect  # type: ignore[untyped-decorator]
def _check_for_scheduler(**_: Any) -> None:
    require_surroundings(settings)
    # Celery would try for ever where only a person can correct something.
    require_safe_broker(settings)


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _prepare_worker(instance: Any, **_: Any) -> None:
    global _concurrency  # noqa: PLW0603 - see services()
    _concurrency = instance.concurrency
    # About a future default: cancel running tasks when the broker is lost. Our tasks go on with their lane. Celery has
    # set up logging by now, and shows these warnings since.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)

    # Before the consumer starts: it would fetch and discard expired tasks one by one.
    discard_old_tasks(settings)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    require_surroundings(settings)
    require_store(settings)
    core_dumps.forbid()
    _hold_lock()
    clear_spool(settings)
    worker().start()
    svc = services()
    from twitter_connector import counter_files
    from twitter_connector.bootstrap import build_readers

    counter_files.log_problem()
    build_readers(svc, worker()).start()
    request_backfill(app)


def _hold_lock() -> None:
    """Lock a file for as long as this process lives: `twitter-connector alive --worker` looks at it if the broker is
    away. Files of workers that have ended are removed."""
    global _lock  # noqa: PLW0603 - see services()
    try:
        settings.worker_locks.mkdir(mode=0o700, exist_ok=True)
        for path in settings.worker_locks.glob("*.lock"):
            with path.open("rb") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        _lock = (settings.worker_locks / f"{os.getpid()}.lock").open("wb")
        fcntl.flock(_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        log.warning("worker_lock_failed", extra={"error": type(error).__name__, "path": str(settings.worker_locks)})


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    # Consumers check this after every message, so a plain SIGTERM is quick.
    if _worker is not None:
        _worker.stop()
    from .consumer import wake_event_loop

    wake_event_loop()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _gone(**_: Any) -> None:
    if _worker is not None:
        _worker.leave()
