"""What every subcommand shares: settings, services, one line for every failure, and two ways of printing."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click
from marshmallow import ValidationError

from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services, build_services, start_logging
from twitter_connector.config import BadSetting, Settings
from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import Account

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def fail(sentence: str, status: int = 1) -> NoReturn:
    """End the command with one line on the error output."""
    click.echo(f"error: {sentence}", err=True)
    sys.exit(status)


def settings(*, one_process: bool = False, needs_ccm: bool = True) -> Settings:
    """Return the environment's settings, and set up logging. End the command with one line if a variable cannot be used
    or VAR_DIR cannot be written.

    one_process: this is a process that needs CCM_URL or SANDBOX=1, as `gunicorn wsgi:app` does. needs_ccm: whether the
    command needs either.
    """
    try:
        found = Settings.from_env(sandbox_in_checkout=not one_process, needs_ccm=needs_ccm)
    except BadSetting as error:
        fail(str(error), 2)
    _require_folder(found.var_dir)
    # The process that a command becomes repeats the warnings by itself.
    start_logging(replace(found, warnings=()) if one_process else found)
    return found


def _require_folder(path: Path) -> None:
    try:
        path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        fail(f"VAR_DIR: {path} cannot be written. Mount a folder there that belongs to this user, or name another.", 2)


def services() -> Services:
    """Return the services, impatient: a person who asks a broker that hangs wants to hear so, in seconds."""
    return build_services(settings(), patient=False)


def plainly(command: F) -> F:
    """Turn the failures a person can meet into one line and an exit status."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except StepFailed as error:
            fail(f"step {error.step}: {error.advice}")
        except StoreUnavailable:
            fail("the broker does not answer. Start the service (`make run`), or set REDIS_URL or VAR_DIR as it has.")
        except ConnectorError as error:
            fail(error.detail or error.reason)
        except ValidationError as error:
            problems = error.normalized_messages()  # type: ignore[no-untyped-call]
            fail("the input cannot be used: " + "; ".join(f"{k}: {' '.join(map(str, v))}" for k, v in problems.items()))

    return cast(F, run)


def account(svc: Services, account_id: str | None) -> Account:
    """Return the account named, or the only one there is."""
    if account_id is not None:
        found = svc.accounts.get(account_id)
        if found is None:
            fail(f"account {account_id} is not registered; `twitter-connector register` does that.")
        return found
    known = svc.accounts.all()
    if not known:
        fail("no account is registered; `twitter-connector register` does that.")
    if len(known) > 1:
        fail(f"several accounts are registered ({', '.join(a.id for a in known)}): name one with --account.")
    return known[0]


def say(sentence: str, as_json: bool, **facts: Any) -> None:
    """Print what was done: its facts as a JSON object for machines, a sentence for people."""
    click.echo(json.dumps(facts) if as_json else sentence)


def show(value: Any, as_json: bool) -> None:
    """Print an object or a list of objects: JSON for machines, a line per field or item for people."""
    if as_json:
        click.echo(json.dumps(value))
    elif isinstance(value, list):
        for item in value:
            click.echo("  ".join(f"{k}={v}" for k, v in item.items()))
    else:
        for key, item in value.items():
            click.echo(f"{key + ':':16}{json.dumps(item) if isinstance(item, dict | list) else item}")
