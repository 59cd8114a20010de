"""Encrypted messages that events did not bring: read back by conversation, once, as far as X gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from tests.fakes import FakeAccounts, FakeClock
from twitter_connector.accounts.chat_backfill import CHAT_GAP, EVERY, LONGEST, WAIT_LONGEST, ChatBackfill
from twitter_connector.errors import ConnectorError, CredentialsRejected, Permanent, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.chat import CHAT, CHAT_FLAVOUR
from twitter_connector.model.event import RawEvent
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Effect, Entry

ACME, ADA, GRACE = "222222222", "111111111", "333333333"
MINUTE = timedelta(minutes=1)


@dataclass
class X:
    """Plays X: encrypted conversations by customer, and when each was read."""

    clock: FakeClock
    events: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    failing: dict[str, ConnectorError] = field(default_factory=dict)
    without_moments: bool = False
    read: list[str] = field(default_factory=list)
    since: datetime | None = None

    def writes(self, customer_id: str, event_id: str) -> None:
        self.events.setdefault(customer_id, []).append((self.clock(), event_id))

    def conversations_since(self, since: datetime) -> list[tuple[str, int | None]]:
        self.since = since
        changed = sorted((rows[-1][0], customer) for customer, rows in self.events.items() if rows[-1][0] >= since)
        return [(customer, None if self.without_moments else epoch_ms(at)) for at, customer in changed]

    def messages_since(self, customer_id: str, since: datetime) -> list[RawEvent]:
        if (error := self.failing.get(customer_id)) is not None:
            raise error
        self.read.append(customer_id)
        return [
            RawEvent(CHAT, ACME, customer_id, event_id, epoch_ms(at), envelope={}, flavour=CHAT_FLAVOUR)
            for at, event_id in reversed(self.events[customer_id])
            if at >= since
        ]


@dataclass
class Inbox:
    stored: list[str] = field(default_factory=list)

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        ids = [item.id for item in items if isinstance(item, Entry)]
        new = [entry_id not in self.stored for entry_id in ids]
        self.stored += [entry_id for entry_id, is_new in zip(ids, new, strict=True) if is_new]
        return new


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        credentials = Credentials("k", "s", "t", "ts")
        self.account = Account(ACME, credentials, "https://x.example/1", flavour=V2, registered_at=self.clock())
        self.accounts = FakeAccounts(self.account)
        self.x, self.inbox = X(self.clock), Inbox()
        self.allowed = True
        self.recorded: list[str] = []
        self.backfill = ChatBackfill(
            self.accounts,
            self.inbox,
            lambda account: self.x,
            lambda account_id: True,
            self.clock,
            lambda account: self.allowed,
            lambda account_id, event, detail, since: self.recorded.append(detail),
        )
        self.clock.advance(86400)

    def gap(self, ago: timedelta = 10 * MINUTE) -> None:
        self.backfill.open_gap(self.account, self.clock() - ago)

    def read(self, after: timedelta = timedelta()) -> list[str]:
        """Read after a while; return whose conversations were read."""
        self.clock.advance(after.total_seconds())
        before = len(self.x.read)
        self.backfill.read(self.account)
        return self.x.read[before:]

    @property
    def open(self) -> bool:
        return bool(self.accounts.account_status(ACME).get(CHAT_GAP))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_was_missed_is_taken_in_oldest_first_and_once(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.x.writes(ADA, f"a-{number}")
    desk.inbox.stored = ["dm:a-2"]
    desk.gap()
    assert desk.read() == [ADA]
    assert desk.inbox.stored == ["dm:a-2", "dm:a-1", "dm:a-3"]
    assert desk.recorded == ["3 encrypted ones read at X, 2 of them were missing here"]
    assert not desk.open
    assert desk.read(EVERY) == []


def test_without_a_gap_or_within_the_limit_of_spending_x_is_not_asked(desk: Desk) -> None:
    desk.x.writes(ADA, "a-1")
    assert desk.read() == []
    desk.gap()
    desk.allowed = False
    assert desk.read() == []
    desk.allowed = True
    assert desk.read() == [ADA]


def test_a_limit_of_x_ends_a_read_and_the_next_one_goes_on_from_there(desk: Desk) -> None:
    desk.x.writes(ADA, "a-1")
    desk.clock.advance(1)
    desk.x.writes(GRACE, "g-1")
    until = desk.clock() + timedelta(minutes=15)
    desk.x.failing = {GRACE: RateLimited("rate_limited", "Limit.", until=until)}
    desk.gap()
    assert desk.read() == [ADA]
    assert desk.open
    desk.x.failing = {}
    assert desk.read(14 * MINUTE) == [], "X has named a moment"
    assert desk.read(2 * MINUTE) == [GRACE], "Ada's conversation has not changed since it was read"
    assert desk.inbox.stored == ["dm:a-1", "dm:g-1"]
    assert not desk.open


def test_a_conversation_that_changed_meanwhile_is_read_again(desk: Desk) -> None:
    desk.x.writes(ADA, "a-1")
    desk.clock.advance(1)
    desk.x.writes(GRACE, "g-1")
    desk.x.failing = {GRACE: ServiceUnavailable("twitter_unavailable", "Trouble.")}
    desk.gap()
    desk.read()
    desk.clock.advance(1)
    desk.x.writes(ADA, "a-2")
    desk.x.failing = {}
    assert desk.read(EVERY) == [GRACE, ADA]
    assert desk.inbox.stored == ["dm:a-1", "dm:g-1", "dm:a-2"]


def test_many_conversations_are_read_in_turns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twitter_connector.accounts.chat_backfill.CONVERSATIONS_MAX", 2)
    customers = [str(number) for number in range(5)]
    for customer in customers:
        desk.x.writes(customer, f"m-{customer}")
        desk.clock.advance(1)
    desk.gap()
    assert [desk.read(), desk.read(MINUTE), desk.read(MINUTE)] == [["0", "1"], ["2", "3"], ["4"]]
    assert not desk.open


def test_conversations_without_a_moment_are_read(desk: Desk) -> None:
    desk.x.without_moments = True
    desk.x.writes(ADA, "a-1")
    desk.x.writes(GRACE, "g-1")
    desk.gap()
    assert sorted(desk.read()) == [ADA, GRACE]


@pytest.mark.parametrize(
    ("error", "stays_open"),
    [
        (ServiceUnavailable("twitter_unavailable", "Trouble."), True),
        (RateLimited("credits_depleted", "No credit.", status=402), True),
        (CredentialsRejected("credentials_rejected", "No.", status=401), True),
        (CredentialsRejected("oauth2_needed", "No.", status=403), False),
        (Permanent("not_found", "Not offered.", status=404), False),
    ],
)
def test_a_refusal_ends_the_gap_and_trouble_does_not(desk: Desk, error: ConnectorError, stays_open: bool) -> None:
    desk.x.writes(ADA, "a-1")
    desk.x.failing = {ADA: error}
    desk.gap()
    desk.read()
    assert desk.open is stays_open


def test_a_gap_reaches_back_a_day_at_most_and_never_before_the_registration(desk: Desk) -> None:
    desk.gap(timedelta(days=20))
    desk.read()
    assert desk.x.since == desk.clock() - LONGEST
    registered = desk.account.registered_at
    assert registered is not None
    desk.clock.advance(-LONGEST.total_seconds() + 60)
    desk.gap(timedelta(days=20))
    desk.read(WAIT_LONGEST)
    assert desk.x.since == registered


def test_an_older_gap_is_kept_and_api_v1_has_none(desk: Desk) -> None:
    desk.gap(20 * MINUTE)
    desk.gap(10 * MINUTE)
    assert desk.accounts.account_status(ACME)[CHAT_GAP] == epoch_ms(desk.clock() - 20 * MINUTE)
    former = Account("9", desk.account.credentials, "https://x.example/9", flavour=V1)
    desk.backfill.open_gap(former, desk.clock())
    assert desk.accounts.account_status("9") == {}
