"""Is the credentials key the right one? And everything sealed anew with the newest, so that old ones can go.

Works on the stored rows themselves: it must also say what is wrong where no account can be loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import Permanent, StoreUnavailable

from .vault import Vault, wrong_key

_KNOWN_TEXT = "twitter-connector"
_TRIES = 50


@dataclass(frozen=True)
class Resealed:
    """What came of sealing anew. unreadable: accounts no key opens. forgotten: whether those were taken out."""

    accounts: tuple[str, ...]
    unreadable: tuple[str, ...]
    forgotten: bool


def verify_key(client: redis.Redis, vault: Vault) -> None:
    """Return when everything in the store can be opened; the first time, leave something that proves it next time.

    Raises Permanent(credentials_key_wrong) naming the accounts that cannot be, and StoreUnavailable.
    """
    with store_errors():
        check: str | None = client.get(keys.KEY_CHECK)  # type: ignore[assignment]
        rows: dict[str, str] = client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
    unreadable = _unreadable(vault, rows)
    if unreadable:
        raise wrong_key(f"The credentials of account {', '.join(unreadable)} were encrypted with another key.")
    if check is None:
        with store_errors():
            client.set(keys.KEY_CHECK, vault.seal(_KNOWN_TEXT), nx=True)
    else:
        vault.open(check)


def reseal(client: redis.Redis, vault: Vault, *, forget_unreadable: bool = False) -> Resealed:
    """Seal every account's credentials with the newest key. Safe to run twice, and while the service runs.

    forget_unreadable: take out of the store what no key opens. Otherwise it is left as it is. Raises
    StoreUnavailable, and then some may be sealed anew and some not.
    """
    for _ in range(_TRIES):
        with store_errors(), client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(keys.ACCOUNTS)  # type: ignore[no-untyped-call]
                rows: dict[str, str] = pipe.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
                unreadable = _unreadable(vault, rows)
                anew = {i: _resealed(vault, row) for i, row in rows.items() if i not in unreadable}
                pipe.multi()
                if anew:
                    pipe.hset(keys.ACCOUNTS, mapping=anew)  # type: ignore[arg-type]
                if unreadable and forget_unreadable:
                    pipe.hdel(keys.ACCOUNTS, *unreadable)
                if not unreadable or forget_unreadable:
                    pipe.set(keys.KEY_CHECK, vault.seal(_KNOWN_TEXT))
                pipe.execute()
            except redis.WatchError:
                continue  # an account was changed in between; seal that one
            return Resealed(tuple(sorted(anew)), tuple(unreadable), bool(unreadable) and forget_unreadable)
    raise StoreUnavailable(
        "accounts_contended", "The accounts are being changed without a pause. Try again.", ours=True
    )


def _unreadable(vault: Vault, rows: dict[str, str]) -> list[str]:
    def opens(row: str) -> bool:
        try:
            vault.open(json.loads(row)["sealed"])
        except Permanent:
            return False
        return True

    return sorted(account_id for account_id, row in rows.items() if not opens(row))


def _resealed(vault: Vault, row: str) -> str:
    fields: dict[str, Any] = json.loads(row)
    return json.dumps({**fields, "sealed": vault.reseal(fields["sealed"])})
