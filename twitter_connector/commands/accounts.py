"""The configuration guide's steps: ids, registration, webhooks."""

from __future__ import annotations

import json
from typing import Any

import click
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import Registration, load_registration
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Registration as RegistrationAtX

from .session import account, fail, json_option, plainly, say, services, show


def _registration(file: Any) -> Registration:
    try:
        body = json.load(file)
    except ValueError:
        raise ValidationError({"file": ["It is not JSON."]}) from None
    return load_registration(body)


def _account_in(file: Any) -> Account:
    """Return the account that a registration file describes, without asking X whose it is."""
    asked = _registration(file)
    return Account("", asked.credentials, asked.webhook_url, flavour=asked.flavour, settings=asked.settings)


@click.command("account-id")
@click.argument("username")
@click.option("--account", "account_id", help="Ask with this registered account's credentials.")
@click.option("--file", "source", type=click.File("r"), help="Ask with the credentials of a registration file.")
@json_option
@plainly
def account_id(username: str, account_id: str | None, source: Any, as_json: bool) -> None:
    """Print the numeric id of a Twitter user name; the webhook URL ends in it."""
    svc = services()
    name = username.removeprefix("@")
    if source is not None:
        twitter = svc.twitter.registration(_account_in(source))
    else:
        twitter = svc.twitter.registration(account(svc, account_id))
    found = twitter.user_id(name)
    if found is None:
        fail(f"Twitter knows no user @{name}, or has suspended it.")
    click.echo(json.dumps({"username": name, "id": found}) if as_json else found)


@click.command("register")
@click.argument("file", type=click.File("r"))
@json_option
@plainly
def register(file: Any, as_json: bool) -> None:
    """Register and subscribe an account. FILE holds the JSON body of the guide; `-` reads it from the input."""
    show(services().registration.register(_registration(file)).as_json(), as_json)


@click.command("unregister")
@click.argument("account_id")
@json_option
@plainly
def unregister(account_id: str, as_json: bool) -> None:
    """Unsubscribe an account, delete our webhook (and no other), forget its credentials."""
    svc = services()
    svc.registration.unregister(account(svc, account_id))
    say(f"account {account_id} is unregistered.", as_json, account_id=account_id, unregistered=True)


@click.command("status")
@click.argument("account_id", required=False)
@json_option
@plainly
def status(account_id: str | None, as_json: bool) -> None:
    """Show how an account stands at Twitter, read afresh."""
    svc = services()
    show(svc.registration.status(account(svc, account_id)).as_json(), as_json)


@click.group()
def webhooks() -> None:
    """The webhooks of an account's environment at Twitter."""


def _environment(svc: Services, account_id: str | None, source: Any) -> RegistrationAtX:
    """Return Twitter as seen from an environment: a registered account's, or that of a registration file."""
    if source is None:
        found = account(svc, account_id)
        if found.sends_only:
            fail(f"account {found.id} was never registered, so it has no environment; name one with --file.")
        return svc.twitter.registration(found)
    return svc.twitter.registration(_account_in(source))


_whose = click.option("--account", "account_id", help="Whose environment; needed where several are registered.")
_file = click.option("--file", "source", type=click.File("r"), help="The environment of a registration file instead.")


@webhooks.command("list")
@_whose
@_file
@json_option
@plainly
def list_webhooks(account_id: str | None, source: Any, as_json: bool) -> None:
    """List them, ours and others."""
    found = _environment(services(), account_id, source).webhooks()
    show([{"id": w.id, "valid": w.valid, "url": w.url} for w in found], as_json)


@webhooks.command("delete")
@click.argument("webhook_id")
@_whose
@_file
@json_option
@plainly
def delete_webhook(webhook_id: str, account_id: str | None, source: Any, as_json: bool) -> None:
    """Delete one by its id, whoever it belongs to. Its subscriptions go with it."""
    _environment(services(), account_id, source).delete_webhook(webhook_id)
    say(f"webhook {webhook_id} is deleted.", as_json, webhook_id=webhook_id, deleted=True)
