"""Reads what is stored of public posts: the thread of each, and the newest comment of a customer.

queue/post_change.py writes it.
"""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors


class Comments:
    """Raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def thread_of(self, account_id: str, post_id: str) -> str | None:
        """Return the first post of the thread that a post is in; None if the post is not known here."""
        with store_errors():
            key = keys.THREAD.format(account=quote(account_id, safe=""), post=quote(post_id, safe=""))
            thread_id: str | None = self._client.get(key)  # type: ignore[assignment]
        return thread_id

    def last_comment(self, account_id: str, customer_id: str) -> str | None:
        """Return the id of the customer's newest comment; None without one."""
        with store_errors():
            key = keys.LAST_COMMENT.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
            newest: list[str] = self._client.zrange(key, -1, -1)  # type: ignore[assignment]
        return newest[0] if newest else None
