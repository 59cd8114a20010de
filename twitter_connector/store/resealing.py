"""Checks the credentials key, seals all credentials again with the newest key, and changes the stored form.

Works on the stored rows, since it must say what is wrong when no account can be loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import Permanent, StoreUnavailable

from .account_rows import NAMED_FIELDS, AccountRows
from .chat_resealing import chat_rows
from .vault import Vault, wrong_key

_KNOWN_TEXT = "twitter-connector"
_TRIES = 50


@dataclass(frozen=True)
class Resealed:
    """The result of `reseal`. unreadable: accounts whose credentials or X Chat keys no key opens. forgotten: True if
    those were removed."""

    accounts: tuple[str, ...]
    unreadable: tuple[str, ...]
    forgotten: bool


def verify_key(client: redis.Redis, vault: Vault) -> None:
    """Return normally if the keys open all stored credentials. On an empty broker, store a proof for later starts.

    Raises Permanent(credentials_key_wrong), which names the accounts, and StoreUnavailable.
    """
    with store_errors():
        check: str | None = client.get(keys.KEY_CHECK)  # type: ignore[assignment]
        rows: dict[str, str] = client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
        chat_keys: dict[str, str] = client.hgetall(keys.CHAT_KEYS)  # type: ignore[assignment]
    closed = {account_id for account_id, sealed in chat_keys.items() if not _opens(vault, sealed)}
    unreadable = sorted(closed.union(_unreadable(vault, rows)))
    if unreadable:
        raise wrong_key(f"The credentials of account {', '.join(unreadable)} were encrypted with another key.")
    if check is not None:
        vault.open(check)
        return
    with store_errors(), client.pipeline(transaction=True) as pipe:
        pipe.set(keys.KEY_CHECK, vault.seal(_KNOWN_TEXT), nx=True)
        if not rows:
            # A process of 0.1.0 would have stored the proof, so none has used this broker.
            pipe.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
        pipe.execute()


def check_key_quickly(client: redis.Redis, vault: Vault) -> None:
    """Check the vault's keys against the stored proof, in one round trip. Raises as verify_key does.

    Readiness asks often, and verify_key decrypts the credentials of every account.
    """
    with store_errors():
        proof: str | None = client.get(keys.KEY_CHECK)  # type: ignore[assignment]
    if proof is None:
        verify_key(client, vault)
    else:
        vault.open(proof)


def reseal(
    client: redis.Redis, vault: Vault, *, forget_unreadable: bool = False, new_form: bool | None = None
) -> Resealed:
    """Seal every account's credentials with the newest key. Safe to run twice, and while the service runs.

    forget_unreadable: remove the accounts that no key opens. Otherwise their rows stay as they are. new_form: write
    all rows in the present form from now on (True), or in that of 0.1.0 (False); None keeps the form. Raises
    StoreUnavailable, and Permanent(stored_form_old) where an account has no form in 0.1.0. Nothing is changed then.
    """
    forms = AccountRows(vault, lambda: datetime.now(UTC))
    for _ in range(_TRIES):
        with store_errors(), replicated(client) as pipe:
            try:
                pipe.watch(keys.ACCOUNTS, keys.ACCOUNTS_FORM, keys.TOKEN_PAIRS)  # type: ignore[no-untyped-call]
                rows: dict[str, str] = pipe.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
                unreadable = _unreadable(vault, rows)
                pairs: dict[str, str] = pipe.hgetall(keys.TOKEN_PAIRS)  # type: ignore[assignment]
                lost = [seed for seed, sealed in pairs.items() if not _opens(vault, sealed)]
                resealed_pairs = {seed: vault.reseal(sealed) for seed, sealed in pairs.items() if seed not in lost}
                readable = {i: row for i, row in rows.items() if i not in unreadable}
                chat = chat_rows(pipe, vault, rows)
                mark = NAMED_FIELDS if new_form else None
                if new_form is None:
                    resealed = {i: _resealed(vault, row) for i, row in readable.items()}
                else:
                    resealed = {i: forms.dump(forms.load(row), mark) for i, row in readable.items()}
                pipe.multi()
                if resealed:
                    pipe.hset(keys.ACCOUNTS, mapping=resealed)  # type: ignore[arg-type]
                if resealed_pairs:
                    pipe.hset(keys.TOKEN_PAIRS, mapping=resealed_pairs)  # type: ignore[arg-type]
                if lost and forget_unreadable:
                    pipe.hdel(keys.TOKEN_PAIRS, *lost)
                chat.write(pipe, forget_unreadable=forget_unreadable)
                if mark is not None:
                    pipe.set(keys.ACCOUNTS_FORM, mark)
                elif new_form is False:
                    pipe.delete(keys.ACCOUNTS_FORM)
                if unreadable and forget_unreadable:
                    pipe.hdel(keys.ACCOUNTS, *unreadable)
                if not (unreadable or chat.unreadable) or forget_unreadable:
                    pipe.set(keys.KEY_CHECK, vault.seal(_KNOWN_TEXT))
                pipe.execute()
            except redis.WatchError:
                continue  # an account was changed meanwhile
            closed = tuple(sorted({*unreadable, *(field for name, field in chat.unreadable if name == keys.CHAT_KEYS)}))
            return Resealed(tuple(sorted(resealed)), closed, bool(closed) and forget_unreadable)
    raise StoreUnavailable(
        "accounts_contended", "Accounts are being changed all the time. Run the command again.", ours=True
    )


def _unreadable(vault: Vault, rows: dict[str, str]) -> list[str]:
    return sorted(account_id for account_id, row in rows.items() if not _opens(vault, json.loads(row)["sealed"]))


def _opens(vault: Vault, sealed: str) -> bool:
    try:
        vault.open(sealed)
    except Permanent:
        return False
    return True


def _resealed(vault: Vault, row: str) -> str:
    fields: dict[str, Any] = json.loads(row)
    return json.dumps({**fields, "sealed": vault.reseal(fields["sealed"])})
