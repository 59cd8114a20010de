"""What is remembered of the channel itself: its type's id, and when CCM was last asked for an account's settings."""

from __future__ import annotations

from urllib.parse import quote

import redis

from . import keys
from .connection import store_errors


class Channel:
    """Raises StoreUnavailable when the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def may_pull(self, account_id: str) -> bool:
        """Say whether CCM may be asked for this account now, and count it as asked: once in a while, by one
        process of all."""
        key = keys.PULLED.format(account=quote(account_id, safe=""))
        with store_errors():
            return bool(self._client.set(key, 1, nx=True, ex=keys.PULL_SECONDS))

    def name_type(self, channel_type_id: str) -> None:
        with store_errors():
            self._client.set(keys.CHANNEL_TYPE, channel_type_id)

    def type_id(self) -> str | None:
        """Return the id of the channel type an operator named, or None."""
        with store_errors():
            found: str | None = self._client.get(keys.CHANNEL_TYPE)  # type: ignore[assignment]
        return found
