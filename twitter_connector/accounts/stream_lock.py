"""Renews the lock of the process that reads a stream, for as long as it reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from twitter_connector.errors import StoreUnavailable


class RenewableLocksPort(Protocol):
    """See store/locks.py."""

    def hold(self, chore: str, owner: str, seconds: int) -> bool: ...
    def let_go(self, chore: str, owner: str) -> None: ...


@contextmanager
def lock_renewed(
    locks: RenewableLocksPort, chore: str, owner: str, seconds: int, lost: threading.Event
) -> Iterator[None]:
    """Renew a lock that this process has for the duration of the block, then release it.

    Sets `lost` if another process has it, or if the store was away for so many seconds.
    """
    ended = threading.Event()

    def renew() -> None:
        until = time.monotonic() + seconds
        while not ended.wait(seconds / 5):
            try:
                is_owner = locks.hold(chore, owner, seconds)
            except StoreUnavailable:
                is_owner = time.monotonic() < until
            else:
                until = time.monotonic() + seconds if is_owner else until
            if not is_owner:
                lost.set()
                return

    thread = threading.Thread(target=renew, name="stream-lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if not lost.is_set():
            locks.let_go(chore, owner)
