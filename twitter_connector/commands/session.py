"""Shared by the commands that use the services: one line for each failure, the account, and output."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import click
from marshmallow import ValidationError

from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services, build_services
from twitter_connector.errors import ConnectorError, StoreRefused, StoreUnavailable
from twitter_connector.model.account import Account

from .environment import fail, out, settings

F = TypeVar("F", bound=Callable[..., Any])


def services() -> Services:
    """Return the services. They wait a second for the broker and not longer, because a person is waiting."""
    configured = settings()
    # People want the command's own answer. A level other than the default was chosen on purpose.
    if configured.log_level == "INFO":
        logging.getLogger().setLevel(logging.WARNING)
    return build_services(configured, patient=False)


def plainly(command: F) -> F:
    """Return the command with each expected failure turned into one line and exit status 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except StepFailed as error:
            fail(f"step {error.step}: {error.advice}")
        except StoreRefused as error:
            fail(error.detail)
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
        registered = svc.accounts.get(account_id)
        if registered is None:
            fail(f"account {account_id} is not registered. Register it with `twitter-connector register`.")
        return registered
    known = svc.accounts.all()
    if not known:
        fail("no account is registered. Register one with `twitter-connector register`.")
    if len(known) > 1:
        fail(f"several accounts are registered ({', '.join(a.id for a in known)}). {_how_to_name_one()}")
    return known[0]


def _how_to_name_one() -> str:
    context = click.get_current_context(silent=True)
    options = [option for parameter in context.command.params for option in parameter.opts] if context else []
    return "Add --account and the id of one." if "--account" in options else "Add the id of one."


def show(value: Any, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print an object as a line per field, a list of objects as a table, or either as JSON.

    columns: the fields of the table; none means all.
    """
    if as_json:
        out(json.dumps(value))
    elif isinstance(value, list):
        names = columns or tuple(value[0] if value else ())
        table = [[name.upper() for name in names], *([_words(row[name]) for name in names] for row in value)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table if value else ():
            out("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    else:
        for key, item in value.items():
            out(f"{key + ':':16}{_words(item)}")


def _words(value: Any) -> str:
    if value is None:
        return "-"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
