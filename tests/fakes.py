"""In-memory edges for the relay's tests, honest enough to pass the suites of tests/contracts.

Time moves only when a test says so. Nothing here speaks to a broker, to Twitter or to CIM.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.broker import keys
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    Permanent,
    Scope,
    StoreUnavailable,
)
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.event import DM, DmEchoed, DmReceived, RawEvent
from twitter_connector.model.flavour import CHALLENGE_FAILED, WEBHOOK_LIMIT
from twitter_connector.model.plan import Asked, SendDm
from twitter_connector.model.subscription import (
    DIRECT_MESSAGES,
    READ_MARKS,
    TYPING_INDICATORS,
    ChallengeAnswer,
    Subscriptions,
)
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
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.queue.timings import QueueTimings

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told how far to go."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    @property
    def ms(self) -> int:
        return epoch_ms(self.at)

    def seconds(self) -> float:
        """Return the moment as a number that only grows, as time.monotonic does."""
        return (self.at - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class _Lane:
    queue: dict[str, tuple[int, str]] = field(default_factory=dict)
    owner: str = ""
    claims: dict[str, int] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)


Name = tuple[Direction, str, str]


class FakeLanes:
    """The lanes, by the rules of queue/lua."""

    def __init__(self, clock: FakeClock, timings: QueueTimings = QueueTimings()) -> None:  # noqa: B008 - frozen
        self.timings = timings
        self._clock = clock
        self.woken: list[str] = []
        self._lanes: dict[Name, _Lane] = {}
        self._due: dict[tuple[Direction, str], dict[str, int]] = {}
        self._turn: dict[Direction, dict[str, int]] = {d: {} for d in Direction}
        self._served: dict[tuple[Direction, str], int] = {}
        self._seen: set[tuple[str, str, str]] = set()
        self._gates: dict[tuple[Direction, str], dict[str, str]] = {}
        self._bells: dict[Direction, int] = {}
        self._fence = 0
        self._sequence = 0
        self._breakers: dict[tuple[Direction, str], list[int]] = {}
        self._probing: set[tuple[Direction, str]] = set()
        self._flash_marks: dict[tuple[Direction, str, str], int] = {}
        self._typing: list[tuple[int, str]] = []
        self.echoed: dict[tuple[str, str], list[EchoSeen]] = {}
        self.dead: dict[str, DeadLetter] = {}
        self.links: dict[tuple[str, str], str] = {}
        self.conversations: dict[tuple[str, str], str] = {}
        self.quotes: dict[tuple[str, str], str] = {}
        self.away = False

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        self._there()
        new, wanted = self._take(items)
        self._wake(wanted)
        if any(fresh and isinstance(item, TypingIndicator) for fresh, item in zip(new, items, strict=True)):
            self.woken.append(TYPING_INDICATOR)
        return new

    def revive(self, letter_id: str, entry: Entry) -> bool:
        self._there()
        listed = self.dead.pop(letter_id, None) is not None
        _, wanted = self._take([entry] if listed else [])
        self._wake(wanted)
        return listed

    def claim(self, direction: Direction, excluded: Collection[str] = ()) -> Lease | None:
        self._there()
        now, turn = self._clock.ms, self._turn[direction]
        # Of the accounts that are due, the one that was served longest ago.
        ready = sorted(
            (a for a, at in turn.items() if at <= now), key=lambda a: (self._served.get((direction, a), 0), a)
        )
        for position, account in enumerate(ready):
            if account in excluded:
                continue
            breaker = self._breakers.get((direction, account), [0, 0])
            gate = max(breaker[1], int(self._gate(direction, account).get("until", 0)))
            if gate > now:
                turn[account] = gate
                continue
            due = self._due.get((direction, account), {})
            while True:
                if not due:
                    turn.pop(account, None)
                    self._due.pop((direction, account), None)
                    break
                at, lane = min((at, lane) for lane, at in due.items())
                if at > now:
                    turn[account] = at
                    break
                others = sum(1 for other in due.values() if other <= now) - 1
                self._fence += 1
                self._lane((direction, account, lane)).owner = str(self._fence)
                lease = self._head(
                    (direction, account, lane), str(self._fence), others > 0 or position + 1 < len(ready)
                )
                if lease is not None:
                    due[lane] = now + self.timings.lease
                    turn[account] = now
                    if breaker[1]:
                        # This one probes, the others wait for its outcome.
                        breaker[1] = now + self.timings.lease
                        self._probing.add((direction, account))
                    self._served[direction, account] = self._fence
                    return lease
        return None

    def settle(
        self, lease: Lease, follow_ups: Sequence[Effect] = (), *, keep: bool = True, answered: bool = True
    ) -> Lease | None:
        self._there()
        if not self.holds(lease):
            return None
        name = _name(lease)
        lane = self._lanes[name]
        for part in (lane.queue, lane.claims, lane.tries):
            part.pop(lease.member, None)
        _, wanted = self._take(follow_ups)
        now, due = self._clock.ms, self._due.setdefault(name[:2], {})
        self._probing.discard(name[:2])
        if answered and self._breakers.pop(name[:2], None) is not None:
            self._sooner(name, now)
            wanted.add(lease.direction)
        if not answered and self._breakers.get(name[:2], [0, 0])[1]:
            self._breakers[name[:2]][1] = now
            self._sooner(name, now)
            wanted.add(lease.direction)
        following = None
        if keep:
            following = self._head(name, lease.token, False)
            if following is not None:
                due[lease.lane] = now + self.timings.lease
        elif not lane.queue:
            due.pop(lease.lane, None)
            self._lanes.pop(name, None)
        else:
            lane.owner = ""
            due[lease.lane] = now
            self._sooner(name, now)
            wanted.add(lease.direction)
        self._wake(wanted)
        return following

    def postpone(self, lease: Lease, delay_ms: int, *, spend: bool, follow_ups: Sequence[Effect] = ()) -> bool:
        self._there()
        if not self.holds(lease):
            return False
        lane = self._lanes[_name(lease)]
        if spend:
            lane.tries[lease.member] = lane.tries.get(lease.member, 0) + 1
        lane.claims.pop(lease.member, None)
        lane.owner = ""
        self._due[lease.direction, lease.account_id][lease.lane] = self._clock.ms + delay_ms
        self._sooner(_name(lease), self._clock.ms + delay_ms)
        return True

    def renew(self, lease: Lease) -> bool:
        self._there()
        if not self.holds(lease):
            return False
        self._due[lease.direction, lease.account_id][lease.lane] = self._clock.ms + self.timings.lease
        return True

    def unreached(self, direction: Direction, account_id: str) -> int:
        self._there()
        breaker = self._breakers.setdefault((direction, account_id), [0, 0])
        if breaker[1] > self._clock.ms and (direction, account_id) not in self._probing:
            return breaker[1] - self._clock.ms
        self._probing.discard((direction, account_id))
        breaker[0] += 1
        beyond = breaker[0] - self.timings.strikes
        if beyond < 0:
            return 0
        wait = min(self.timings.longest_probe, self.timings.first_probe * 2 ** min(beyond, 10))
        breaker[1] = self._clock.ms + wait
        return wait

    def typing_indicators(self) -> list[str]:
        self._there()
        found = [payload for at, payload in self._typing if self._clock.ms - at <= self.timings.typing]
        self._typing.clear()
        return found

    def pause(self, direction: Direction, account_id: str, until_ms: int, reason: str, detail: str) -> None:
        self._there()
        gate = {"until": str(until_ms), "reason": reason, "detail": detail, "since": str(self._clock.ms)}
        self._gates[direction, account_id] = gate

    def resume(self, direction: Direction, account_id: str) -> None:
        self._there()
        self._gates.pop((direction, account_id), None)
        if self._due.get((direction, account_id)):
            self._turn[direction][account_id] = self._clock.ms
            self._wake({direction})

    def end_waits(self, direction: Direction, account_id: str) -> None:
        self._there()
        for lane, at in self._due.get((direction, account_id), {}).items():
            if at > self._clock.ms and not self._lanes[direction, account_id, lane].owner:
                self._due[direction, account_id][lane] = self._clock.ms
                self._sooner((direction, account_id, lane), self._clock.ms)
                self._wake({direction})

    def pauses(self, account_id: str) -> dict[Direction, dict[str, str]]:
        return {d: gate for d in Direction if (gate := self._gate(d, account_id))}

    def wake_if_due(self, direction: Direction) -> bool:
        self._there()
        if not any(at <= self._clock.ms for at in self._turn[direction].values()):
            return False
        return self._wake({direction})

    def wakeup_received(self, direction: Direction) -> None:
        self._there()
        self._bells.pop(direction, None)

    def suppress_wakeups(self, direction: Direction) -> None:
        self._there()
        self._bells[direction] = self._clock.ms + self.timings.suppress_wakeups

    def waiting(self, account_id: str) -> dict[Direction, int]:
        return {d: len(self._due.get((d, account_id), {})) for d in Direction}

    def holds(self, lease: Lease) -> bool:
        lane = self._lanes.get(_name(lease))
        return lane is not None and lane.owner == lease.token

    def left_behind(self) -> list[str]:
        """Return what an emptied store must not hold any more."""
        turns = [f"turn {a}" for turn in self._turn.values() for a in turn]
        return (
            [f"lane {name}" for name in self._lanes] + [f"due {d}" for d, lanes in self._due.items() if lanes] + turns
        )

    def payloads(self, direction: Direction) -> list[str]:
        """Return the payloads that wait in one direction, lane by lane, in their order."""
        lanes = sorted((name, lane) for name, lane in self._lanes.items() if name[0] is direction)
        return [lane.queue[member][1] for _, lane in lanes for member in sorted(lane.queue)]

    def _there(self) -> None:
        if self.away:
            raise StoreUnavailable("broker_unavailable", "The broker did not do its part.", ours=True)

    def _lane(self, name: Name) -> _Lane:
        return self._lanes.setdefault(name, _Lane())

    def _head(self, name: Name, token: str, more: bool) -> Lease | None:
        lane = self._lane(name)
        if not lane.queue:
            self._due.get(name[:2], {}).pop(name[2], None)
            self._lanes.pop(name, None)
            return None
        member = min(lane.queue)
        lane.claims[member] = lane.claims.get(member, 0) + 1
        accepted_ms, payload = lane.queue[member]
        tries = lane.tries.get(member, 0)
        return Lease(*name, token, member, payload, moment(accepted_ms), lane.claims[member], tries, more)

    def _take(self, items: Sequence[Effect]) -> tuple[list[bool], set[Direction]]:
        new, wanted = [], set()
        for item in items:
            if not isinstance(item, Entry | EchoSeen):
                new.append(self._note(item))
                continue
            kind, item_id = ("echo", item.event_id) if isinstance(item, EchoSeen) else (item.direction, item.id)
            mark = (kind, item.account_id, item_id)
            fresh = mark not in self._seen or (isinstance(item, Entry) and item.again)
            new.append(fresh)
            if not fresh:
                continue
            self._seen.add(mark)
            if isinstance(item, EchoSeen):
                kept = [item, *self.echoed.get((item.account_id, item.customer_id), [])]
                self.echoed[item.account_id, item.customer_id] = kept[: keys.ECHOES_PER_CUSTOMER]
            else:
                self._put(item)
                wanted.add(item.direction)
        return new, wanted

    def _note(self, item: TypingIndicator | Link | QuestionClosed | QuoteForgotten | DeadLetter) -> bool:
        match item:
            case TypingIndicator():
                mark = (item.direction, item.account_id, item.customer_id)
                if self._flash_marks.get(mark, 0) > self._clock.ms:
                    return False
                self._flash_marks[mark] = self._clock.ms + self.timings.typing
                self._typing.append((self._clock.ms, item.payload))
                del self._typing[: -keys.TYPING_MAX]
            case Link():
                self.links[item.account_id, item.message_id] = item.event_id
            case QuestionClosed():
                self.conversations.pop((item.account_id, item.customer_id), None)
            case QuoteForgotten():
                self.quotes.pop((item.account_id, item.message_id), None)
            case DeadLetter():
                self.dead[item.id] = item
        return True

    def _put(self, entry: Entry) -> None:
        order = entry.order
        if not order:
            self._sequence += 1
            order = f"~{self._sequence:020}"
        name = (entry.direction, entry.account_id, entry.lane)
        self._lane(name).queue[f"{order}|{entry.id}"] = (self._clock.ms, entry.payload)
        self._due.setdefault(name[:2], {}).setdefault(entry.lane, self._clock.ms)
        self._sooner(name, self._clock.ms)

    def _sooner(self, name: Name, at: int) -> None:
        turn = self._turn[name[0]]
        turn[name[1]] = min(at, turn.get(name[1], at))

    def _gate(self, direction: Direction, account_id: str) -> dict[str, str]:
        gate = self._gates.get((direction, account_id), {})
        return gate if int(gate.get("until", 0)) > self._clock.ms else {}

    def _wake(self, wanted: set[Direction]) -> bool:
        waking = sorted(d for d in wanted if self._bells.get(d, 0) <= self._clock.ms)
        for direction in waking:
            self._bells[direction] = self._clock.ms + self.timings.wakeup
        self.woken += waking
        return bool(waking)


def _name(lease: Lease) -> Name:
    return lease.direction, lease.account_id, lease.lane


class FakeSendLedger:
    """The ledger beside the fake lanes, which know who holds what."""

    def __init__(self, lanes: FakeLanes) -> None:
        self._lanes = lanes
        self._steps: dict[tuple[str, str], dict[int, SendRecord]] = {}
        self._sent: dict[tuple[str, str], dict[str, str]] = {}
        self._scheduling: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
        self.lose_next_done = False

    def steps(self, account_id: str, message_id: str) -> dict[int, SendRecord]:
        return dict(self._steps.get((account_id, message_id), {}))

    def write(self, lease: Lease, message_id: str, number: int, step: SendRecord) -> bool:
        if not self._lanes.holds(lease):
            return False
        self._steps.setdefault((lease.account_id, message_id), {})[number] = step
        return True

    def done(self, account_id: str, customer_id: str, message_id: str, number: int, dm_id: str) -> None:
        if self.lose_next_done:
            self.lose_next_done = False
            raise StoreUnavailable("broker_unavailable", "The broker did not do its part.", ours=True)
        self._steps.setdefault((account_id, message_id), {})[number] = SendRecord(dm_id=dm_id)
        sent = self._sent.setdefault((account_id, customer_id), {})
        sent[dm_id] = message_id
        for oldest in sorted(sent, key=int)[: -keys.SENT_PER_CUSTOMER]:
            del sent[oldest]

    def quote(self, account_id: str, message_id: str) -> str | None:
        return self._lanes.quotes.get((account_id, message_id))

    def write_quote(self, lease: Lease, message_id: str, quote: str) -> bool:
        if not self._lanes.holds(lease):
            return False
        self._lanes.quotes[lease.account_id, message_id] = quote
        return True

    def echoes(self, account_id: str, customer_id: str) -> list[EchoSeen]:
        return list(self._lanes.echoed.get((account_id, customer_id), []))

    def own(self, account_id: str, customer_id: str, up_to: str = "") -> dict[str, str]:
        sent = self._sent.get((account_id, customer_id), {})
        fitting = (i for i in sorted(sent, key=int) if not up_to or int(i) <= int(up_to))
        return {i: sent[i] for i in fitting}

    def keep_scheduling(
        self, account_id: str, customer_id: str, message_id: str, scheduling: Mapping[str, Any]
    ) -> None:
        if len(json.dumps(scheduling)) <= keys.SCHEDULING_MAX_CHARS:
            self._scheduling.setdefault((account_id, customer_id), {})[message_id] = scheduling

    def scheduling(self, account_id: str, customer_id: str) -> dict[str, Mapping[str, Any]]:
        return dict(self._scheduling.get((account_id, customer_id), {}))


class FakeConversations:
    """What customers were asked, beside the fake lanes, whose items close questions and link events."""

    def __init__(self, lanes: FakeLanes) -> None:
        self._lanes = lanes
        self._asked: dict[tuple[str, str], Asked] = {}

    def ask(self, account_id: str, customer_id: str, asked: Asked | None) -> None:
        self._lanes.conversations.pop((account_id, customer_id), None)
        if asked is None:
            return
        self._asked[account_id, asked.message_id] = asked
        if asked.numbered:
            self._lanes.conversations[account_id, customer_id] = asked.message_id

    def named(self, account_id: str, message_id: str) -> Asked | None:
        return self._asked.get((account_id, message_id))

    def open_one(self, account_id: str, customer_id: str) -> Asked | None:
        message_id = self._lanes.conversations.get((account_id, customer_id))
        return self.named(account_id, message_id) if message_id else None

    def event_of(self, account_id: str, message_id: str) -> str | None:
        return self._lanes.links.get((account_id, message_id))


class FakeDeadLetters:
    """The dead letters that settling put beside the fake lanes."""

    def __init__(self, lanes: FakeLanes) -> None:
        self._lanes = lanes

    def get(self, letter_id: str) -> DeadLetter | None:
        return self._lanes.dead.get(letter_id)

    def count(self) -> int:
        return len(self._lanes.dead)

    def newest(
        self, direction: Direction | None = None, account_id: str | None = None, reason: str | None = None
    ) -> Iterator[DeadLetter]:
        for letter in sorted(self._lanes.dead.values(), key=lambda x: (x.failed_at, x.id), reverse=True):
            if (
                (direction is None or letter.direction is direction)
                and (account_id is None or letter.account_id == account_id)
                and (reason is None or letter.reason == reason)
            ):
                yield letter

    def discard(self, letter_id: str) -> bool:
        return self._lanes.dead.pop(letter_id, None) is not None


class FakeAccounts:
    """The registered accounts, always as they are now."""

    def __init__(self, *accounts: Account) -> None:
        self.rows = {account.id: account for account in accounts}
        self._account_status: dict[str, dict[str, int]] = {}
        self._withdrawn: set[str] = set()

    def get(self, account_id: str, *, max_age: float = 30.0) -> Account | None:
        return self.rows.get(account_id)

    def last_known(self, account_id: str) -> Account | None:
        return self.rows.get(account_id)

    def all(self) -> list[Account]:
        return [account for _, account in sorted(self.rows.items())]

    def save(self, account: Account) -> None:
        self.rows[account.id] = account
        self._withdrawn.discard(account.id)

    def add(self, account: Account) -> bool:
        return self.rows.setdefault(account.id, account) is account

    def change(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        if account_id not in self.rows:
            return None
        self.rows[account_id] = change(self.rows[account_id])
        return self.rows[account_id]

    def remove(self, account_id: str) -> None:
        self.rows.pop(account_id, None)
        self._account_status.pop(account_id, None)

    def withdraw(self, account_id: str) -> None:
        self.remove(account_id)
        self._withdrawn.add(account_id)

    def withdrawn(self, account_id: str) -> bool:
        return account_id in self._withdrawn

    def note(self, account_id: str, **account_status: int) -> None:
        self._account_status.setdefault(account_id, {}).update(account_status)

    def account_status(self, account_id: str) -> dict[str, int]:
        return dict(self._account_status.get(account_id, {}))


class FakeLocks:
    """Locks of one process."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    @contextmanager
    def alone(self, chore: str) -> Iterator[bool]:
        free = chore not in self.taken
        if free:
            self.taken.add(chore)
        try:
            yield free
        finally:
            if free:
                self.taken.remove(chore)


