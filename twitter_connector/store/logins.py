"""Slows down the guessing of passwords. Counted in the broker, so that it is the same in every replica."""

from __future__ import annotations

import hashlib

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors

# So many wrong passwords cost nothing. The wait doubles with each further one.
FREE = 4
WAIT_MAX_SECONDS = 60


class Logins:
    """Wrong passwords by name. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def wait(self, name: str) -> float:
        """Return the seconds until the next password of this name is checked; 0 for now."""
        with store_errors():
            left: int = self._client.pttl(_key(name) + ":wait")
        # A wait that is longer than any began before the broker's clock was put back.
        return max(0, left) / 1000 if left <= WAIT_MAX_SECONDS * 1000 else 0.0

    def failed(self, name: str) -> None:
        """Count a wrong password."""
        key = _key(name)
        with store_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.incr(key)
            pipe.expire(key, keys.LOGIN_SECONDS)
            count: int = pipe.execute()[0]
            if count > FREE:
                seconds = min(WAIT_MAX_SECONDS, 2 ** (count - FREE - 1))
                self._client.set(key + ":wait", 1, ex=seconds)

    def succeeded(self, name: str) -> None:
        """Forget the wrong passwords of a name."""
        key = _key(name)
        with store_errors():
            self._client.delete(key, key + ":wait")


def _key(name: str) -> str:
    # A name may be a password that was typed into the wrong field.
    return keys.LOGIN.format(name=hashlib.sha256(name.encode()).hexdigest()[:32])
