"""Start the service: all of it, or one process."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec

import click

from twitter_connector.config import Settings, use_environment
from twitter_connector.errors import ConnectorError, StoreRefused, StoreUnavailable
from twitter_connector.open_files import too_few_files
from twitter_connector.processes import command_lines, embedded_broker, instance
from twitter_connector.processes.standard_streams import open_closed_streams
from twitter_connector.processes.supervisor import Supervisor
from twitter_connector.startup import check_store
from twitter_connector.var_dir import unusable

from .environment import fail, out, settings


@click.command()
def up() -> None:
    """Start everything in the foreground: embedded broker, web, worker, scheduler, sandbox."""
    open_closed_streams()
    if find_spec("chat_xdk") is None:
        out("X Chat: the package chatxdk is not installed, so encrypted messages cannot be read (docs/x-chat.md)")
    try:
        status = Supervisor(settings(), out).run()
    except embedded_broker.NoBroker as error:
        fail(str(error))
    sys.exit(status)


def _become(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 - our own command lines


def _settings_if_the_store_is_fine() -> Settings:
    """Return the settings. End the command if the broker is unsafe, or the credentials key does not fit what is stored.

    If the broker is away, the process itself waits for it and checks both later.
    """
    configured = settings(one_process=True)
    if sentence := unusable(configured.var_dir) or too_few_files(configured.worker_concurrency):
        fail(sentence)
    try:
        check_store(configured, patient=False)
    except StoreRefused as error:
        fail(error.detail)
    except StoreUnavailable:
        return configured
    except ConnectorError as error:
        fail(error.detail)
    return configured


@click.command("web")
def web() -> None:
    """Run the web process (gunicorn)."""
    _settings_if_the_store_is_fine()
    _become(command_lines.web())


@click.command("worker")
@click.option("--name", default="worker", help="Name of this worker; needed for several workers on one host.")
def worker(name: str) -> None:
    """Run a worker process (Celery)."""
    _settings_if_the_store_is_fine()
    _become(command_lines.worker(name=name))


@click.command("beat")
def beat() -> None:
    """Run the scheduler (Celery beat)."""
    settings(one_process=True)
    _become(command_lines.beat())


@click.command("broker")
def run_broker() -> None:
    """Run the embedded broker. If REDIS_URL is set, only wait, so that `honcho start` goes on."""
    configured = settings(needs_ccm=False)
    if not configured.embedded_broker:
        out("broker: REDIS_URL is set, so the embedded broker is not started.", err=True)
        _wait_for_signal()
    instance.protect_files()
    if sentence := unusable(configured.var_dir):
        fail(sentence)
    try:
        lock = instance.take(configured.var_dir)
        os.set_inheritable(lock.fileno(), True)
        command = embedded_broker.command(configured)
        use_environment(embedded_broker.ENVIRONMENT)
        _become(command)
    except (instance.InUse, embedded_broker.NoBroker) as error:
        fail(str(error))


def _wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT, then end the process with status 0."""
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    signal.sigwait(stop)
    sys.exit(0)
