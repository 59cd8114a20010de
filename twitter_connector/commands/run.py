"""Start the service: all of it, or one process alone."""

from __future__ import annotations

import os
import sys

import click

from twitter_connector.bootstrap import check_key
from twitter_connector.config import Settings
from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.processes import command_lines, embedded_broker
from twitter_connector.processes.supervisor import Supervisor

from .session import fail, settings


@click.command()
def up() -> None:
    """Start everything in the foreground: embedded_broker, web, workers, scheduler, sandbox."""
    try:
        status = Supervisor(settings(), click.echo).run()
    except embedded_broker.NoBroker as error:
        fail(str(error))
    sys.exit(status)


def _become(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 - our own command lines


def _with_the_right_key() -> Settings:
    """Return the settings. Ends the command where the credentials key does not fit what is stored: a process alone
    would refuse every event and give every message up. A broker that is away is waited for by the process itself."""
    found = settings()
    try:
        check_key(found, patient=False)
    except StoreUnavailable:
        return found
    except ConnectorError as error:
        fail(error.detail)
    return found


@click.command("web")
def web() -> None:
    """Run the web process alone (gunicorn)."""
    _become(command_lines.web(_with_the_right_key()))


@click.command("worker")
@click.option("--name", default="worker", help="Distinguishes several workers on one host.")
def worker(name: str) -> None:
    """Run a worker process alone (Celery)."""
    _become(command_lines.worker(_with_the_right_key(), name=name))


@click.command("beat")
def beat() -> None:
    """Run the scheduler alone (Celery beat)."""
    _become(command_lines.beat(settings()))


@click.command("broker")
def run_broker() -> None:
    """Run the embedded broker alone."""
    found = settings()
    if not found.embedded_broker:
        fail("REDIS_URL is set, so the embedded broker is not used.")
    try:
        _become(embedded_broker.command(found))
    except embedded_broker.NoBroker as error:
        fail(str(error))
