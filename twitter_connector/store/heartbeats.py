"""Signs of life: which workers are there, and whether the broker stores anything."""

from __future__ import annotations

import time

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors

# A worker writes every two seconds; five missed are a worker that is gone or stuck.
WORKER_GONE_SECONDS = 10.0


class Heartbeats:
    """Heartbeats of workers, by the broker's clock."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def beat(self, worker: str) -> None:
        with store_errors():
            now = self._now()
            pipe = self._client.pipeline(transaction=False)
            pipe.zadd(keys.WORKERS, {worker: now})
            pipe.zremrangebyscore(keys.WORKERS, 0, now - 3600)
            pipe.execute()

    def workers(self) -> list[str]:
        """Return the workers heard of lately."""
        with store_errors():
            since = self._now() - WORKER_GONE_SECONDS
            return [str(w) for w in self._client.zrangebyscore(keys.WORKERS, since, "+inf")]

    def forget(self, worker: str) -> None:
        with store_errors():
            self._client.zrem(keys.WORKERS, worker)

    def store(self) -> None:
        """Store something. Raises StoreUnavailable where the broker is away, full or read-only."""
        with store_errors():
            self._client.set(keys.PREFIX + "probe", int(time.time()), ex=60)

    def _now(self) -> float:
        seconds, micros = self._client.time()
        return float(seconds) + float(micros) / 1e6
