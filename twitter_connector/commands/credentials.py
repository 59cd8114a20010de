"""Commands for the key that encrypts stored credentials, and for replaced secrets: see docs/security.md."""

from __future__ import annotations

from dataclasses import replace

import click
from cryptography.fernet import Fernet

from twitter_connector.store.resealing import reseal, verify_key

from .environment import fail, json_option, out
from .group import Group
from .session import account, plainly, services, show


@click.group(cls=Group)
def credentials() -> None:
    """Rotate the key of the stored credentials, or end a replaced secret."""


@credentials.command("new-key")
def new_key() -> None:
    """Print a new key, and change nothing. Put it first in CREDENTIALS_KEY or in the key file."""
    out(Fernet.generate_key().decode())


@credentials.command("check")
@plainly
def check() -> None:
    """Check that the configured keys decrypt everything that is stored."""
    svc = services()
    verify_key(svc.redis, svc.vault)
    out("the configured keys decrypt everything that is stored.")


@credentials.command("reseal")
@click.option("--forget-unreadable", is_flag=True, help="Delete accounts that no key decrypts; register them again.")
@click.option("--new-form", "form", flag_value="new", help="Store accounts in this release's form, once 0.1.0 is gone.")
@click.option("--old-form", "form", flag_value="old", help="Store accounts in 0.1.0's form, before you go back to it.")
@json_option
@plainly
def reseal_all(forget_unreadable: bool, form: str | None, as_json: bool) -> None:
    """Encrypt all stored credentials again, with the newest key. Older keys are not needed afterwards."""
    svc = services()
    new_form = None if form is None else form == "new"
    done = reseal(svc.redis, svc.vault, forget_unreadable=forget_unreadable, new_form=new_form)
    show({k: list(v) if isinstance(v, tuple) else v for k, v in done.__dict__.items()}, as_json)
    if done.unreadable and not done.forgotten:
        fail("no key decrypts some accounts. Add their key, or use --forget-unreadable.")


@credentials.command("drop-retired")
@click.argument("account_id")
@plainly
def drop_retired(account_id: str) -> None:
    """End a replaced API-KEY-SECRET at once, for example because it has leaked."""
    svc = services()
    known = account(svc, account_id)
    svc.accounts.change(known.id, lambda a: replace(a, retired_secrets=(), retired_until=None))
    out(f"{len(known.retired_secrets)} retired secret(s) of account {known.id} deleted, in all processes within 30 s.")
