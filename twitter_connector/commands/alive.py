"""Probes for an orchestrator: of the web process, of the workers of this host, and of the scheduler."""

from __future__ import annotations

import fcntl
import socket
import time
import urllib.error
import urllib.request

import click

from twitter_connector.config import Settings
from twitter_connector.errors import StoreUnavailable

from .environment import fail, json_option, say, settings

SECONDS = 4.0
# The scheduler touches its file every five minutes; see workers/scheduler.py. Two touches may be missed.
BEAT_SECONDS = 720.0


@click.command("alive")
@click.option("--worker", is_flag=True, help="Probe the worker of this host instead of the web process.")
@click.option("--beat", is_flag=True, help="Probe the scheduler that uses this VAR_DIR instead of the web process.")
@json_option
def alive(worker: bool, beat: bool, as_json: bool) -> None:
    """Exit with status 0 if the web process of this host answers; with --worker, if a worker of this host runs; with
    --beat, if the scheduler runs.

    A worker counts as running if its heartbeat is fresh. While the broker is away, its lock file in VAR_DIR decides, so
    that an orchestrator does not restart workers for nothing.
    """
    if worker and beat:
        raise click.UsageError("give --worker or --beat, not both")
    configured = settings(needs_ccm=False)
    part = "worker" if worker else "beat" if beat else "web"
    if worker:
        _require_worker(configured)
    elif beat:
        _require_beat(configured)
    else:
        _require_web(configured)
    say(f"{part} is alive.", as_json, part=part, alive=True)


def _require_web(configured: Settings) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"{configured.local_url}/health/live", timeout=SECONDS).close()
    except (urllib.error.URLError, OSError):
        fail(
            f"the web process does not answer on {configured.local_url}. Start it, or set HOST and PORT as it has them."
        )


def _require_beat(configured: Settings) -> None:
    try:
        age = time.time() - configured.beat_file.stat().st_mtime
    except FileNotFoundError:
        fail(f"no scheduler has run in {configured.var_dir}. Start `twitter-connector beat`.")
    if age > BEAT_SECONDS:
        fail(f"the scheduler has done nothing for {age:.0f} s. Restart `twitter-connector beat`.")


def _require_worker(configured: Settings) -> None:
    # The other probes use no broker, whose library would take a third of their processor time.
    from twitter_connector.startup import living_workers

    try:
        hosts = {worker.rpartition(":")[0] for worker in living_workers(configured)}
    except StoreUnavailable:
        running = _a_worker_holds_its_lock(configured)
    else:
        running = socket.gethostname() in hosts
    if not running:
        fail("no worker of this host is alive. Start `twitter-connector worker`.")


def _a_worker_holds_its_lock(configured: Settings) -> bool:
    for path in configured.worker_locks.glob("*.lock"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
    return False
