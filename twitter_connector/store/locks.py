"""Locks that expire by themselves, so that one replica at a time does a chore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source

_RELEASE = source(__package__, "release")
_HOLD = source(__package__, "hold")


class Locks:
    """Locks for scheduled work. A chore that takes longer than its lock may run twice; every chore may."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def once(self, chore: str, seconds: int) -> bool:
        """Return True for the first caller among all replicas in so many seconds, otherwise False."""
        with store_errors():
            return bool(self._client.eval(_HOLD, 1, keys.LOCK.format(chore=chore), uuid4().hex, seconds, 1))

    @contextmanager
    def alone(self, chore: str, seconds: int = keys.LOCK_SECONDS, *, durable: bool = True) -> Iterator[bool]:
        """Yield True if no other process does the chore. seconds: when the lock of a process that died expires.

        durable: False keeps the lock out of the append-only file. A broker that is restarted forgets it.
        """
        key, mine = keys.LOCK.format(chore=chore), uuid4().hex
        with store_errors():
            got = bool(self._client.eval(_HOLD, 1, key, mine, seconds, int(durable)))
        try:
            yield got
        finally:
            if got:
                with store_errors():
                    self._client.eval(_RELEASE, 1, key, mine, int(durable))

    def hold(self, chore: str, owner: str, seconds: int) -> bool:
        """Take or renew a lock for so many seconds. Return True if the owner has it now."""
        with store_errors():
            return bool(self._client.eval(_HOLD, 1, keys.LOCK.format(chore=chore), owner, seconds))

    def let_go(self, chore: str, owner: str) -> None:
        """Release a lock that the owner took with `hold`, if it still has it."""
        with store_errors():
            self._client.eval(_RELEASE, 1, keys.LOCK.format(chore=chore), owner)
