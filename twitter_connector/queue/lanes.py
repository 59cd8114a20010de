"""One ordered lane per conversation and direction: accept, claim, settle, postpone. The truth about all work."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import Line, Script, store_errors
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.work import (
    TYPING_INDICATOR,
    DeadLetter,
    Direction,
    EchoSeen,
    Effect,
    Entry,
    Lease,
    Link,
    QuestionClosed,
    QuoteForgotten,
    TypingIndicator,
)

from . import scripts
from .wakeups import Wakeups

# Iterating over an Enum is not free, and this is on the acknowledging path.
_BOTH = tuple(Direction)


class Lanes:
    """The lanes as they lie in the broker. Every method raises StoreUnavailable when the broker does not answer."""

    def __init__(self, client: redis.Redis, line: Line, wakeups: Wakeups) -> None:
        self._client = client
        self._wakeups = wakeups
        self._accept = Script(line, scripts.ACCEPT)
        self._revive = Script(line, scripts.REVIVE)
        self._claim = Script(line, scripts.CLAIM)
        self._settle = Script(line, scripts.SETTLE)
        self._postpone = Script(line, scripts.POSTPONE)
        self._renew = Script(line, scripts.RENEW)
        self._unreached = Script(line, scripts.UNREACHED)
        self._typing = Script(line, scripts.TYPING_INDICATORS)
        self._pause = Script(line, scripts.PAUSE)
        self._resume = Script(line, scripts.RESUME)
        self._end_waits = Script(line, scripts.END_WAITS)
        self._claim_wakeup = Script(line, scripts.CLAIM_WAKEUP)

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        """Store what is new, in one atomic step. Return for each item whether it was new."""
        new, directions = self._accept(*_arguments(items))
        self._wake(directions)
        if any(fresh and isinstance(item, TypingIndicator) for fresh, item in zip(new, items, strict=True)):
            self._wakeups.wake(TYPING_INDICATOR)
        return [bool(n) for n in new]

    def revive(self, letter_id: str, entry: Entry) -> bool:
        """Move a dead letter back into its lane, in one atomic step. Return whether it was on the list."""
        found, directions = self._revive(letter_id, *_arguments([entry]))
        self._wake(directions)
        return bool(found)

    def claim(self, direction: Direction, excluded: Collection[str] = ()) -> Lease | None:
        """Lease the next due lane of any account not excluded, and return its head. None: nothing is due."""
        since = time.monotonic()
        answer = self._claim(direction, keys.LEASE_MS, *(quote(a, safe="") for a in excluded))
        return _leased(direction, answer, since) if isinstance(answer, list) else None

    def settle(
        self, lease: Lease, follow_ups: Sequence[Effect] = (), *, keep: bool = True, answered: bool = True
    ) -> Lease | None:
        """Take the head off its lane and take in what follows from it, in one atomic step.

        answered: the other side has spoken, so it can be reached; not so where a message was given up without asking
        it. Return the lane's next head when `keep` asks for it. Where the lane has been handed to another worker
        meanwhile, nothing is done.
        """
        since = time.monotonic()
        answer = self._settle(
            *_named(lease), lease.member, keys.LEASE_MS, int(keep), int(answered), *_arguments(follow_ups)
        )
        if answer == -1:
            return None
        directions, following = answer
        self._wake(directions)
        return _leased(lease.direction, following, since) if following else None

    def postpone(self, lease: Lease, delay_ms: int, *, spend: bool) -> bool:
        """Let go of the lane until the delay is over. False when somebody else holds it by now."""
        return bool(self._postpone(*_named(lease), lease.member, delay_ms, int(spend)) == 1)

    def renew(self, lease: Lease) -> bool:
        """Hold the lane a whole lease longer. False when somebody else holds it by now."""
        return bool(self._renew(*_named(lease), keys.LEASE_MS) == 1)

    def unreached(self, direction: Direction, account_id: str) -> int:
        """Count a failure to reach the other side. Return ms until one message probes it; 0 while all may try."""
        return int(self._unreached(direction, quote(account_id, safe="")))

    def pause(self, direction: Direction, account_id: str, until_ms: int, reason: str, detail: str) -> None:
        """Let the account's lanes of one direction wait until a moment (epoch ms)."""
        self._pause(direction, quote(account_id, safe=""), until_ms, reason, detail)

    def resume(self, direction: Direction, account_id: str) -> None:
        """End the pause of an account in one direction."""
        self._wake(self._resume(direction, quote(account_id, safe="")))

    def end_waits(self, direction: Direction, account_id: str) -> None:
        """Make the waiting lanes of an account due now. Leased lanes keep their lease. Not for outbound lanes: some of
        them wait for the outcome of a send."""
        self._wake(self._end_waits(direction, quote(account_id, safe="")))

    def pauses(self, account_id: str) -> dict[Direction, dict[str, str]]:
        """Return what holds the account back, by direction: until (epoch ms), reason, detail, since."""
        found: dict[Direction, dict[str, str]] = {}
        with store_errors():
            for direction in Direction:
                key = keys.GATE.format(direction=direction, account=quote(account_id, safe=""))
                gate: dict[str, str] = self._client.hgetall(key)  # type: ignore[assignment]
                if gate:
                    found[direction] = gate
        return found

    def typing_indicators(self) -> list[str]:
        """Take out everything that flashed within the last seconds, oldest first."""
        return [str(payload) for payload in self._typing()]

    def probes(self, account_id: str) -> dict[Direction, int]:
        """Return, by direction, when the other side is probed next (epoch ms), where it could not be reached lately."""
        found: dict[Direction, int] = {}
        with store_errors():
            for direction in Direction:
                key = keys.BREAKER.format(direction=direction, account=quote(account_id, safe=""))
                until: str | None = self._client.hget(key, "until")  # type: ignore[assignment]
                if until is not None:
                    found[direction] = int(until)
        return found

    def wake_if_due(self, direction: Direction) -> bool:
        """Wake a worker if a lane is due and no wake-up is pending. Return whether one was sent."""
        due = bool(self._claim_wakeup(direction, keys.WAKEUP_MS))
        if due:
            self._wakeups.wake(direction)
        return due

    def wakeup_received(self, direction: Direction) -> None:
        """The doorbell was heard: from here on a new one may be rung."""
        with store_errors():
            self._client.delete(keys.WAKEUP.format(direction=direction))

    def suppress_wakeups(self, direction: Direction) -> None:
        """No doorbell for a moment: whoever is at work already will take what becomes due."""
        with store_errors():
            self._client.set(keys.WAKEUP.format(direction=direction), 1, px=keys.SUPPRESS_WAKEUPS_MS)

    def waiting(self, account_id: str) -> dict[Direction, int]:
        """Return how many lanes of the account hold work, by direction."""
        account = quote(account_id, safe="")
        with store_errors():
            counts: list[int] = [self._client.zcard(keys.DUE.format(direction=d, account=account)) for d in Direction]
        return dict(zip(Direction, counts, strict=True))

    def overdue_seconds(self, direction: Direction) -> float:
        """Return for how long no worker has looked at an account that has work due; 0 where there is none."""
        with store_errors():
            seconds, micros = self._client.time()
            key = keys.TURN.format(direction=direction)
            first: list[tuple[str, float]] = self._client.zrange(key, 0, 0, withscores=True)  # type: ignore[assignment]
        now = int(seconds) * 1000 + int(micros) // 1000
        return max(0.0, (now - first[0][1]) / 1000) if first else 0.0

    def lag(self, account_id: str) -> dict[Direction, float]:
        """Return, by direction, for how many seconds the lane that is longest due has been waiting for a worker."""
        account = quote(account_id, safe="")
        found: dict[Direction, float] = {}
        with store_errors():
            seconds, micros = self._client.time()
            now = int(seconds) * 1000 + int(micros) // 1000
            for direction in Direction:
                key = keys.DUE.format(direction=direction, account=account)
                first: list[tuple[str, float]] = self._client.zrange(key, 0, 0, withscores=True)  # type: ignore[assignment]
                found[direction] = max(0.0, (now - first[0][1]) / 1000) if first else 0.0
        return found

    def _wake(self, directions: Sequence[int]) -> None:
        for direction, due in zip(_BOTH, directions, strict=True):
            if due:
                self._wakeups.wake(direction)


