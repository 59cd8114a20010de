"""Until when one endpoint of an account must not be called. All workers share these pauses, and people see them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.pauses import active
from twitter_connector.errors import NEEDS_A_PERSON


class EndpointPauses:
    """Pauses of single endpoints. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def pause(self, account_id: str, endpoint: str, until_ms: int, reason: str, detail: str) -> None:
        """Pause an endpoint of the account until a moment (epoch ms)."""
        row = json.dumps({"until": str(until_ms), "reason": reason, "detail": detail})
        with store_errors(), self._client.pipeline(transaction=True) as pipe:
            pipe.hset(_key(account_id), endpoint, row)
            pipe.expire(_key(account_id), keys.ENDPOINT_PAUSES_SECONDS)
            pipe.execute()

    def of(self, account_id: str, endpoints: Iterable[str], now_ms: int) -> dict[str, Mapping[str, str]]:
        """Return which of these endpoints are paused at a moment: until (epoch ms), reason and detail by endpoint."""
        names = list(endpoints)
        with store_errors():
            rows: list[str | None] = self._client.hmget(_key(account_id), names)  # type: ignore[assignment]
        return active({name: row for name, row in zip(names, rows, strict=True) if row}, now_ms)

    def end(self, account_id: str) -> None:
        """End the pauses that wait for a person, who has acted now. A limit of X's goes on."""
        with store_errors():
            rows: dict[str, str] = self._client.hgetall(_key(account_id))  # type: ignore[assignment]
            ended = [name for name, row in rows.items() if json.loads(row)["reason"] in NEEDS_A_PERSON]
            if ended:
                self._client.hdel(_key(account_id), *ended)


def _key(account_id: str) -> str:
    return keys.ENDPOINT_PAUSES.format(account=quote(account_id, safe=""))