class FakeCim:
    """CCM. Takes what it is given, unless told how to fail."""

    def __init__(self) -> None:
        self.received: list[Mapping[str, Any]] = []
        self.failures: list[Exception] = []
        self.refusing: dict[str, Exception] = {}

    def fail_next(self, *errors: Exception) -> None:
        self.failures += errors

    def post_message(self, message: Mapping[str, Any], *, seconds: float = 10.0) -> None:
        if self.failures:
            raise self.failures.pop(0)
        customer = message["header"]["channelData"]["channelCustomerIdentifier"]
        if customer in self.refusing:
            raise self.refusing[customer]
        self.received.append(message)

    def texts(self) -> list[str]:
        return [m["body"]["markdownText"] for m in self.received]


def at_endpoint(error: Exception, endpoint: Endpoint) -> Exception:
    """Return the error as the real gateway raises it from this endpoint."""
    if isinstance(error, ConnectorError):
        return error.waiting(scope=Scope.ENDPOINT, endpoint=endpoint)
    return error


class FakeCredentials:
    """What X and CCM say about the accounts' credentials. By default X rejects whatever was rejected before."""

    def __init__(self) -> None:
        self.answers: dict[str, ConnectorError | None] = {}
        self.replaced: set[str] = set()
        self.asked: list[str] = []

    def newer(self, account: Account, *, ask: bool = False) -> bool:
        return account.id in self.replaced

    def rejection(self, account: Account) -> ConnectorError | None:
        self.asked.append(account.id)
        if account.id in self.answers:
            return self.answers[account.id]
        return CredentialsRejected("credentials_rejected", "X does not accept them.", status=401, code=32)


