"""The key that encrypts stored credentials, and the secrets that were replaced: docs/security.md says when."""

from __future__ import annotations

from dataclasses import replace

import click
from cryptography.fernet import Fernet

from twitter_connector.store.resealing import reseal, verify_key

from .environment import fail, json_option, out
from .session import account, plainly, services, show


@click.group()
def credentials() -> None:
    """Encryption of the stored credentials, and rotation."""


@credentials.command("new-key")
def new_key() -> None:
    """Print a fresh key, to be put first in CREDENTIALS_KEY or into the key file. Nothing is changed."""
    out(Fernet.generate_key().decode())


@credentials.command("check")
@plainly
def check() -> None:
    """Say whether everything stored can be opened with the configured keys."""
    svc = services()
    verify_key(svc.redis, svc.vault)
    out("everything stored can be opened.")


@credentials.command("reseal")
@click.option("--forget-unreadable", is_flag=True, help="Remove accounts that no key opens; register them again.")
@click.option("--new-form", "form", flag_value="new", help="Store accounts as this release does; 0.1.0 is gone.")
@click.option("--old-form", "form", flag_value="old", help="Store accounts as 0.1.0 did, before going back to it.")
@json_option
@plainly
def reseal_all(forget_unreadable: bool, form: str | None, as_json: bool) -> None:
    """Encrypt all stored credentials again, with the newest key. Older keys are not needed afterwards."""
    svc = services()
    new_form = None if form is None else form == "new"
    done = reseal(svc.redis, svc.vault, forget_unreadable=forget_unreadable, new_form=new_form)
    show({k: list(v) if isinstance(v, tuple) else v for k, v in done.__dict__.items()}, as_json)
    if done.unreadable and not done.forgotten:
        fail("some accounts cannot be opened with any key; add their key, or use --forget-unreadable.")


@credentials.command("drop-retired")
@click.argument("account_id")
@plainly
def drop_retired(account_id: str) -> None:
    """End a replaced API-KEY-SECRET at once, for example because it has leaked."""
    svc = services()
    known = account(svc, account_id)
    svc.accounts.change(known.id, lambda a: replace(a, retired_secrets=(), retired_until=None))
    out(f"{len(known.retired_secrets)} retired secret(s) of account {known.id} dropped; in force within 30 s.")
