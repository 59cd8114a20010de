"""Heartbeats: which workers are alive, which Celery queues they serve, and whether the broker can store."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors

# A worker writes every two seconds. After five missed heartbeats it has ended or hangs.
WORKER_GONE_SECONDS = 10.0


class Heartbeats:
    """Heartbeats of workers, measured by the broker's clock. Every method raises StoreUnavailable.

    An entry is the worker's name, followed by a tab and its queues. An entry without queues is of version 0.1.0,
    whose workers serve every queue.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def beat(self, worker: str, queues: Collection[str] = ()) -> None:
        """Store the heartbeat of a worker. queues: those it takes tasks from; none means all."""
        entry = "\t".join([worker, *([",".join(sorted(queues))] if queues else [])])
        with store_errors():
            now = self._now()
            pipe = self._client.pipeline(transaction=False)
            pipe.zadd(keys.WORKERS, {entry: now})
            pipe.zremrangebyscore(keys.WORKERS, 0, now - 3600)
            pipe.execute()

    def workers(self) -> list[str]:
        """Return the names of the workers that are alive."""
        return sorted({entry.partition("\t")[0] for entry in self._entries()})

    def unserved(self, queues: Collection[str]) -> list[str]:
        """Return those queues that no living worker serves."""
        return unserved(self._entries(), queues)

    def forget(self, worker: str) -> None:
        """Remove a worker that has ended, so that nobody counts it any more."""
        with store_errors():
            entries = [str(entry) for entry in self._client.zrange(keys.WORKERS, 0, -1)]
            if own := [entry for entry in entries if entry.partition("\t")[0] == worker]:
                self._client.zrem(keys.WORKERS, *own)

    def store(self) -> None:
        """Store a value. Raises StoreUnavailable also if the broker is full or read-only."""
        with store_errors():
            self._client.set(keys.PROBE, int(time.time()), ex=60)

    def _entries(self) -> list[str]:
        with store_errors():
            since = self._now() - WORKER_GONE_SECONDS
            return [str(entry) for entry in self._client.zrangebyscore(keys.WORKERS, since, "+inf")]

    def _now(self) -> float:
        seconds, micros = self._client.time()
        return float(seconds) + float(micros) / 1e6


def alive(entries: Iterable[tuple[str, float]], now: float) -> list[str]:
    """Return the entries whose last heartbeat (epoch seconds) is recent at a moment."""
    return [entry for entry, beat in entries if beat >= now - WORKER_GONE_SECONDS]


def unserved(entries: Iterable[str], queues: Collection[str]) -> list[str]:
    """Return those queues that none of the workers' entries names."""
    left = set(queues)
    for entry in entries:
        served = entry.partition("\t")[2]
        left -= set(served.split(",")) if served else left
    return sorted(left)
