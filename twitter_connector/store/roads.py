"""The way by which each customer wrote last: ordinary Direct Messages or X Chat."""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.chat import DIRECT


class Roads:
    """Raises StoreUnavailable. A way is noted when the message is settled, see RoadTaken."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def matters(self, account_id: str, customer_id: str) -> bool:
        """Return whether the way of a customer's message must be noted: the account has X Chat keys, or had them when
        the customer wrote encrypted."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.hexists(keys.CHAT_KEYS, account_id)
            pipe.exists(_road(account_id, customer_id))
            return any(pipe.execute())

    def latest(self, account_id: str, customer_id: str) -> str:
        """Return the way of the customer's latest message; DIRECT if none is known."""
        with store_errors():
            rows: list[str] = self._client.zrange(_road(account_id, customer_id), -1, -1)  # type: ignore[assignment]
        return rows[0].partition("|")[0] if rows else DIRECT


def _road(account_id: str, customer_id: str) -> str:
    return keys.ROAD.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
