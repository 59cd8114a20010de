"""Seals X Chat's keys again with the newest key, as part of `reseal`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from twitter_connector.broker import keys
from twitter_connector.errors import Permanent

from .vault import Vault


@dataclass(frozen=True)
class ChatRows:
    """The sealed rows of X Chat: hash -> field -> the row as sealed now. unreadable: (hash, field) no key opens."""

    resealed: dict[str, dict[str, str]]
    unreadable: tuple[tuple[str, str], ...]

    def write(self, pipe: Any, *, forget_unreadable: bool) -> None:
        """Add the commands that store the rows to a transaction."""
        for name, rows in self.resealed.items():
            if rows:
                pipe.hset(name, mapping=rows)
        for name, field in self.unreadable if forget_unreadable else ():
            pipe.hdel(name, field)


def chat_rows(pipe: Any, vault: Vault, account_ids: Iterable[str]) -> ChatRows:
    """Return the rows of these accounts, from a connection that watches them from now on."""
    names = [keys.CHAT_KEYS]
    names += [keys.CHAT_CONVERSATIONS.format(account=quote(account_id, safe="")) for account_id in account_ids]
    pipe.watch(*names)
    resealed: dict[str, dict[str, str]] = {name: {} for name in names}
    unreadable = []
    for name in names:
        for field, sealed in pipe.hgetall(name).items():
            try:
                resealed[name][field] = vault.reseal(sealed)
            except Permanent:
                unreadable.append((name, field))
    return ChatRows(resealed, tuple(unreadable))
