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
        with store_errors():
            last: str | None = self._client.get(notice_key(account_id, customer_id))  # type: ignore[assignment]
        return last is not None and last >= day


def notice_key(account_id: str, customer_id: str) -> str:
    """Return the key of the last day on which the agent was told about a conversation."""
    return keys.CHAT_NOTICED.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