@dataclass
class Sent:
    """A Direct Message as it lies at the fake Twitter."""

    account_id: str
    recipient_id: str
    step: SendDm
    id: str
    at: datetime


class FakeTwitter:
    """One account's Twitter. `fail_next` fails before anything is sent, `swallow_next` after it was."""

    def __init__(self, clock: FakeClock, account_id: str) -> None:
        self._clock = clock
        self._account_id = account_id
        self.sent: list[Sent] = []
        self.failures: list[Exception] = []
        self.swallowed: list[Exception] = []
        self.look_failures: list[Exception] = []
        self.mark_failures: list[Exception] = []
        self.typing_failures: list[Exception] = []
        self.looks = 0
        self.written: dict[str, DmReceived] = {}
        self.show_failures: list[Exception] = []
        self.asked_for: list[str] = []
        self.hidden = False
        self.read_marks: list[tuple[str, str]] = []
        self.typed_to: list[str] = []
        self.before_send: Callable[[], None] = lambda: None
        self._next_id = 1_750_000_000_000_000_000

    def fail_next(self, *errors: Exception) -> None:
        self.failures += errors

    def swallow_next(self, *errors: Exception) -> None:
        self.swallowed += errors

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        self.before_send()
        if self.failures:
            raise self.failures.pop(0)
        self._next_id += 1
        self.sent.append(Sent(self._account_id, recipient_id, step, str(self._next_id), self._clock()))
        if self.swallowed:
            raise self.swallowed.pop(0)
        return str(self._next_id)

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        if self.mark_failures:
            raise at_endpoint(self.mark_failures.pop(0), Endpoint.MARK_READ)
        self.read_marks.append((recipient_id, event_id))

    def show_typing(self, recipient_id: str) -> None:
        if self.typing_failures:
            raise at_endpoint(self.typing_failures.pop(0), Endpoint.TYPING)
        self.typed_to.append(recipient_id)

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        self.asked_for.append(event_id)
        if self.show_failures:
            raise at_endpoint(self.show_failures.pop(0), Endpoint.SHOW)
        for dm in (*self.written.values(), *self._own()):
            if dm.event_id == event_id:
                return dm
        raise Permanent("not_found", "No such message.", status=404, code=34)

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        for dm in self._own():
            if dm.created_at >= since:
                yield RawEvent(DM, dm.account_id, dm.customer_id, dm.event_id, own=True, text=dm.text)

    def sent_since(self, since: datetime) -> list[DmEchoed]:
        self.looks += 1
        if self.look_failures:
            raise at_endpoint(self.look_failures.pop(0), Endpoint.LIST)
        if self.hidden:
            return []
        return [dm for dm in self._own() if dm.created_at >= since]

    def _own(self) -> list[DmEchoed]:
        return [
            DmEchoed(self._account_id, s.recipient_id, s.id, s.at, html.escape(s.step.text, quote=False))
            for s in reversed(self.sent)
        ]

    def texts(self) -> list[str]:
        return [s.step.text for s in self.sent]