def _named(lease: Lease) -> tuple[str, str, str, str]:
    return lease.direction, quote(lease.account_id, safe=""), quote(lease.lane, safe="~"), lease.token


def _arguments(items: Sequence[Effect]) -> list[str | int]:
    """Flatten items for `take` in scripts.py: kind, account, lane, id, order, payload, again, number.

    Quoting keeps foreign ids from breaking a key apart.
    """
    flat: list[str | int] = []
    for item in items:
        account = quote(item.account_id, safe="")
        match item:
            case Entry():
                lane = quote(item.lane, safe="~")
                flat += [item.direction, account, lane, item.id, item.order, item.payload, int(item.again), 0]
            case EchoSeen():
                echo = json.dumps({"id": item.event_id, "created_ms": item.created_ms, "digest": item.digest})
                flat += ["echo", account, quote(item.customer_id, safe=""), item.event_id, "", echo, 0, 0]
            case TypingIndicator():
                flat += ["flash", account, quote(item.customer_id, safe=""), "", item.direction, item.payload, 1, 0]
            case Link():
                flat += ["link", account, "", quote(item.message_id, safe=""), "", item.event_id, 1, 0]
            case QuestionClosed():
                flat += ["closed", account, quote(item.customer_id, safe=""), "", "", "", 1, 0]
            case QuoteForgotten():
                flat += ["unquote", account, "", quote(item.message_id, safe=""), "", "", 1, 0]
            case DeadLetter():
                flat += ["dead", account, "", item.id, "", dead_letter_json(item), 1, epoch_ms(item.failed_at)]
    return flat


def dead_letter_json(letter: DeadLetter) -> str:
    """Return a dead letter as stored; read back by dead_letters.py."""
    fields: dict[str, Any] = asdict(letter)
    fields["accepted_at"] = epoch_ms(letter.accepted_at)
    fields["failed_at"] = epoch_ms(letter.failed_at)
    return json.dumps(fields)


def _leased(direction: Direction, row: list[Any], since: float) -> Lease:
    from urllib.parse import unquote

    account, lane, token, member, stored, claims, tries, more = row
    if not isinstance(stored, str):
        # A queue entry without its message cannot come from our scripts; refuse to guess.
        raise StoreUnavailable("lane_damaged", f"Lane entry {member} has lost its message.", ours=True)
    accepted_ms, _, payload = stored.partition(" ")
    return Lease(
        direction=direction,
        account_id=unquote(account),
        lane=unquote(lane),
        token=str(token),
        member=member,
        payload=payload,
        accepted_at=moment(int(accepted_ms)),
        claims=int(claims),
        tries=int(tries),
        more=bool(more),
        since=since,
    )
