"""What a hundred thousand conversations leave in the broker: memory before, with all of them waiting, and after.

Uses the broker as the service starts it, and the lanes and marks as the web and the workers do; calls nobody outside.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks import events
from twitter_connector.broker.connection import connect
from twitter_connector.broker.line import Line
from twitter_connector.config import Settings
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.message_log import Arrival, LogLine, NameSeen
from twitter_connector.model.work import (
    Direction,
    Effect,
    Entry,
    Lease,
    Link,
    QuestionClosed,
)
from twitter_connector.processes import embedded_broker
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.send_ledger import SendLedger, SendRecord
from twitter_connector.queue.wakeups import Wakeups
from twitter_connector.twitter.account_activity import raw_events

CONVERSATIONS = 100_000
# So many of them get a reply as well. A reply leaves more behind, and a tenth tells how much.
REPLIES = 10_000
BATCH = 200
# Most of a round trip is waiting for the broker.
THREADS = 6
# How many keys of a kind are weighed.
SAMPLE = 500
_START_SECONDS = 20.0


class NoWakeups(Wakeups):
    """Wakes no worker: this benchmark claims the work itself."""

    def __init__(self) -> None: ...
    def wake(self, direction: str) -> None: ...


def main() -> None:
    """Take every conversation through accept, claim and settle; print what the broker holds at each point."""
    begun = time.monotonic()
    with running() as client:
        line = Line(client, patient=True)
        lanes, ledger = Lanes(client, line, NoWakeups()), SendLedger(client, line)
        print(f"broker memory, {CONVERSATIONS:,} conversations with one event each, {REPLIES:,} replies")
        _taken_through(client, lanes, Direction.IN, CONVERSATIONS, event, posted)
        _taken_through(client, lanes, Direction.OUT, REPLIES, reply, lambda lease: sent(lease, ledger))
        print(f"  measured in {time.monotonic() - begun:.0f} s")


def _taken_through(
    client: redis.Redis,
    lanes: Lanes,
    direction: Direction,
    number: int,
    made: Callable[[int], Entry],
    done: Callable[[Lease], list[Effect]],
) -> None:
    before, known = used(client), _kinds(client)
    for start in range(0, number, BATCH):
        lanes.accept([made(n) for n in range(start, start + BATCH)])
    waiting = used(client)

    def settled(_: int) -> int:
        count = 0
        while lease := lanes.claim(direction):
            lanes.settle(lease, done(lease))
            count += 1
        return count

    with ThreadPoolExecutor(THREADS) as threads:
        counts = list(threads.map(settled, range(THREADS)))
    if sum(counts) != number or any(lanes.waiting(events.ACCOUNT_ID).values()):
        raise RuntimeError(f"{sum(counts)} of {number} were settled")
    after = used(client)
    left = _kinds(client) - known
    weights = {kind: _weight(client, kind) for kind in sorted(left)}
    marks = sum(weights[kind] for kind in left if left[kind] >= number)
    each = (waiting - before) // number
    print(
        f"  {direction.word:8} before {_mb(before)}, all waiting {_mb(waiting)} ({each} B each), "
        f"after {_mb(after)}, of which its marks take {marks} B each"
    )
    print("           left: " + ", ".join(f"{kind} {left[kind]:,} of {weight} B" for kind, weight in weights.items()))


def _event_like(customer_id: str, event_id: str) -> str:
    """Return what the web stores for an event."""
    request = events.request(customer_id, event_id)
    (raw_event,) = raw_events(json.loads(request.partition(b"\r\n\r\n")[2]), events.ACCOUNT_ID)
    return json.dumps({"activity": raw_event.envelope}, separators=(",", ":"))


_FIRST_CUSTOMER, _FIRST_EVENT = "1000000000", events.event_id()
# Made once: making each anew would take longer than all the rest.
_PATTERN = _event_like(_FIRST_CUSTOMER, _FIRST_EVENT)


def event(number: int) -> Entry:
    customer_id, event_id = str(int(_FIRST_CUSTOMER) + number), events.event_id()
    payload = _PATTERN.replace(_FIRST_CUSTOMER, customer_id).replace(_FIRST_EVENT, event_id)
    entry_id, order = f"dm:{event_id}", f"0{event_id:0>20}"
    arrival = Arrival("webhook", int(time.time() * 1000))
    return Entry(Direction.IN, events.ACCOUNT_ID, customer_id, entry_id, payload, order, arrival=arrival)


def posted(lease: Lease) -> list[Effect]:
    event_id = lease.entry_id.removeprefix("dm:")
    cim_id = message_id(lease.account_id, event_id)
    return [
        Link(lease.account_id, cim_id, event_id),
        QuestionClosed(lease.account_id, lease.customer_id),
        _delivered(lease, cim_ids=(cim_id,)),
        NameSeen(lease.account_id, lease.customer_id, f"customer_{lease.customer_id}"),
    ]


def reply(number: int) -> Entry:
    customer_id = str(int(_FIRST_CUSTOMER) + number)
    cim_id = message_id("a reply to", customer_id)
    message = {"id": cim_id, "body": {"type": "PLAIN", "markdownText": "It is on its way, and arrives tomorrow."}}
    arrival = Arrival("ccm", int(time.time() * 1000), "PLAIN")
    payload = json.dumps({"message": message})
    return Entry(Direction.OUT, events.ACCOUNT_ID, customer_id, cim_id, payload, arrival=arrival)


def sent(lease: Lease, ledger: SendLedger) -> list[Effect]:
    ledger.write(lease, lease.entry_id, 0, SendRecord(started_ms=int(time.time() * 1000), sends=1))
    dm_id = events.event_id()
    ledger.done(lease.account_id, lease.customer_id, lease.entry_id, 0, dm_id)
    return [_delivered(lease, x_ids=(dm_id,))]


def _delivered(lease: Lease, x_ids: tuple[str, ...] = (), cim_ids: tuple[str, ...] = ()) -> LogLine:
    return LogLine(
        lease.direction,
        lease.account_id,
        lease.entry_id,
        "delivered",
        1,
        kind="PLAIN",
        x_ids=x_ids,
        cim_ids=cim_ids,
    )


def used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _kinds(client: redis.Redis) -> Counter[str]:
    """Return how many keys there are of each kind: the part of their names behind the prefix, ids left out."""
    names = (re.sub(r"[0-9a-f-]{6,}.*", "", key.removeprefix("tc:")) for key in client.scan_iter(count=5000))
    return Counter(name.rstrip(":") for name in names)


def _weight(client: redis.Redis, kind: str) -> int:
    """Return what a key of this kind takes on average, in bytes, by the broker's own account."""
    weights = []
    for key in client.scan_iter(f"tc:{kind}*", count=5000):
        weights.append(int(client.memory_usage(key) or 0))
        if len(weights) == SAMPLE:
            break
    return sum(weights) // len(weights)


def _mb(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"


@contextmanager
def running() -> Iterator[redis.Redis]:
    with tempfile.TemporaryDirectory(prefix="tc-bench-") as directory:
        settings = Settings.from_env(
            {"VAR_DIR": directory, "CCM_URL": "http://127.0.0.1:9", "BROKER_FSYNC": "everysec"}
        )
        (Path(directory) / "broker").mkdir()
        process = subprocess.Popen(
            embedded_broker.command(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with connect(settings.redis_url, patient=True) as client:
                _answering(client)
                yield client
        finally:
            process.kill()
            process.wait()


def _answering(client: redis.Redis) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.ping()
        except redis.RedisError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    main()
