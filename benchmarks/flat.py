"""Whether a message costs the same with much waiting work as with little: processor time and round trips for each.

A worker's part of one message, without the other side: lease its lane, and settle it. One process, one broker.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from benchmarks.broker_memory import NoWakeups, running
from benchmarks.processes import cpu_seconds
from twitter_connector.broker.line import Line
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.clock import BrokerClock
from twitter_connector.queue.lanes import Lanes
from twitter_connector.startup import now

MEASURED = 500
ROUNDS = 9
PAYLOAD = '{"message":"' + "x" * 600 + '"}'
# Waiting conversations, accounts, entries in the measured lanes.
SCALES = ((10, 1, 1), (1000, 1, 1), (100_000, 1, 1), (1000, 1000, 1), (100_000, 1000, 1), (10, 1, 5000))
IN = Direction.IN


def main() -> None:
    """Print one row for each scale, beside the first scale: both take turns, each with a broker of its own."""
    print("claim and settle of one message, beside what waits; medians of the rounds")
    columns = "".join(f"{name:>11}" for name in ("waiting", "accounts", "in a lane", "worker us", "broker us"))
    print(f"{columns}{'trips':>7}  worker and broker by the first scale")
    with _Broker.running() as first:
        for scale in SCALES:
            first.fill(*SCALES[0])
            with _Broker.running() as broker:
                broker.fill(*scale)
                pairs = [(broker.measure(), first.measure()) for _ in range(ROUNDS)]
            ours, theirs, trips = (statistics.median(row[n] for row, _ in pairs) for n in range(3))
            by_first = [statistics.median(row[n] / beside[n] for row, beside in pairs) for n in range(2)]
            figures = "".join(f"{figure:11}" for figure in scale) + f"{ours:11.0f}{theirs:11.0f}{trips:7.2f}"
            print(f"{figures}  {by_first[0]:.2f} and {by_first[1]:.2f}")
    with _Broker.running() as broker:
        broker.print_memory()


class _Broker:
    """A broker, and lanes in it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client, self._pid = client, int(client.info()["process_id"])
        line = Line(client, patient=True)
        self._lanes = Lanes(client, line, NoWakeups(), process_clock=BrokerClock(line, now))

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[_Broker]:
        with running() as client:
            yield cls(client)

    def fill(self, waiting: int, accounts: int, length: int) -> None:
        """Replace what waits: store a message in each waiting conversation, and enough to measure."""
        self._client.flushdb()
        needed = MEASURED * ROUNDS + ROUNDS
        conversations = max(waiting, 1)
        entries = [(n % accounts, n, 0) for n in range(conversations)]
        if length > 1:
            entries = [(n % accounts, n, k) for k in range(length) for n in range(conversations)]
        elif conversations < needed:
            entries = [(n % accounts, n % conversations, n) for n in range(needed)]
        for start in range(0, len(entries), 200):
            self._lanes.accept(
                [Entry(IN, f"a{a}", f"c{c}", f"{c}-{k}", PAYLOAD) for a, c, k in entries[start : start + 200]]
            )

    def measure(self) -> tuple[float, float, float]:
        """Return the microseconds of this process and of the broker for one message, and the round trips."""
        lease = self._lanes.claim(IN)
        calls, cpu, ours = self._calls(), cpu_seconds(self._pid), time.process_time()
        for _ in range(MEASURED):
            assert lease is not None
            lease = self._lanes.settle(lease, keep=False, excluded=())
        ours, theirs, trips = time.process_time() - ours, cpu_seconds(self._pid) - cpu, self._calls() - calls
        if lease is not None:
            self._lanes.settle(lease, keep=False)
        return ours / MEASURED * 1e6, theirs / MEASURED * 1e6, trips / MEASURED

    def _calls(self) -> int:
        return int(self._client.info("commandstats")["cmdstat_evalsha"]["calls"])

    def print_memory(self) -> None:
        """Print what a waiting message and an idle conversation take in the broker."""
        self._client.flushdb()
        before = self._used()
        count = 20_000
        self.fill(count, 1, 1)
        waiting = self._used() - before
        lease = self._lanes.claim(IN)
        while lease is not None:
            lease = self._lanes.settle(lease, excluded=())
        idle = self._used() - before
        print(f"broker memory: a waiting message of {len(PAYLOAD)} bytes {waiting / count:.0f} bytes, ", end="")
        print(f"a conversation without work {idle / count:.0f} bytes (the mark of an accepted id)")

    def _used(self) -> int:
        return int(self._client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
