"""Names of Celery queues and tasks, the Celery settings of web and worker, and wake-ups. Imports no task.

A task carries no message. It says that some lane is due, so a lost or doubled one does no harm (docs/decisions/0001).
"""

from __future__ import annotations

import logging
import os
import threading
import time

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.config import Settings
from twitter_connector.model.work import TYPING_INDICATOR, Direction

from .celery_transport import broker_options

log = logging.getLogger(__name__)

UPKEEP_QUEUE = "upkeep"
QUEUES: dict[str, str] = {Direction.IN: "inbound", Direction.OUT: "outbound", TYPING_INDICATOR: "flash"}
CONSUME_TASKS: dict[str, str] = {
    Direction.IN: "workers.inbound.drain_inbound",
    Direction.OUT: "workers.outbound.drain_outbound",
    TYPING_INDICATOR: "workers.flash.pass_on",
}
UPKEEP_TASK = "workers.upkeep.look_after"
BACKFILL_TASK = "workers.upkeep.fill_gaps"
# After this time a worker discards the task: the sweeper has sent newer ones.
WAKEUP_EXPIRES_SECONDS = 60
BACKFILL_EXPIRES_SECONDS = 300
# While the broker is away, a task that must not be lost is sent again after this time.
AWAY_SECONDS = 1.0
# Publishing a task costs more than an acknowledgement. A second wake-up within this time says nothing new: the worker
# that the first one woke is at work.
WAKEUP_INTERVAL_SECONDS = 0.02
# So many wake-ups wait in a queue at most; the oldest are dropped. One is enough to start a worker's work.
WAKEUPS_MAX = 100
# The broker publishes here that a wake-up was sent (lua/wakeups.lua).
CHANNELS = tuple(keys.WAKEUP.format(direction=direction) for direction in Direction)
_KEY_PREFIX = "tc-celery:"


def celery_app(settings: Settings, *, patient: bool) -> Celery:
    """Return a Celery application on the broker. Reasons for each value: docs/decisions/0002-celery-and-redis.md.

    patient: for workers. The web must not wait for a broker that is away.
    """
    url, options = broker_options(settings.redis_url)
    app = Celery("twitter_connector", broker=url, set_as_current=patient)
    timeout = 5.0 if patient else 0.5
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        result_backend=None,
        worker_prefetch_multiplier=1,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=UPKEEP_QUEUE,
        task_create_missing_queues=True,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": _KEY_PREFIX,
            "visibility_timeout": 120,
            "unacked_restore_interval": 300,
            "unacked_restore_throttle": 1,
            "socket_timeout": timeout,
            "socket_connect_timeout": min(timeout, 2.0),
            "socket_keepalive": not settings.redis_url.startswith("unix"),
            "health_check_interval": 10,
            # For BRPOP, which by default returns empty every second.
            "polling_interval": 5,
            **options,
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1},
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        timezone="UTC",
        enable_utc=True,
    )
    return app


def discard_tasks(client: redis.Redis) -> int:
    """Remove all waiting tasks and return their number. For a worker that starts. Raises StoreUnavailable.

    A worker would discard expired tasks one by one. Work that is due is served all the same: the sweeper sends a new
    wake-up, because the marks of pending ones are removed too.
    """
    queues = [_KEY_PREFIX + name for name in (*QUEUES.values(), UPKEEP_QUEUE)]
    with store_errors(), client.pipeline(transaction=True) as pipe:
        for queue in queues:
            pipe.llen(queue)
        pipe.delete(*queues, *(keys.WAKEUP.format(direction=direction) for direction in Direction))
        return sum(pipe.execute()[:-1])


def request_backfill(app: Celery, after: float = 0.0) -> threading.Thread:
    """Have a worker read back the messages that came while the service was down, after so many seconds.

    Return the thread that waits for a broker that is away: Celery waits for its tasks and for what it calls.
    """
    asking = threading.Timer(after, _request_backfill, args=(app,))
    asking.daemon = True
    asking.start()
    return asking


def _request_backfill(app: Celery) -> None:
    while True:
        try:
            app.send_task(BACKFILL_TASK, queue=UPKEEP_QUEUE, expires=BACKFILL_EXPIRES_SECONDS)
        except (OperationalError, redis.RedisError) as error:
            log.warning("wakeup_not_sent", extra={"queue": UPKEEP_QUEUE, "error": type(error).__name__})
            time.sleep(AWAY_SECONDS)
        else:
            return


class Wakeups:
    """Publishes wake-ups in a thread of its own, so that no acknowledgement waits for Celery."""

    def __init__(self, app: Celery, client: redis.Redis) -> None:
        self._app = app
        self._client = client
        self._lock = threading.Lock()
        self._directions: set[str] = set()
        self._awake = threading.Event()
        self._owner = 0

    def wake(self, direction: str) -> None:
        """Wake a worker for one direction, or for TYPING_INDICATOR. Never blocks, never raises."""
        with self._lock:
            self._directions.add(direction)
            if self._owner != os.getpid():
                # Also after a fork: threads do not come along into a gunicorn worker.
                self._owner = os.getpid()
                self._awake = threading.Event()
                threading.Thread(target=self._publish, args=(self._awake,), name="wakeups", daemon=True).start()
            self._awake.set()

    def _publish(self, awake: threading.Event) -> None:
        while True:
            awake.wait()
            with self._lock:
                awake.clear()
                directions, self._directions = self._directions, set()
            for direction in directions:
                try:
                    self._app.send_task(
                        CONSUME_TASKS[direction],
                        queue=QUEUES[direction],
                        expires=WAKEUP_EXPIRES_SECONDS,
                        ignore_result=True,
                    )
                    # Celery puts new tasks in front.
                    self._client.ltrim(_KEY_PREFIX + QUEUES[direction], 0, WAKEUPS_MAX - 1)
                except Exception as error:  # noqa: BLE001 - kombu raises many kinds; the sweeper wakes again
                    log.warning("wakeup_not_sent", extra={"queue": QUEUES[direction], "error": type(error).__name__})
            time.sleep(WAKEUP_INTERVAL_SECONDS)
