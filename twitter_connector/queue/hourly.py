"""Counts the members of a sorted set of moments by hour."""

from __future__ import annotations

from datetime import datetime

import redis

from twitter_connector.broker.connection import store_errors
from twitter_connector.model.timestamps import epoch_ms

_HOUR_MS = 3_600_000


def counts_by_hour(client: redis.Redis, key: str, hours: int, now: datetime) -> list[int]:
    """Return how many members have a score (epoch ms) in each of the last hours, the oldest hour first.

    Raises StoreUnavailable.
    """
    end = epoch_ms(now)
    with store_errors():
        pipe = client.pipeline(transaction=False)
        for back in range(hours, 0, -1):
            pipe.zcount(key, f"({end - back * _HOUR_MS}", end - (back - 1) * _HOUR_MS)
        counts: list[int] = pipe.execute()
    return counts
