"""Shared by all subcommands: settings, services, one line for each failure, and output for people or machines."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from collections.abc import Callable, Sequence
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
    """Return the services. They wait a second for the broker and not longer, because a person is waiting."""
    found = settings()
    # People want the command's own answer. A level other than the default was chosen on purpose.
    if found.log_level == "INFO":
        logging.getLogger().setLevel(logging.WARNING)
    return build_services(found, patient=False)


def plainly(command: F) -> F:
    """Return the command with each expected failure turned into one line and exit status 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except StepFailed as error:
            fail(f"step {error.step}: {error.advice}")
        except StoreUnavailable:
            fail("the broker does not answer. Start the service (`make run`), or set REDIS_URL and VAR_DIR as it does.")
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
    """Print what was done: a sentence, or the facts as a JSON object."""
    click.echo(json.dumps(facts) if as_json else sentence)


def show(value: Any, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print an object as a line per field, a list of objects as a table, or either as JSON.

    columns: the fields of the table; none means all.
    """
    if as_json:
        click.echo(json.dumps(value))
    elif isinstance(value, list):
        names = columns or tuple(value[0] if value else ())
        table = [[name.upper() for name in names], *([str(row[name]) for name in names] for row in value)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table if value else ():
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    else:
        for key, item in value.items():
            click.echo(f"{key + ':':16}{json.dumps(item) if isinstance(item, dict | list) else item}")
