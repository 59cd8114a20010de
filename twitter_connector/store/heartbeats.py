"""Heartbeats: which workers are alive, which Celery queues they serve, and whether the broker can store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source

_BEAT = source(__package__, "beat")
# A worker sends one every four seconds. After two missed heartbeats it has ended or hangs.
WORKER_GONE_SECONDS = 10.0
# How long a worker's difference is known after its last heartbeat.
CLOCKS_SECONDS = 60


class Heartbeats:
    """Heartbeats of workers, measured by the broker's clock. Every method raises StoreUnavailable.

    An entry is the worker's name, followed by a tab and its queues. An entry without queues is of version 0.1.0,
    whose workers serve every queue. measured: the boot of this machine and what this process measured last, see
    BrokerClock.measured.
    """

    def __init__(self, client: redis.Redis, measured: Callable[[], tuple[str, str] | None] = lambda: None) -> None:
        self._client = client
        self._measured = measured
        self._beat = client.register_script(_BEAT)

    def beat(self, worker: str, queues: Collection[str] = (), difference: float | None = None) -> None:
        """Store the heartbeat of a worker.

        queues: those it takes tasks from; none means all. difference: the seconds by which its machine's clock differs
        from the broker's, if they are too many.
        """
        entry = "\t".join([worker, *([",".join(sorted(queues))] if queues else [])])
        differs = "" if difference is None else round(difference)
        with store_errors():
            boot, measured = self._measured() or ("", "")
            self._beat(
                keys=[keys.WORKERS, keys.CLOCKS, keys.MEASURED.format(boot=boot)],
                args=[entry, worker, differs, CLOCKS_SECONDS, measured, keys.MEASURED_SECONDS],
            )

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
            now = self._now()
            beats: list[tuple[str, float]] = self._client.zrange(keys.WORKERS, 0, -1, withscores=True)  # type: ignore[assignment]
            return alive(beats, now)

    def _now(self) -> float:
        seconds, micros = self._client.time()
        return float(seconds) + float(micros) / 1e6


def alive(entries: Iterable[tuple[str, float]], now: float) -> list[str]:
    """Return the entries whose last heartbeat (epoch seconds) is recent at a moment.

    One that lies ahead of it was stored before the broker's clock was put back.
    """
    return [entry for entry, beat in entries if abs(now - beat) <= WORKER_GONE_SECONDS]


def unserved(entries: Iterable[str], queues: Collection[str]) -> list[str]:
    """Return those queues that none of the workers' entries names."""
    left = set(queues)
    for entry in entries:
        served = entry.partition("\t")[2]
        left -= set(served.split(",")) if served else left
    return sorted(left)
