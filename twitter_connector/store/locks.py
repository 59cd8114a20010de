"""Locks that expire by themselves, so that one replica at a time does a chore."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source

_RELEASE = source(__package__, "release")
_HOLD = source(__package__, "hold")
_AGAIN_SECONDS = 1.0


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

        If the broker is away at the end, a thread waits for it: nobody could do the chore until the lock expires.
        """
        key, mine = keys.LOCK.format(chore=chore), uuid4().hex
        with store_errors():
            got = bool(self._client.eval(_HOLD, 1, key, mine, seconds, int(durable)))
        try:
            yield got
        finally:
            if got and not self._released(key, mine, durable):
                later = (key, mine, durable, time.monotonic() + seconds)
                threading.Thread(target=self._release_later, args=later, name="lock", daemon=True).start()

    def _released(self, key: str, mine: str, durable: bool) -> bool:
        """Release a lock. Return False if the broker is away."""
        try:
            self._client.eval(_RELEASE, 1, key, mine, int(durable))
        except redis.RedisError:
            return False
        return True

    def _release_later(self, key: str, mine: str, durable: bool, end: float) -> None:
        while time.monotonic() < end and not self._released(key, mine, durable):
            time.sleep(_AGAIN_SECONDS)

    def hold(self, chore: str, owner: str, seconds: int) -> bool:
        """Take or renew a lock for so many seconds. Return True if the owner has it now."""
        with store_errors():
            return bool(self._client.eval(_HOLD, 1, keys.LOCK.format(chore=chore), owner, seconds))

    def let_go(self, chore: str, owner: str) -> None:
        """Release a lock that the owner took with `hold`, if it still has it."""
        with store_errors():
            self._client.eval(_RELEASE, 1, keys.LOCK.format(chore=chore), owner)
