"""Prepares a process before it builds its services: its log, the checks of VAR_DIR and the broker, and clearing up.

Imports little, so that the supervisor, the scheduler and the probes start quickly.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from twitter_connector import logs
from twitter_connector.broker.connection import connect
from twitter_connector.broker.safety import BrokerSafety
from twitter_connector.config import Settings
from twitter_connector.errors import ConnectorError, Permanent, StoreRefused, StoreUnavailable
from twitter_connector.media.spool import sweep
from twitter_connector.open_files import too_few_files
from twitter_connector.store.heartbeats import Heartbeats
from twitter_connector.var_dir import unusable

log = logging.getLogger(__name__)


def now() -> datetime:
    """Return the present moment by this machine's clock. The services measure by the broker's, see BrokerClock."""
    return datetime.now(UTC)


def start_logging(settings: Settings, *, level: str | None = None, file: str | None = None) -> None:
    """Set up this process's log, and log a warning for each variable that has no effect.

    level, file: from a command line; they win over the settings.
    """
    logs.configure(level or settings.log_level, settings.log_format, file, settings.warnings)


def require_surroundings(settings: Settings) -> None:
    """Print one line and end the process if VAR_DIR cannot be used, or too few files may be open."""
    if sentence := unusable(settings.var_dir) or too_few_files(settings.worker_concurrency):
        print(f"error: {logs.without_controls(sentence)}", file=sys.stderr)  # noqa: T201 - for the person who starts it
        raise SystemExit(1)


def check_store(settings: Settings, *, patient: bool) -> None:
    """Return if the broker is safe to use, has its data, and the credentials key opens what is stored.

    Raises Permanent, which says what to do, and StoreUnavailable. An external broker that lost its data stops no start:
    the accounts are fetched from CCM.
    """
    # The probe of a worker imports this module too, and these take a third of its processor time.
    from twitter_connector.broker.line import Line
    from twitter_connector.queue.clock import BrokerClock
    from twitter_connector.store.installation import Installation
    from twitter_connector.store.resealing import verify_key
    from twitter_connector.store.vault import Vault, keys_of

    vault = Vault(keys_of(settings.credentials_keys, settings.var_dir))
    with connect(settings.redis_url, patient=patient) as client:
        BrokerSafety(client, allow_eviction=settings.broker_eviction == "allow").require()
        clock = BrokerClock(Line(client, patient=patient), now)
        loss = Installation(client, settings.var_dir, clock).look()
        if loss is not None and loss.nothing_left and settings.embedded_broker:
            path = settings.var_dir / "broker"
            advice = (
                f"Start the server version that wrote {path}, or restore it. To start empty, delete {path}-seen.json."
            )
            raise Permanent("broker_lost_data", f"{loss.detail} {advice}", ours=True)
        verify_key(client, vault)


def require_store(settings: Settings) -> None:
    """Print one line and end the process if the broker must not be used, see `check_store`. With a wrong key, for
    example, a worker would turn every message into a dead letter."""
    with _ending_the_process(settings):
        check_store(settings, patient=True)


def require_safe_broker(settings: Settings) -> None:
    """Print one line and end the process if the broker evicts. Readiness says what else is wrong with it."""
    with _ending_the_process(settings), connect(settings.redis_url, patient=False) as client:
        BrokerSafety(client, allow_eviction=settings.broker_eviction == "allow").require()


@contextmanager
def _ending_the_process(settings: Settings) -> Iterator[None]:
    """End the process with one line about an error. A broker that is away stops no start: readiness checks it."""
    try:
        yield
    except ConnectorError as error:
        if isinstance(error, StoreUnavailable) and not isinstance(error, StoreRefused):
            # An embedded one may be starting, too.
            if not settings.embedded_broker:
                log.warning("broker_not_answering", extra={"detail": error.detail, "seconds": 0})
            return
        print(f"error: {logs.without_controls(error.detail)}", file=sys.stderr)  # noqa: T201 - as above
        raise SystemExit(1) from None


def living_workers(settings: Settings) -> list[str]:
    """Return the names of the living workers, "host:pid" each. Builds no services. Raises StoreUnavailable."""
    with connect(settings.redis_url, patient=False) as client:
        return Heartbeats(client).workers()


def discard_old_tasks(settings: Settings) -> None:
    """Remove the Celery tasks that piled up while no worker ran. Nothing happens if the broker is away.

    Print one line and end the process if the broker has a fault that only a person can correct: Celery would try for
    ever.
    """
    # Celery is slow to import, and only a worker needs it here.
    from twitter_connector.queue.wakeups import discard_tasks

    count = 0
    # Celery waits for a broker that is away. A queue of wake-ups is short.
    with _ending_the_process(settings), connect(settings.redis_url, patient=False) as client:
        count = discard_tasks(client)
    if count:
        log.info("old_tasks_discarded", extra={"count": count})


def spool_directory(settings: Settings) -> Path:
    """Return the folder of the files in transit."""
    return settings.var_dir / "spool"


def clear_spool(settings: Settings) -> None:
    """Remove the files that a process left behind when it died."""
    left = sweep(spool_directory(settings))
    if left:
        log.info("spool_swept", extra={"files": left})
