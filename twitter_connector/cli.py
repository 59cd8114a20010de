"""The command line: the guide's steps and an operator's day, on the same use cases as the web."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import click

from twitter_connector import broker, logs, processes
from twitter_connector.config import BadSetting, Settings
from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account
from twitter_connector.relay.onboard import StepFailed
from twitter_connector.schemas.admin import load_registration
from twitter_connector.services import Services, build_services
from twitter_connector.supervisor import Supervisor

F = TypeVar("F", bound=Callable[..., Any])


def _fail(sentence: str, status: int = 1) -> NoReturn:
    click.echo(f"error: {sentence}", err=True)
    sys.exit(status)


def _settings() -> Settings:
    try:
        settings = Settings.from_env()
    except BadSetting as error:
        _fail(str(error), 2)
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _plainly(command: F) -> F:
    """Turn the failures a person can meet into one line and an exit status."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except StepFailed as error:
            _fail(f"step {error.step}: {error.advice}")
        except ConnectorError as error:
            _fail(error.detail or error.reason)

    return cast(F, run)


def _show(value: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(value))
    elif isinstance(value, list):
        for item in value:
            click.echo("  ".join(f"{k}={v}" for k, v in item.items()) if isinstance(item, dict) else item)
    else:
        for key, item in value.items():
            click.echo(f"{key + ':':16}{json.dumps(item) if isinstance(item, dict | list) else item}")


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Twitter (X) Direct Messages for Expertflow CIM."""


@main.command()
def up() -> None:
    """Start everything in the foreground: broker, web, workers, scheduler, sandbox."""
    settings = _settings()
    try:
        status = Supervisor(settings, click.echo).run()
    except broker.NoBroker as error:
        _fail(str(error))
    sys.exit(status)


def _become(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 - our own command lines


@main.command("web")
def run_web() -> None:
    """Run the web process alone (gunicorn)."""
    _become(processes.web(_settings()))


@main.command("worker")
@click.option("--name", default="worker", help="Distinguishes several workers on one host.")
def run_worker(name: str) -> None:
    """Run a worker process alone (Celery)."""
    _become(processes.worker(_settings(), name=name))


@main.command("beat")
def run_beat() -> None:
    """Run the scheduler alone (Celery beat)."""
    _become(processes.beat(_settings()))


@main.command("broker")
def run_broker() -> None:
    """Run the embedded broker alone."""
    settings = _settings()
    if not settings.embedded_broker:
        _fail("REDIS_URL is set, so the embedded broker is not used.")
    try:
        _become(broker.command(settings))
    except broker.NoBroker as error:
        _fail(str(error))


def _services() -> Services:
    return build_services(_settings(), patient=True)


def _account(services: Services, account_id: str | None) -> Account:
    if account_id is not None:
        found = services.accounts.get(account_id)
        if found is None:
            _fail(f"account {account_id} is not registered; `twitter-connector register` does that.")
        return found
    known = services.accounts.all()
    if not known:
        _fail("no account is registered; `twitter-connector register` does that.")
    if len(known) > 1:
        _fail(f"several accounts are registered ({', '.join(a.id for a in known)}): name one with --account.")
    return known[0]


@main.command("account-id")
@click.argument("username")
@click.option("--account", help="Ask with this registered account's credentials.")
@click.option("--file", "source", type=click.File("r"), help="Ask with the credentials of a registration file.")
@json_option
@_plainly
def account_id(username: str, account: str | None, source: Any, as_json: bool) -> None:
    """Print the numeric id of a Twitter user name; the webhook URL ends in it."""
    services = _services()
    name = username.removeprefix("@")
    if source is not None:
        credentials = load_registration(json.load(source)).credentials
        twitter = services.twitter.for_registration(credentials, None)
    else:
        twitter = services.twitter.for_account(_account(services, account))
    found = twitter.user_id(name)
    if found is None:
        _fail(f"Twitter knows no user @{name}, or has suspended it.")
    _show({"username": name, "id": found}, True) if as_json else click.echo(found)


@main.command("register")
@click.argument("file", type=click.File("r"))
@json_option
@_plainly
def register(file: Any, as_json: bool) -> None:
    """Register and subscribe an account. FILE holds the JSON body of the guide; `-` reads it from the input."""
    from marshmallow import ValidationError

    try:
        wanted = load_registration(json.load(file))
    except ValueError as error:
        problems = (
            error.normalized_messages()  # type: ignore[no-untyped-call]
            if isinstance(error, ValidationError)
            else "it is not JSON"
        )
        _fail(f"the registration cannot be used: {problems}")
    _show(_services().onboard.register(wanted).as_json(), as_json)


@main.command("unregister")
@click.argument("account_id")
@_plainly
def unregister(account_id: str) -> None:
    """Unsubscribe an account, delete our webhook (and no other), forget its credentials."""
    services = _services()
    services.onboard.unregister(_account(services, account_id))
    click.echo(f"account {account_id} is unregistered.")


@main.command("status")
@click.argument("account_id", required=False)
@json_option
@_plainly
def status(account_id: str | None, as_json: bool) -> None:
    """Show how an account stands at Twitter, read afresh."""
    services = _services()
    _show(services.onboard.status(_account(services, account_id)).as_json(), as_json)


@main.group()
def webhooks() -> None:
    """The webhooks of an account's environment at Twitter."""


@webhooks.command("list")
@click.option("--account", help="Whose environment; needed where several accounts are registered.")
@json_option
@_plainly
def list_webhooks(account: str | None, as_json: bool) -> None:
    """List them, ours and others."""
    services = _services()
    found = services.twitter.for_account(_account(services, account)).webhooks()
    _show([{"id": w.id, "valid": w.valid, "url": w.url} for w in found], as_json)


@webhooks.command("delete")
@click.argument("webhook_id")
@click.option("--account", help="Whose environment; needed where several accounts are registered.")
@_plainly
def delete_webhook(webhook_id: str, account: str | None) -> None:
    """Delete one by its id, whoever it belongs to. Its subscriptions go with it."""
    services = _services()
    services.twitter.for_account(_account(services, account)).delete_webhook(webhook_id)
    click.echo(f"webhook {webhook_id} is deleted.")
