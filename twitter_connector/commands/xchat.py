"""`xchat`: an account's keys for encrypted messages (X Chat)."""

from __future__ import annotations

import base64
import binascii
import sys
from typing import Any

import click

from twitter_connector import core_dumps
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import V1, Account
from twitter_connector.model.chat import ChatKeys

from .environment import fail, json_option, out, say
from .group import Group
from .session import account, plainly, services, show

WARNING = (
    "The keys of X Chat open all encrypted messages of the account, old and new. Whoever gets them reads everything. "
    "They are stored here, sealed with CREDENTIALS_KEY. Keys may also move the account's customers to encrypted "
    "conversations, which nobody can read here without the keys."
)


@click.group("xchat", cls=Group)
def xchat() -> None:
    """Keys for encrypted messages (X Chat)."""


@xchat.command("unlock")
@click.argument("account_id", required=False)
@click.option("--key-file", type=click.File("r"), help="Exported keys in Base64, instead of a PIN.")
@click.option("--key-version", default="", help="X's version of the keys in the file.")
@click.option("--register-new-keys", "new", is_flag=True, help="Make keys for an account that has none at X.")
@click.option("--yes", is_flag=True, help="Do not ask after the warning.")
@json_option
@plainly
def unlock(account_id: str | None, key_file: Any, key_version: str, new: bool, yes: bool, as_json: bool) -> None:
    """Give the connector an account's keys, with its X Chat PIN or from a file. In force at once, without a restart."""
    if bool(key_file) != bool(key_version):
        fail("--key-file and --key-version belong together.", 2)
    if new and key_file:
        fail("--register-new-keys makes keys; leave out --key-file.", 2)
    core_dumps.forbid()
    svc = services()
    known = _on_v2(account(svc, account_id))
    svc.chats.require_library()
    _confirm(known, new=new, yes=yes)
    remark = ""
    if key_file:
        keys = svc.chats.setup(known).of_blob(_blob(key_file), key_version)
        svc.chat_keys.store(keys)
    elif new:
        keys, backed_up = svc.chats.setup(known).registered(_pin(twice=True), svc.chat_keys.store)
        remark = "" if backed_up else " The backup behind the PIN failed: these keys exist only here."
    else:
        keys = svc.chats.setup(known).unlocked(_pin())
        svc.chat_keys.store(keys)
    sentence = f"account {known.id} reads and writes encrypted messages (key version {keys.version}).{remark}"
    say(sentence, as_json, account_id=known.id, key_version=keys.version, unlocked=True)


@xchat.command("status")
@click.argument("account_id", required=False)
@json_option
@plainly
def status(account_id: str | None, as_json: bool) -> None:
    """Show which accounts have keys here, and which version of them is the newest at X."""
    svc = services()
    accounts = [account(svc, account_id)] if account_id else [a for a in svc.accounts.all() if a.flavour != V1]
    columns = ("account_id", "keys", "key_version", "newest_at_x", "conversations", "library")
    show([_status(svc, one) for one in accounts], as_json, columns)


@xchat.command("forget")
@click.argument("account_id", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@plainly
def forget(account_id: str | None, yes: bool, as_json: bool) -> None:
    """Delete an account's keys here, and those of its conversations. At X nothing changes."""
    svc = services()
    known = account(svc, account_id)
    if not yes:
        _ask(f"Delete the X Chat keys of account {known.id} here?")
    there = svc.chat_keys.forget(known.id)
    sentence = f"the X Chat keys of account {known.id} are deleted."
    if not there:
        sentence = f"account {known.id} has no X Chat keys here."
    say(sentence, as_json, account_id=known.id, forgotten=there)


def _status(svc: Services, known: Account) -> dict[str, Any]:
    keys: ChatKeys | None = svc.chat_keys.keys(known.id)
    versions = svc.chats.setup(known).versions() if known.flavour != V1 else []
    return {
        "account_id": known.id,
        "keys": keys is not None,
        "key_version": keys.version if keys else None,
        "newest_at_x": versions[0] if versions else None,
        "conversations": svc.chat_keys.conversations(known.id),
        "library": svc.chats.library_version(),
    }


def _on_v2(known: Account) -> Account:
    if known.flavour == V1:
        fail(f"account {known.id} uses API v1.1, which has no X Chat. Register it on API v2 first.")
    return known


def _confirm(known: Account, *, new: bool, yes: bool) -> None:
    out(f"warning: {WARNING}", err=True)
    if new:
        out(
            f"New keys for account {known.id} are registered at X and cannot be taken back. Type the account's id:",
            err=True,
        )
        if sys.stdin.readline().strip() != known.id:
            fail("that is not the account's id. Nothing was changed.")
    elif not yes:
        _ask("Go on?")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        fail(f"{question} Add --yes to do it without being asked.")
    click.confirm(question, abort=True, err=True)


def _pin(*, twice: bool = False) -> str:
    if sys.stdin.isatty():
        confirmation: Any = "Again" if twice else False
        pin: str = click.prompt("X Chat PIN", hide_input=True, confirmation_prompt=confirmation, err=True)
    else:
        pin = sys.stdin.readline().rstrip("\n")
    return pin or fail("no PIN was typed.")


def _blob(file: Any) -> bytes:
    try:
        return base64.b64decode(file.read().strip(), validate=True)
    except (binascii.Error, ValueError):
        fail("the key file is not Base64.")
