"""Whether a message costs the same with much waiting work as with little: processor time and round trips for each.

A worker's part of one message, without the other side: lease its lane, and settle it. One process, one broker.
"""

from __future__ import annotations

import time

import redis

from benchmarks.broker_memory import NoWakeups, running
from benchmarks.processes import cpu_seconds
from twitter_connector.broker.line import Line
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.clock import BrokerClock
from twitter_connector.queue.lanes import Lanes
from twitter_connector.startup import now

MEASURED = 2000
ROUNDS = 3
PAYLOAD = '{"message":"' + "x" * 600 + '"}'
# Waiting conversations, accounts, entries in the measured lanes.
SCALES = ((10, 1, 1), (1000, 1, 1), (100_000, 1, 1), (1000, 1000, 1), (100_000, 1000, 1), (10, 1, 5000))
IN = Direction.IN


def main() -> None:
    """Print one row for each scale."""
    print("claim and settle of one message, beside what waits; medians of the rounds")
    columns = "".join(f"{name:>11}" for name in ("waiting", "accounts", "in a lane", "worker us", "broker us"))
    print(f"{columns}{'trips':>7}  by the first row")
    with running() as client:
        line, pid = Line(client, patient=True), int(client.info()["process_id"])
        lanes = Lanes(client, line, NoWakeups(), process_clock=BrokerClock(line, now))
        first: tuple[float, float] | None = None
        for waiting, accounts, length in SCALES:
            client.flushdb()
            _fill(lanes, waiting, accounts, length)
            rows = sorted(_measure(lanes, client, pid) for _ in range(ROUNDS))
            ours, theirs, trips = rows[ROUNDS // 2]
            first = first or (ours, theirs)
            ratio = f"{ours / first[0]:.2f} and {theirs / first[1]:.2f}"
            print(f"{waiting:11}{accounts:11}{length:11}{ours:11.0f}{theirs:11.0f}{trips:7.2f}  {ratio}")
        _memory(client, lanes)


def _fill(lanes: Lanes, waiting: int, accounts: int, length: int) -> None:
    """Store a message in each waiting conversation, and enough to measure."""
    needed = MEASURED * ROUNDS + ROUNDS
    conversations = max(waiting, 1)
    entries = [(n % accounts, n, 0) for n in range(conversations)]
    if length > 1:
        entries = [(n % accounts, n, k) for k in range(length) for n in range(conversations)]
    elif conversations < needed:
        entries = [(n % accounts, n % conversations, n) for n in range(needed)]
    for start in range(0, len(entries), 500):
        lanes.accept([Entry(IN, f"a{a}", f"c{c}", f"{c}-{k}", PAYLOAD) for a, c, k in entries[start : start + 500]])


def _measure(lanes: Lanes, client: redis.Redis, pid: int) -> tuple[float, float, float]:
    """Return the microseconds of this process and of the broker for one message, and the round trips."""
    lease = lanes.claim(IN)
    calls, cpu, ours = _calls(client), cpu_seconds(pid), time.process_time()
    for _ in range(MEASURED):
        assert lease is not None
        lease = lanes.settle(lease, keep=False, excluded=())
    ours, theirs, trips = time.process_time() - ours, cpu_seconds(pid) - cpu, _calls(client) - calls
    if lease is not None:
        lanes.settle(lease, keep=False)
    return ours / MEASURED * 1e6, theirs / MEASURED * 1e6, trips / MEASURED


def _calls(client: redis.Redis) -> int:
    return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])


def _memory(client: redis.Redis, lanes: Lanes) -> None:
    """Print what a waiting message and an idle conversation take in the broker."""
    client.flushdb()
    before = _used(client)
    count = 20_000
    _fill(lanes, count, 1, 1)
    waiting = _used(client) - before
    lease = lanes.claim(IN)
    while lease is not None:
        lease = lanes.settle(lease, excluded=())
    idle = _used(client) - before
    print(f"broker memory: a waiting message of {len(PAYLOAD)} bytes {waiting / count:.0f} bytes, ", end="")
    print(f"a conversation without work {idle / count:.0f} bytes (the mark of an accepted id)")


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