EVENTS = (DIRECT_MESSAGES, TYPING_INDICATORS, READ_MARKS)


class FakePlatform:
    """Twitter's side of registration: apps, environments, webhooks, subscriptions, and the challenge."""

    def __init__(self) -> None:
        self.owners: dict[str, tuple[str, str, str]] = {}
        self.hooks: dict[str, list[Webhook]] = {"prod": []}
        self.subscribers: set[tuple[str, str]] = set()
        self.failing: dict[str, ConnectorError] = {}
        self.calls: list[str] = []
        self.challenge: Callable[[str], bool] = lambda url: True
        self.own_challenge: Callable[[str, str], ChallengeAnswer] = lambda url, secret: ChallengeAnswer(None)
        self.forgetful = False
        self.before: Callable[[str], None] = lambda call: None
        self.webhooks_max = 1
        self._next_id = 0

    def answer_own_challenge(self, url: str, secret: str) -> ChallengeAnswer:
        return self.own_challenge(url, secret)

    def token(self, account_id: str, screen_name: str = "acme", name: str = "Acme Ltd") -> Credentials:
        """Return credentials of an account, all of one app."""
        self.owners[f"token-of-{account_id}"] = (account_id, screen_name, name)
        return Credentials("app-key", "app-secret", f"token-of-{account_id}", f"token-secret-{account_id}")

    def put(self, url: str, *, valid: bool = True, environment: str = "prod") -> Webhook:
        self._next_id += 1
        hook = Webhook(str(1000 + self._next_id), url, valid)
        self.hooks[environment].append(hook)
        return hook

    def urls(self, environment: str = "prod") -> list[str]:
        return [hook.url for hook in self.hooks[environment]]

    def __call__(self, account: Account) -> FakeRegistration:
        return FakeRegistration(self, account)


