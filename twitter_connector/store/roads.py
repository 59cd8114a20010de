"""The way by which each customer wrote last: ordinary Direct Messages or X Chat."""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.chat import DIRECT
from twitter_connector.model.work import Lease


class Roads:
    """Raises StoreUnavailable. A way is noted when the message is settled, see RoadTaken."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def matters(self, lease: Lease) -> bool:
        """Return whether the way of a customer's message must be noted: the account has X Chat keys, or had them when
        the customer wrote encrypted."""
        if lease.road is not None and lease.chat_keys is not None:
            return lease.chat_keys or lease.road != ""
        account_id, customer_id = lease.account_id, lease.customer_id
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.hexists(keys.CHAT_KEYS, account_id)
            pipe.exists(_road(account_id, customer_id))
            return any(pipe.execute())

    def latest(self, account_id: str, customer_id: str, known: str | None = None) -> str:
        """Return the way of the customer's latest message; DIRECT if none is known. known: it as stored, "" for none;
        None to read it."""
        if known is None:
            with store_errors():
                rows: list[str] = self._client.zrange(_road(account_id, customer_id), -1, -1)  # type: ignore[assignment]
            known = rows[0] if rows else ""
        return known.partition("|")[0] or DIRECT


def _road(account_id: str, customer_id: str) -> str:
    return keys.ROAD.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
