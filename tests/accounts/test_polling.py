"""Polling: which pages are asked for, what is stored and in which order, when the mark moves, and how often."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes import FakeAccounts, FakeClock, FakeLocks
from twitter_connector.accounts.broker_loss import open_gaps_after
from twitter_connector.accounts.polling import (
    CALL_EVERY,
    FIRST_PAGE,
    LATER_PAGE,
    LIMITED_EVERY,
    QUIET_EVERY,
    Polling,
)
from twitter_connector.accounts.spending import Limit
from twitter_connector.errors import ConnectorError, CredentialsRejected, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.model.event import DM, RawEvent
from twitter_connector.model.lookup import Budget, Page
from twitter_connector.model.timestamps import epoch_ms, first_id_at
from twitter_connector.model.work import Effect, Entry

ACME, ADA = "222222222", "111111111"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class X:
    """Plays the look-up: all messages, oldest first, in pages, newest first."""

    messages: list[RawEvent] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    failing: dict[int, ConnectorError] = field(default_factory=dict)
    whole: bool = True
    budget: Budget | None = None
    spent: bool = False

    def page(self, size: int, token: str = "") -> Page:
        self.asked.append(size)
        error = self.failing.pop(len(self.asked), None)
        if error is not None:
            raise error
        if self.budget is not None and self.spent:
            self.budget = replace(self.budget, remaining=self.budget.remaining - 1)
        newest_first = self.messages[::-1]
        start = int(token or 0)
        rows = newest_first[start : start + size]
        more = str(start + size) if start + size < len(newest_first) else ""
        return Page(tuple(rows), more, self.whole, self.budget)


@dataclass
class Inbox:
    stored: list[str] = field(default_factory=list)

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        ids = [item.id for item in items if isinstance(item, Entry)]
        new = [item_id not in self.stored for item_id in ids]
        self.stored += [item_id for item_id, is_new in zip(ids, new, strict=True) if is_new]
        return [not isinstance(item, Entry) or new[ids.index(item.id)] for item in items]


@dataclass
class Desk:
    clock: FakeClock = field(default_factory=FakeClock)
    x: X = field(default_factory=X)
    inbox: Inbox = field(default_factory=Inbox)
    locks: FakeLocks = field(default_factory=FakeLocks)
    limit: Limit = Limit.NONE

    def __post_init__(self) -> None:
        self.account = Account(
            ACME,
            Credentials("k", "s", "t", "ts"),
            "",
            flavour=V2,
            settings={"inbound": "poll"},
            registered_at=self.clock(),
        )
        self.accounts = FakeAccounts(self.account)
        self.polling = Polling(
            self.accounts,
            self.accounts,
            self.locks,
            self.inbox,
            lambda account: self.x,
            self.clock,
            limit=lambda account: self.limit,
        )

    def message(self, number: int = 0, *, ago: timedelta = timedelta(), own: bool = False) -> str:
        event_id = str(int(first_id_at(epoch_ms(self.clock() - ago))) + number)
        envelope: dict[str, Any] = {"direct_message_events": [{"id": event_id}]}
        created = epoch_ms(self.clock() - ago)
        self.x.messages.append(RawEvent(DM, ACME, ADA, event_id, created, own=own, envelope=envelope))
        return event_id

    def messages(self, count: int) -> list[str]:
        return [self.message(number) for number in range(1, count + 1)]

    def poll(self) -> list[int]:
        """Poll what is due; return the sizes of the pages that were asked for."""
        before = len(self.x.asked)
        for account in self.polling.due():
            self.polling.poll(account)
        return self.x.asked[before:]

    def wait(self) -> timedelta:
        """Return how long until the next poll."""
        at = self.accounts.account_status(ACME)["next_poll_at"]
        return timedelta(milliseconds=at - epoch_ms(self.clock()))

    def later(self, wait: timedelta | None = None) -> None:
        self.clock.advance((wait or self.wait()) / SECOND)

    @property
    def stored(self) -> list[str]:
        return [entry.removeprefix("dm:") for entry in self.inbox.stored]


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestPages:
    def test_the_smallest_page_comes_first_and_is_enough_if_something_on_it_is_known(self, desk: Desk) -> None:
        desk.message(ago=MINUTE)
        desk.later(SECOND)
        ids = desk.messages(3)
        assert desk.poll() == [FIRST_PAGE]
        assert desk.stored == ids

    def test_older_pages_are_asked_for_while_everything_is_new(self, desk: Desk) -> None:
        desk.later(SECOND)
        ids = desk.messages(FIRST_PAGE + 2 * LATER_PAGE)
        assert desk.poll() == [FIRST_PAGE, LATER_PAGE, LATER_PAGE]
        assert desk.stored == ids, "oldest first, whatever page they were on"

    def test_a_page_full_of_messages_of_groups_hides_no_customers_message(self, desk: Desk) -> None:
        desk.message(ago=MINUTE)
        desk.poll()
        desk.later()
        (customers, *groups) = desk.messages(11)
        desk.x.messages[-10:] = [replace(event, customer_id="", envelope={}) for event in desk.x.messages[-10:]]
        assert desk.poll() == [10, 100]
        assert desk.stored == [customers]
        desk.later()
        assert len(desk.poll()) == 1, f"the poller goes on from {groups[-1]}"

    def test_history_before_the_registration_is_not_forwarded(self, desk: Desk) -> None:
        for minutes in (30, 20, 10):
            desk.message(ago=minutes * MINUTE)
        desk.poll()
        assert desk.stored == []

    def test_what_was_missed_before_it_was_polled_is_read(self, desk: Desk) -> None:
        missed = desk.message(ago=5 * MINUTE)
        desk.accounts.note(ACME, gap_since=epoch_ms(desk.clock() - 10 * MINUTE))
        desk.poll()
        assert desk.stored == [missed]
        assert desk.accounts.account_status(ACME)["gap_since"] == 0

    def test_own_messages_are_no_messages_of_customers(self, desk: Desk) -> None:
        desk.later(SECOND)
        desk.message(1, own=True)
        answer = desk.message(2)
        desk.poll()
        assert desk.stored == [answer]

    def test_nothing_is_stored_twice(self, desk: Desk) -> None:
        desk.later(SECOND)
        ids = desk.messages(2)
        for _ in range(3):
            desk.poll()
            desk.later()
        assert desk.stored == ids

    def test_the_first_page_is_as_large_as_the_traffic(self, desk: Desk) -> None:
        desk.later(SECOND)
        desk.messages(40)
        assert desk.poll() == [FIRST_PAGE, LATER_PAGE]
        desk.later()
        desk.messages(40)
        assert desk.poll() == [60]
        desk.later()
        assert desk.poll() == [60]
        desk.later()
        assert desk.poll() == [FIRST_PAGE]


class TestMark:
    def test_a_page_that_fails_midway_moves_nothing_and_stores_nothing(self, desk: Desk) -> None:
        desk.later(SECOND)
        ids = desk.messages(FIRST_PAGE + 5)
        desk.x.failing[2] = RateLimited("rate_limited", until=desk.clock() + 9 * MINUTE)
        assert desk.poll() == [FIRST_PAGE, LATER_PAGE]
        assert desk.stored == [], "older messages must not come after newer ones"
        assert desk.wait() == 9 * MINUTE
        desk.later()
        desk.poll()
        assert desk.stored == ids

    def test_a_partial_answer_is_stored_but_the_mark_stays(self, desk: Desk) -> None:
        desk.later(SECOND)
        first = desk.message(1)
        desk.x.whole = False
        desk.poll()
        assert desk.stored == [first]
        # What X left out comes with the next whole answer, although it is older.
        desk.x.messages.insert(0, replace(desk.x.messages[0], id=str(int(first) - 1)))
        desk.x.whole = True
        desk.later()
        desk.poll()
        assert desk.stored == [first, str(int(first) - 1)]


class TestFailover:
    """The mark may be at the new primary although a message before it was at the lost one only."""

    def lost(self, desk: Desk) -> str:
        """Return the id of a message that was read, and is gone since the failover."""
        desk.poll()
        desk.later()
        message = desk.message(ago=SECOND)
        desk.poll()
        desk.inbox.stored.remove(f"dm:{message}")
        return message

    def fail_over(self, desk: Desk, ago: timedelta = SECOND) -> None:
        open_gaps_after([desk.clock() - ago], [desk.account], desk.accounts)

    def test_messages_since_then_are_read_once_more(self, desk: Desk) -> None:
        message = self.lost(desk)
        self.fail_over(desk)
        desk.later()
        assert desk.poll() == [FIRST_PAGE]
        assert desk.stored == [message]
        desk.inbox.stored.clear()
        desk.later()
        desk.poll()
        assert desk.stored == [], "it was read again at each poll"

    def test_a_failover_during_a_poll_counts_at_the_next_one(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        message, page = self.lost(desk), desk.x.page

        def during(size: int, token: str = "") -> Page:
            self.fail_over(desk)
            monkeypatch.undo()
            return page(size, token)

        desk.later()
        monkeypatch.setattr(desk.x, "page", during)
        desk.poll()
        assert desk.stored == []
        desk.later()
        desk.poll()
        assert desk.stored == [message]

    def test_of_several_the_first_one_counts_and_none_longer_than_a_day_ago(self, desk: Desk) -> None:
        desk.poll()
        desk.later(timedelta(days=3))
        ids = [desk.message(ago=ago) for ago in (timedelta(hours=30), timedelta(minutes=9), SECOND)]
        desk.accounts.note(ACME, poll_mark=int(ids[-1]))
        now = desk.clock()
        open_gaps_after([now - SECOND, now - timedelta(minutes=10)], [desk.account], desk.accounts)
        desk.poll()
        assert desk.stored == ids[1:]
        desk.inbox.stored.clear()
        open_gaps_after([desk.clock() - timedelta(hours=40)], [desk.account], desk.accounts)
        desk.later()
        desk.poll()
        assert desk.stored == []


class TestPace:
    def test_one_call_a_minute_and_a_second_page_counts(self, desk: Desk) -> None:
        desk.later(SECOND)
        desk.messages(1)
        desk.poll()
        assert desk.wait() == CALL_EVERY
        desk.later()
        desk.messages(FIRST_PAGE + 1)
        desk.poll()
        assert desk.wait() == 2 * CALL_EVERY

    @pytest.mark.parametrize(
        ("remaining", "reset", "wait"),
        [(14, 840, 60), (4, 400, 100), (1, 200, 200), (0, 200, 201), (100, 9, 1), (400, 800, 2), (5, -1, 60)],
    )
    def test_the_calls_that_are_left_are_spread_over_xs_window(
        self, desk: Desk, remaining: int, reset: int, wait: int
    ) -> None:
        desk.later(SECOND)
        desk.messages(1)
        desk.x.budget = Budget(15, remaining, desk.clock() + reset * SECOND)
        desk.poll()
        assert desk.wait() == wait * SECOND

    def test_calls_are_saved_up_while_nobody_writes(self, desk: Desk) -> None:
        desk.later(11 * MINUTE)
        desk.poll()
        assert desk.wait() == QUIET_EVERY
        desk.later()
        desk.messages(1)
        desk.poll()
        assert desk.wait() == CALL_EVERY

    def test_fifteen_minutes_of_a_busy_account_need_no_more_than_fifteen_calls(self, desk: Desk) -> None:
        end = desk.clock() + 15 * MINUTE
        desk.x.budget, desk.x.spent = Budget(15, 15, end), True
        number = 0
        while desk.clock() < end:
            number += 1
            desk.message(number)
            desk.poll()
            desk.later(SECOND)
        assert desk.x.budget.remaining >= 0
        assert len(desk.x.asked) >= 12
        assert len(desk.stored) >= 700


def test_how_long_until_each_account_is_polled(desk: Desk) -> None:
    desk.later(SECOND)
    desk.message()
    assert [(account.id, seconds) for account, seconds in desk.polling.upcoming()] == [(ACME, 0)]
    desk.poll()
    desk.later(timedelta(seconds=CALL_EVERY.total_seconds() - 0.5))
    assert [seconds for _, seconds in desk.polling.upcoming()] == [pytest.approx(0.5, abs=0.002)]
    assert desk.polling.due() == []


class TestLatency:
    """An hour of a conversation, with the windows of 15 look-ups in 15 minutes that X has."""

    WINDOW = timedelta(minutes=15)

    def hour(self, desk: Desk, pause: timedelta, seed: int) -> list[float]:
        """Have a customer write about every `pause`; return the seconds until each message is stored."""
        chance, begun, window = random.Random(seed), desk.clock(), desk.clock()
        calls: list[datetime] = []
        due, said, times = begun + pause, dict[str, datetime](), list[float]()
        while desk.clock() - begun < timedelta(hours=1):
            desk.later(SECOND)
            now = desk.clock()
            if now - window >= self.WINDOW:
                window = now
            used = sum(at >= window for at in calls)
            desk.x.budget, desk.x.spent = Budget(15, 15 - used, window + self.WINDOW), True
            if now >= due:
                said[desk.message(len(said))] = now
                due = now + pause * chance.uniform(0.2, 1.8)
            before = len(desk.inbox.stored)
            calls += [now] * len(desk.poll())
            times += [(now - said[event_id]) / SECOND for event_id in desk.stored[before:]]
        assert len(calls) <= 60
        assert len(times) >= len(said) - 10
        return sorted(times)

    @pytest.mark.parametrize("pause", [20, 45, 120])
    def test_a_customer_who_talks_waits_about_half_a_minute(self, desk: Desk, pause: int) -> None:
        times = self.hour(desk, timedelta(seconds=pause), seed=pause)
        assert statistics.median(times) <= 35
        assert times[len(times) * 99 // 100] <= 75


class TestTrouble:
    def test_two_processes_do_not_poll_one_account_at_the_same_time(self, desk: Desk) -> None:
        with desk.locks.alone(f"poll:{ACME}"):
            assert desk.poll() == []
        assert desk.poll() == [FIRST_PAGE]
        assert desk.poll() == [], "it has just been polled"

    def test_a_poller_that_dies_is_replaced_a_minute_later(self, desk: Desk) -> None:
        desk.x.failing[1] = KeyboardInterrupt()  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            desk.poll()
        assert desk.wait() == CALL_EVERY

    def test_x_that_does_not_answer_is_asked_again(self, desk: Desk) -> None:
        desk.x.failing[1] = ServiceUnavailable("twitter_no_answer", "X did not answer.")
        desk.poll()
        assert SECOND <= desk.wait() <= MINUTE
        assert desk.accounts.rows[ACME].attention == ""

    @pytest.mark.parametrize(
        "error",
        [RateLimited("credits_depleted", "Buy credits."), CredentialsRejected("token_revoked", "Buy credits.")],
    )
    def test_what_needs_a_person_is_said_and_ends_by_itself(self, desk: Desk, error: ConnectorError) -> None:
        desk.x.failing[1] = error.waiting(until=desk.clock() + timedelta(hours=1))
        desk.poll()
        assert desk.accounts.rows[ACME].attention == "Buy credits."
        assert desk.wait() == timedelta(hours=1)
        desk.later()
        desk.poll()
        assert desk.accounts.rows[ACME].attention == ""

    def test_other_accounts_are_not_polled(self, desk: Desk) -> None:
        desk.accounts.save(replace(desk.account, settings={"inbound": "xaa"}, webhook_url="https://x"))
        assert desk.polling.due() == []


class TestLimitsOfSpending:
    def test_a_soft_limit_makes_polls_rarer(self, desk: Desk) -> None:
        desk.limit = Limit.SOFT
        desk.later(SECOND)
        ids = desk.messages(2)
        assert desk.poll() == [FIRST_PAGE]
        assert desk.stored == ids
        assert desk.wait() == LIMITED_EVERY
        desk.limit = Limit.NONE
        desk.later()
        desk.poll()
        assert desk.wait() == CALL_EVERY

    def test_a_hard_limit_stops_polls_until_it_is_raised_or_the_day_ends(self, desk: Desk) -> None:
        desk.limit = Limit.HARD
        ids = desk.messages(2)
        for _ in range(3):
            desk.later(LIMITED_EVERY)
            assert desk.poll() == []
        desk.limit = Limit.NONE
        desk.later()
        assert desk.poll() == [FIRST_PAGE]
        assert desk.stored == ids, "nothing is lost"