class FakeRegistration:
    """What one account's credentials can do at the fake platform."""

    def __init__(self, platform: FakePlatform, account: Account) -> None:
        self._platform = platform
        self._credentials = account.credentials
        self._environment = account.settings.get("environment", "")
        self._account_id = account.id

    @property
    def webhook_scope(self) -> Hashable:
        return self._credentials.api_key, self._environment

    @property
    def webhook_place(self) -> str:
        return f"The environment {self._environment}"

    @property
    def needs_webhook(self) -> bool:
        return True

    def who_am_i(self) -> tuple[str, str, str]:
        self._call("who_am_i")
        owner = self._platform.owners.get(self._credentials.access_token)
        if owner is None:
            raise CredentialsRejected("credentials_rejected", "Twitter does not accept them.", status=401, code=32)
        return owner

    def user_id(self, username: str) -> str | None:
        self._call("user_id")
        return next((owner for owner, name, _ in self._platform.owners.values() if name == username), None)

    def webhooks(self) -> list[Webhook]:
        self._call("webhooks")
        return list(self._hooks())

    def create_webhook(self, url: str) -> Webhook:
        self._call("create_webhook")
        if len(self._hooks()) >= self._platform.webhooks_max:
            raise Permanent(WEBHOOK_LIMIT, "Too many resources already created.", status=403, code=214)
        self._challenged(url)
        return self._platform.put(url, environment=self._environment)

    def check_webhook(self, webhook_id: str) -> None:
        self._call("check_webhook")
        hooks = self._hooks()
        for index, hook in enumerate(hooks):
            if hook.id == webhook_id:
                self._challenged(hook.url)
                hooks[index] = replace(hook, valid=True)
                return
        raise Permanent("not_found", "No such webhook.", status=404, code=34)

    def delete_webhook(self, webhook_id: str) -> None:
        self._call("delete_webhook")
        hooks = self._hooks()
        hooks[:] = [hook for hook in hooks if hook.id != webhook_id]
        if hooks:
            return
        # Subscriptions go with the last webhook.
        self._platform.subscribers = {s for s in self._platform.subscribers if s[0] != self._environment}

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        self._call("subscribe")
        mark = (self._environment, self._owner_id())
        new = mark not in self._platform.subscribers
        self._platform.subscribers.add(mark)
        return Subscriptions(active=True, new=new, events=EVENTS)

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        self._call("subscribed")
        mark = (self._environment, self._owner_id())
        active = not self._platform.forgetful and mark in self._platform.subscribers
        return Subscriptions(active=active, events=EVENTS if active else ())

    def application_id(self) -> str:
        self._call("application_id")
        return "13090192"

    def unsubscribe(self) -> None:
        self._call("unsubscribe")
        self._platform.subscribers.discard((self._environment, self._account_id))

    def _owner_id(self) -> str:
        return self._platform.owners[self._credentials.access_token][0]

    def _hooks(self) -> list[Webhook]:
        if self._environment not in self._platform.hooks:
            raise Permanent("environment_unknown", "Check upper and lower case.", status=404, code=34)
        return self._platform.hooks[self._environment]

    def _challenged(self, url: str) -> None:
        if not urlsplit(url).hostname or not self._platform.challenge(url):
            raise Permanent(CHALLENGE_FAILED, "X's challenge failed.", status=403, code=214)

    def _call(self, name: str) -> None:
        self._platform.calls.append(name)
        self._platform.before(name)
        if name in self._platform.failing:
            raise self._platform.failing[name]


def account_registration(
    accounts: Any, lanes: Any, platform: FakePlatform, clock: Callable[[], datetime]
) -> AccountRegistration:
    """Return the use cases at a platform."""
    return AccountRegistration(accounts, lanes, FakeLocks(), platform, platform.answer_own_challenge, clock)


class FakeWatch:
    """Remembers what a drain reports."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []

    def delivered(self, lease: Lease, seconds: float) -> None:
        self.outcomes.append(("delivered", ""))

    def failed(self, lease: Lease, reason: str, outcome: str) -> None:
        self.outcomes.append((outcome, reason))

    def dead_lettered(self, lease: Lease, reason: str) -> None:
        self.outcomes.append(("dead_lettered", reason))
