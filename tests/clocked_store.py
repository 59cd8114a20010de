"""The real lanes, ledger and records on a real broker, with a clock that stands still until a test moves it.

One server for each test process, started when first needed. Each store gets an empty database of it.
"""

from __future__ import annotations

import atexit
import itertools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import redis
from cryptography.fernet import Fernet

from tests.brokers import Broker, RecordedWakeups, running
from tests.fakes import FakeClock
from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.line import Head, Line
from twitter_connector.model.work import Direction, Lease
from twitter_connector.queue.dead_letters import DeadLetters
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.message_log import MessageLog
from twitter_connector.queue.send_ledger import SendLedger
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.comments import Comments
from twitter_connector.store.conversations import Conversations
from twitter_connector.store.vault import Vault

T = TypeVar("T")

# The server's default number of databases.
DATABASES = 16
# Of the test's clock, so it costs no time.
POLL_SECONDS = 200.0
# Marks, counters and records that outlive the work on purpose, each with a lifetime or of one fixed size.
LASTING = (
    "seen:",
    "thread:",
    "comment:",
    "signs:",
    "bell:",
    "awake:",
    "notice:",
    "fence",
    "clock",
    "seq",
    "ledger:",
    "sent:",
    "echo:",
    "dead",
    "accounts",
    "link:",
    "gate:",
    "usage:",
    "billed:",
    "log",
)


class BreakableLine(Line):
    """A connection for scripts that a test can break."""

    away = False

    def run(self, source: str, head: Head, args: Sequence[str | int]) -> Any:
        if self.away:
            raise redis.ConnectionError("the test has broken this connection")
        return super().run(source, head, args)


@cache
def _server() -> Broker:
    stack = ExitStack()
    atexit.register(stack.close)
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="twitter-connector-test-"))
    return stack.enter_context(running(Path(directory)))


@cache
def _connected(database: int) -> tuple[redis.Redis, BreakableLine]:
    client = redis.Redis(
        unix_socket_path=_server().client().connection_pool.connection_kwargs["path"],
        db=database,
        decode_responses=True,
        socket_timeout=5,
    )
    return client, BreakableLine(client, patient=False)


_databases = itertools.cycle(range(DATABASES))


class ClockedLanes(Lanes):
    """The real lanes in an empty database, with a test's clock. A test can have one outcome lost, as when the broker
    goes away after a send."""

    lose_next_settle = False

    def __init__(self, clock: FakeClock, timings: QueueTimings = QueueTimings()) -> None:  # noqa: B008 - frozen
        self.client, self.line = _connected(next(_databases))
        self.client.flushdb()
        self.line.away = False
        wakeups = RecordedWakeups()
        self.woken = wakeups.woken
        super().__init__(self.client, self.line, wakeups, timings, clock=lambda: clock.ms)

    def settle(self, *args: Any, **options: Any) -> Lease | None:
        if self.lose_next_settle:
            self.lose_next_settle = False
            with store_errors():
                raise redis.ConnectionError("the test has broken this connection")
        return super().settle(*args, **options)

    def left_behind(self) -> list[str]:
        """Return the keys that an emptied store must not have any more."""
        names = sorted(key.removeprefix(keys.PREFIX) for key in self.client.keys("*"))
        return [name for name in names if not name.startswith(LASTING)]

    def payloads(self, direction: Direction) -> list[str]:
        """Return the payloads that wait in one direction, lane by lane, in their order."""
        found = []
        prefix = keys.stem(keys.MESSAGES) + f"{direction}:"
        for key in sorted(self.client.scan_iter(prefix + "*")):
            rows: dict[str, str] = self.client.hgetall(key)  # type: ignore[assignment]
            found += [rows[member].partition(" ")[2] for member in sorted(rows)]
        return found


class Store:
    """Lanes and records in one empty database, and their time."""

    def __init__(self, timings: QueueTimings = QueueTimings()) -> None:  # noqa: B008 - frozen
        self.clock = FakeClock()
        self.lanes = ClockedLanes(self.clock, timings)
        self.woken = self.lanes.woken
        client = self.lanes.client
        self.ledger = SendLedger(client, self.lanes.line)
        self.dead_letters = DeadLetters(client)
        self.message_log = MessageLog(client)
        self.conversations = Conversations(client)
        self.comments = Comments(client)
        self.accounts: Any = Accounts(client, Vault([Fernet.generate_key().decode()]))

    def now_ms(self) -> int:
        """Return the store's present moment."""
        return self.clock.ms

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def left_behind(self) -> list[str]:
        """Return the keys that an emptied store must not have any more."""
        return self.lanes.left_behind()


def eventually(store: Store, ask: Callable[[], T]) -> T:
    """Return the first answer that is not empty, while the store's time passes."""
    end = store.now_ms() + int(POLL_SECONDS * 1000)
    while store.now_ms() < end:
        answer = ask()
        if answer:
            return answer
        store.wait(0.02)
    raise AssertionError("it did not happen in time")
