"""Remembers which customers' encrypted messages the agent was told about, by day."""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors


class ChatNotices:
    """Raises StoreUnavailable. The notices are noted when the message is settled, see ChatNoticed."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def noticed(self, account_id: str, customer_id: str, day: str) -> bool:
        """Return whether the agent was told about this conversation on this day, or on a later one."""
        key = keys.CHAT_NOTICED.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
        with store_errors():
            last: str | None = self._client.get(key)  # type: ignore[assignment]
        return last is not None and last >= day
