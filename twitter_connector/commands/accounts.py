"""Commands for the steps of the configuration guide: ids, registration, webhooks."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import Registration, load_registration
from twitter_connector.bootstrap import Services, described
from twitter_connector.model.account import Account

from .environment import fail, json_option, out, say, settings
from .group import Group
from .session import account, plainly, services, show


def _registration(file: Any) -> Registration:
    try:
        body = json.load(file)
    except ValueError:
        raise ValidationError({"file": ["It is not JSON."]}) from None
    return load_registration(body, settings().public_url)


def _account_in(file: Any) -> Account:
    """Return the account that a registration file describes, without asking X whose it is."""
    asked = _registration(file)
    return asked.account()


@click.command("account-id")
@click.argument("username")
@click.option("--account", "account_id", help="Ask with this registered account's credentials.")
@click.option("--file", "source", type=click.File("r"), help="Ask with the credentials of a registration file.")
@json_option
@plainly
def account_id(username: str, account_id: str | None, source: Any, as_json: bool) -> None:
    """Print the numeric id of an X user name. The webhook URL ends in this id."""
    svc = services()
    name = username.removeprefix("@")
    if source is not None:
        twitter = svc.twitter.registration(_account_in(source))
    else:
        twitter = svc.twitter.registration(account(svc, account_id))
    user_id = twitter.user_id(name)
    if user_id is None:
        fail(f"X knows no user @{name}, or has suspended it.")
    out(json.dumps({"username": name, "id": user_id}) if as_json else user_id)


@click.command("register")
@click.argument("file", type=click.File("r"))
@json_option
@plainly
def register(file: Any, as_json: bool) -> None:
    """Register and subscribe an account. FILE has the JSON of the guide; `-` reads the standard input."""
    show(services().registration.register(_registration(file)).as_json(), as_json)


@click.command("unregister")
@click.argument("account_id")
@json_option
@plainly
def unregister(account_id: str, as_json: bool) -> None:
    """End the subscription of an account, delete our webhook (and no other), delete the stored credentials."""
    svc = services()
    svc.registration.unregister(account(svc, account_id))
    say(f"account {account_id} is unregistered.", as_json, account_id=account_id, unregistered=True)


@click.command("accounts")
@json_option
@plainly
def accounts(as_json: bool) -> None:
    """List the registered accounts with their state, and what a person has to do."""
    svc = services()
    svc.installation.look()
    show(
        described(svc, svc.accounts.all()),
        as_json,
        ("account_id", "screen_name", "api", "inbound", "state", "attention"),
    )


@click.command("status")
@click.argument("account_id", required=False)
@json_option
@plainly
def status(account_id: str | None, as_json: bool) -> None:
    """Show webhook and subscription of an account, read again from X."""
    svc = services()
    show(svc.registration.status(account(svc, account_id)).as_json(), as_json)


@click.group(cls=Group)
def webhooks() -> None:
    """List or delete the webhooks at X that an account's credentials can reach."""


def _whose_account(svc: Services, account_id: str | None, source: Any) -> Account:
    """Return a registered account, or that of a registration file."""
    if source is not None:
        return _account_in(source)
    registered = account(svc, account_id)
    if registered.sends_only:
        fail(f"account {registered.id} is send-only, so it has no webhook. Give a registration file with --file.")
    return registered


_whose = click.option(
    "--account", "account_id", help="Use this account's credentials; needed if several are registered."
)
_file = click.option(
    "--file", "source", type=click.File("r"), help="Use the credentials of a registration file instead."
)


@webhooks.command("list")
@_whose
@_file
@json_option
@plainly
def list_webhooks(account_id: str | None, source: Any, as_json: bool) -> None:
    """List the webhooks, ours and others."""
    svc = services()
    listed = svc.twitter.registration(_whose_account(svc, account_id, source)).webhooks()
    show([{"id": w.id, "valid": w.valid, "url": w.url} for w in listed], as_json)


@webhooks.command("delete")
@click.argument("webhook_id")
@_whose
@_file
@click.option("--yes", is_flag=True, help="Do not ask, even if the webhook is in use.")
@json_option
@plainly
def delete_webhook(webhook_id: str, account_id: str | None, source: Any, yes: bool, as_json: bool) -> None:
    """Delete a webhook, no matter whose, with its subscriptions. Ask first if a registered account uses it."""
    svc = services()
    users = ", ".join(user.id for user in svc.registration.users_of(webhook_id))
    if users and not yes:
        sentence = f"webhook {webhook_id} brings the events of account {users}"
        if not sys.stdin.isatty():
            fail(f"{sentence}; add --yes to delete it.")
        click.confirm(f"{sentence}. Delete it?", abort=True)
    svc.registration.delete_webhook(_whose_account(svc, account_id, source), webhook_id)
    say(f"webhook {webhook_id} is deleted.", as_json, webhook_id=webhook_id, deleted=True)
