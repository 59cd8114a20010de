"""The state of all accounts and of the service, gathered at one moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.pauses import active
from twitter_connector.errors import AWAITS_A_PERSON, NEEDS_A_PERSON
from twitter_connector.model.usage import Usage, day_number
from twitter_connector.model.work import Direction

from .heartbeats import alive, unserved
from .usage import counts_in, usage_key

_DIRECTIONS = tuple(Direction)


@dataclass(frozen=True)
class AccountSnapshot:
    """The state of one account. A mapping by direction has no entry for a direction without data.

    status: epoch-ms moments and counts by name, see Accounts.note. waiting: number of lanes with work. lag: seconds for
    which the lane that is due longest has been waiting for a worker. pauses: until (epoch ms), reason, detail, since.
    probes: when the other side is probed next (epoch ms), where it could not be reached. limits: endpoint -> limit,
    remaining, reset (epoch seconds), as X's last answer said. endpoint_pauses: until (epoch ms), reason and detail, of
    the endpoints that only their own messages wait for. usage: what the account has used today. chat: encrypted
    messages of today by outcome. has_chat_keys: the connector can read them.
    """

    status: Mapping[str, int]
    waiting: Mapping[Direction, int]
    lag: Mapping[Direction, float]
    pauses: Mapping[Direction, Mapping[str, str]]
    probes: Mapping[Direction, int]
    limits: Mapping[str, Mapping[str, int]]
    endpoint_pauses: Mapping[str, Mapping[str, str]]
    usage: Usage
    chat: Mapping[str, int]
    has_chat_keys: bool

    @property
    def attention(self) -> str:
        """What a person has to do so that messages go on, in a sentence; "" if nobody has to act."""
        reasons = [(pause, NEEDS_A_PERSON) for pause in self.pauses.values()]
        reasons += [(pause, AWAITS_A_PERSON) for pause in self.endpoint_pauses.values()]
        return next((pause["detail"] for pause, of_a_person in reasons if pause["reason"] in of_a_person), "")


@dataclass(frozen=True)
class Snapshot:
    """The state of the service. now_ms: the time of the service. server_ms: the broker's clock. workers: names of those
    alive. unserved: those of the Celery queues asked for that no living worker serves. clocks: by how many seconds the
    clock of a living worker's machine differs from the broker's, where the difference is too large."""

    now_ms: int
    server_ms: int
    dead_letters: int
    workers: tuple[str, ...]
    unserved: tuple[str, ...]
    clocks: Mapping[str, int]
    accounts: Mapping[str, AccountSnapshot]


class Status:
    """Reads the state of accounts from the broker. clock: says which day it is; it must not ask the broker."""

    def __init__(self, client: redis.Redis, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._clock = clock

    def snapshot(self, account_ids: Collection[str], queues: Collection[str] = ()) -> Snapshot:
        """Return the state of the service and of these accounts, in one round trip for any number of them.

        queues: the Celery queues that workers should serve. Raises StoreUnavailable.
        """
        today = self._clock().date()
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.hget(keys.CLOCK, "shift")
        pipe.hgetall(keys.CLOCKS)
        pipe.zcard(keys.DEAD)
        pipe.zrange(keys.WORKERS, 0, -1, withscores=True)
        for account_id in account_ids:
            self._ask(pipe, account_id, day_number(today))
        with store_errors():
            answers = iter(pipe.execute())
        seconds, micros = next(answers)
        server_ms = int(seconds) * 1000 + int(micros) // 1000
        now_ms = server_ms + int(next(answers) or 0)
        differences = next(answers)
        dead = int(next(answers))
        entries = alive(next(answers), server_ms / 1000)
        # In the order of the questions: each account takes its own answers.
        accounts = {account_id: self._answered(answers, now_ms, today) for account_id in account_ids}
        workers = sorted({entry.partition("\t")[0] for entry in entries})
        clocks = {worker: int(differences[worker]) for worker in workers if worker in differences}
        return Snapshot(now_ms, server_ms, dead, tuple(workers), tuple(unserved(entries, queues)), clocks, accounts)

    def _ask(self, pipe: Any, account_id: str, day: int) -> None:
        account = quote(account_id, safe="")
        pipe.hgetall(keys.ACCOUNT_STATUS.format(account=account_id))
        pipe.hgetall(keys.BUDGETS.format(account=account_id))
        pipe.hgetall(keys.ENDPOINT_PAUSES.format(account=account))
        pipe.hgetall(usage_key(account_id, day))
        pipe.hexists(keys.CHAT_KEYS, account_id)
        pipe.hgetall(keys.CHAT_COUNTS.format(account=account, day=day))
        for direction in _DIRECTIONS:
            due = keys.DUE.format(direction=direction, account=account)
            pipe.zcard(due)
            pipe.zrange(due, 0, 0, withscores=True)
            pipe.hgetall(keys.GATE.format(direction=direction, account=account))
            pipe.hget(keys.BREAKER.format(direction=direction, account=account), "until")

    def _answered(self, answers: Any, now_ms: int, today: date) -> AccountSnapshot:
        status = {name: int(value) for name, value in next(answers).items()}
        limits = {
            endpoint: dict(zip(("limit", "remaining", "reset"), json.loads(row), strict=True))
            for endpoint, row in next(answers).items()
        }
        endpoint_pauses = active(next(answers), now_ms)
        usage, has_keys = Usage(today, counts_in(next(answers))), bool(next(answers))
        chat = counts_in(next(answers))
        waiting: dict[Direction, int] = {}
        lag: dict[Direction, float] = {}
        pauses: dict[Direction, Mapping[str, str]] = {}
        probes: dict[Direction, int] = {}
        for direction in _DIRECTIONS:
            waiting[direction] = int(next(answers))
            first = next(answers)
            lag[direction] = max(0.0, (now_ms - first[0][1]) / 1000) if first else 0.0
            pause = next(answers)
            # The server removes a pause some time after its end.
            if pause and int(pause["until"]) > now_ms:
                pauses[direction] = pause
            if until := next(answers):
                probes[direction] = int(until)
        return AccountSnapshot(status, waiting, lag, pauses, probes, limits, endpoint_pauses, usage, chat, has_keys)
