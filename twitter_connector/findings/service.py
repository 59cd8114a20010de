"""Checks the service itself: variables, disk, broker, workers and clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twitter_connector import var_dir
from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError
from twitter_connector.model.timestamps import moment
from twitter_connector.open_files import too_few_files
from twitter_connector.queue.clock import DIFFERENCE_SECONDS
from twitter_connector.startup import now
from twitter_connector.store.status import Snapshot

from .finding import Finding


def environment(svc: Services) -> Iterator[Finding]:
    """Yield what the variables say, files of VAR_DIR that the service cannot use, and its free space."""
    settings = svc.settings
    where = "embedded, in VAR_DIR" if settings.embedded_broker else "REDIS_URL"
    summary = f"understood; broker {where}; VAR_DIR {settings.var_dir}"
    yield Finding("environment", not settings.warnings, summary, " ".join(settings.warnings))
    if sentence := var_dir.unusable(settings.var_dir, var_dir.service_user(settings.var_dir)):
        yield Finding("VAR_DIR", False, "has files that the service cannot use", sentence)
    if sentence := too_few_files(settings.worker_concurrency):
        yield Finding("open files", False, "too few are allowed", sentence)
    free, advice = var_dir.disk_space(settings.var_dir)
    yield Finding("disk", not advice, free, advice)


def broker(svc: Services) -> Finding:
    """Return whether the broker stores."""
    return _tried("broker", svc.heartbeats.store, "stores", "Start the service (`make run`), or correct REDIS_URL.")


def broker_data(svc: Services) -> Iterator[Finding]:
    """Yield each setting of the broker with which it may lose data, and the last loss."""
    for problem in svc.broker_safety.problems():
        accepted = problem.name == "eviction" and not problem.fatal  # BROKER_EVICTION=allow
        yield Finding("broker safety", accepted, problem.name.replace("_", " "), problem.detail)
    if loss := svc.installation.look():
        yield Finding("broker data", False, f"lost: {loss.kind}", loss.detail)


def workers(snapshot: Snapshot) -> Finding:
    """Return whether living workers serve all queues."""
    advice = ""
    if not snapshot.workers:
        advice = "No worker is alive, so nothing is delivered. Start `twitter-connector worker`."
    elif snapshot.unserved:
        advice = f"No worker serves these queues: {', '.join(snapshot.unserved)}. Start a worker without -Q."
    return Finding("workers", not advice, f"{len(snapshot.workers)} alive", advice)


def clocks(snapshot: Snapshot) -> Finding:
    """Return whether the clocks of this machine and of the living workers agree with the broker's."""
    differences = {"this machine": round((now() - moment(snapshot.server_ms)).total_seconds()), **snapshot.clocks}
    wrong = {name: seconds for name, seconds in differences.items() if abs(seconds) > DIFFERENCE_SECONDS}
    if not wrong:
        return Finding("clocks", True, "agree with the broker's")
    detail = ", ".join(f"{name} {abs(n)} s {'ahead' if n > 0 else 'behind'}" for name, n in wrong.items())
    advice = (
        "Synchronise the clocks of these machines and of the broker's (NTP): X refuses signatures with a wrong time."
    )
    return Finding("clocks", False, detail, advice)


def _tried(what: str, call: Callable[[], object], detail: str, advice: str) -> Finding:
    try:
        call()
    except ConnectorError as error:
        return Finding(what, False, error.detail, advice)
    return Finding(what, True, detail)
