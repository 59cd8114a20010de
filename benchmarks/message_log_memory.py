"""What a message costs in the message log, with all its look-ups: `python -m benchmarks.message_log_memory`.

The same messages go through the lanes with the log and without it; the difference of the broker's memory is the log's.
Each message is of another customer, which costs most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import redis

from benchmarks import events
from benchmarks.broker_memory import NoWakeups, event, posted, reply, running, sent, used
from twitter_connector.broker.line import Line
from twitter_connector.model.message_log import LogLine
from twitter_connector.model.work import (
    Direction,
    Effect,
    Entry,
    Lease,
)
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.send_ledger import SendLedger
from twitter_connector.queue.timings import QueueTimings

MESSAGES = 10_000
BATCH = 200
AIM = 1024
# As many failed tries as fill a record.
TRIES = 20

Made = Callable[[int], Entry]
Done = Callable[[Lease, SendLedger], list[Effect]]


def main() -> None:
    """Print the bytes of a message in the log, by direction, and of one with the longest journey."""
    print(f"message log, each message of another customer (aim: at most {AIM} B a message)")
    for name, count, direction, made, done, tries in (
        ("inbound", MESSAGES, Direction.IN, event, lambda lease, ledger: posted(lease), 0),
        ("outbound", MESSAGES, Direction.OUT, reply, sent, 0),
        (f"outbound after {TRIES} failed tries", MESSAGES // 5, Direction.OUT, reply, sent, TRIES),
    ):
        with_log, without = (_taken(count, log, direction, made, done, tries) for log in (QueueTimings.log, 0))
        print(f"  {name:32} {(with_log - without) // count:5} B")


def _taken(count: int, log: int, direction: Direction, made: Made, done: Done, tries: int) -> int:
    with running() as client:
        line = Line(client, patient=True)
        lanes = Lanes(client, line, NoWakeups(), replace(QueueTimings(), log=log))
        ledger = SendLedger(client, line)
        before = used(client)
        for start in range(0, count, BATCH):
            lanes.accept([made(number) for number in range(start, start + BATCH)])
        while lease := lanes.claim(direction):
            if tries and log:
                lanes.accept([_failed(lease, number + 1) for number in range(tries)])
            lanes.settle(lease, done(lease, ledger))
        _purged(client)
        return used(client) - before


def _failed(lease: Lease, number: int) -> LogLine:
    return LogLine(lease.direction, events.ACCOUNT_ID, lease.entry_id, "tried", number, "twitter_unavailable")


def _purged(client: redis.Redis) -> None:
    """Let the server give up what it only reserves."""
    client.execute_command("MEMORY", "PURGE")  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
