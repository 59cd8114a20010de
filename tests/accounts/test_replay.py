"""A long gap with many messages: X replays them, its report is followed, and look-ups read the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeAccounts, FakeClock
from twitter_connector.accounts.backfill import GAP, Backfill
from twitter_connector.accounts.replay import PATIENCE, TRIES, YOUNGEST, Replays
from twitter_connector.errors import ConnectorError, Permanent, RateLimited
from twitter_connector.model.account import INBOUND, STREAM, V1, V2, Account, Credentials, Webhook
from twitter_connector.model.event import DM, RawEvent
from twitter_connector.model.timestamps import epoch_ms, first_id_at, moment
from twitter_connector.model.work import Direction
from twitter_connector.store.replay_jobs import ReplayJobs

ACME, ADA = "1750214466953510912", "210375291"
MINUTE = timedelta(minutes=1)
URL = f"https://cx.example.com/webhook/twitter/{ACME}"


@dataclass
class X:
    """X's list of messages, oldest first, and its replays."""

    messages: list[RawEvent] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    read: int = 0
    jobs: list[tuple[datetime, datetime]] = field(default_factory=list)
    refusal: ConnectorError | None = None

    def of(self, account: Account) -> Any:
        return self

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        self.asked.append(since)
        for event in reversed(self.messages):
            if event.created_ms < epoch_ms(since):
                return
            self.read += 1
            yield event

    def replay(self, account: Account, since: datetime, until: datetime) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.jobs.append((since, until))
        return f"job-{len(self.jobs)}"


class Office:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.x = X()
        self.account = Account(
            ACME,
            Credentials("k", "s", "t", "ts"),
            URL,
            {INBOUND: "xaa"},
            webhook=Webhook("77", URL, True),
            subscribed=True,
            flavour=V2,
            registered_at=self.clock(),
        )
        self.accounts = FakeAccounts(self.account)
        self.lanes = ClockedLanes(self.clock)
        self.jobs = ReplayJobs(self.lanes.client)
        replays = Replays(self.jobs, self.x.replay, self.clock)
        self.backfill = Backfill(
            self.accounts, self.lanes, self.x.of, self.clock, self.lanes.endpoint_pauses, replays=replays
        )

    def gap(self, minutes: float, messages: int) -> None:
        """The service was down for some minutes, in which so many messages came."""
        start = self.clock()
        self.accounts.note(ACME, **{GAP: epoch_ms(start)})
        self.clock.advance(minutes * 60)
        for number in range(messages):
            at = epoch_ms(start + (self.clock() - start) * (number + 1) / (messages + 1))
            event_id = str(int(first_id_at(at)) + number)
            envelope: dict[str, Any] = {"direct_message_events": [{"id": event_id}]}
            self.x.messages.append(RawEvent(DM, ACME, ADA, event_id, at, envelope=envelope))

    def read(self, **more: Any) -> tuple[int, int] | None:
        return self.backfill.read(self.account, **more)

    def reported(self, state: str, job_id: str = "job-1") -> None:
        """X's report about a job arrives at the webhook."""
        self.jobs.reported(ACME, job_id, state)

    @property
    def open(self) -> datetime | None:
        since = self.accounts.account_status(ACME)[GAP]
        return moment(since) if since else None

    def taken_in(self) -> int:
        count = 0
        lease = self.lanes.claim(Direction.IN)
        while lease is not None:
            count += 1
            lease = self.lanes.settle(lease)
        return count


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_long_gap_with_more_than_a_page_of_messages_is_replayed(office: Office) -> None:
    began = office.clock()
    office.gap(minutes=120, messages=400)
    assert office.read() is None
    ((since, until),) = office.x.jobs
    assert since <= began < since + timedelta(minutes=3)
    assert timedelta(minutes=10) <= office.clock() - until <= timedelta(minutes=12)
    assert [at.second for at in (since, until)] == [0, 0]
    assert office.open == began, "it stays open until X has reported"
    assert office.x.read == 101, "X bills each message that is listed"
    assert office.taken_in() == 0, "older messages come first, by replay"


def test_after_a_complete_replay_look_ups_read_what_came_since(office: Office) -> None:
    office.gap(minutes=120, messages=400)
    office.read()
    ((_, until),) = office.x.jobs
    office.clock.advance(60)
    office.reported("Complete")
    seen, new = office.read() or (0, 0)
    assert office.x.asked[-1] <= until
    assert until - office.x.asked[-1] <= timedelta(minutes=3)
    assert seen == new == office.taken_in()
    assert 30 <= seen <= 60, "the last 11 to 14 of 120 minutes"
    assert office.open is None
    assert office.jobs.of(ACME) is None
    assert len(office.x.jobs) == 1


def test_while_the_job_is_under_way_nothing_is_listed(office: Office) -> None:
    office.gap(minutes=120, messages=400)
    office.read()
    for _ in range(10):
        office.clock.advance(60)
        assert office.read() is None
    assert len(office.x.asked) == 1
    assert office.open is not None


def test_an_incomplete_replay_is_asked_for_again_and_then_everything_is_listed(office: Office) -> None:
    began = office.clock()
    office.gap(minutes=120, messages=400)
    office.read()
    for number in range(1, TRIES):
        office.reported("Incomplete", f"job-{number}")
        assert office.read() is None
        assert len(office.x.jobs) == number + 1
        assert office.x.jobs[-1] == office.x.jobs[0]
    office.reported("Incomplete", f"job-{TRIES}")
    assert office.read() == (400, 400)
    assert office.x.asked[-1] <= began
    assert len(office.x.jobs) == TRIES
    assert office.open is None


def test_a_report_that_never_comes_is_waited_for_and_then_everything_is_listed(office: Office) -> None:
    office.gap(minutes=120, messages=400)
    office.read()
    office.reported("Complete", "job of another program")
    office.clock.advance(PATIENCE.total_seconds())
    assert office.read() == (400, 400)
    assert office.open is None


@pytest.mark.parametrize(
    ("minutes", "messages"),
    [(YOUNGEST / MINUTE - 3, 400), (120, 90)],
    ids=["younger than X replays", "no larger than a page"],
)
def test_other_gaps_are_read_by_look_up_at_once(office: Office, minutes: float, messages: int) -> None:
    office.gap(minutes, messages)
    assert office.read() == (messages, messages)
    assert office.x.jobs == []
    assert office.open is None


@pytest.mark.parametrize(
    "change",
    [{"flavour": V1}, {"settings": {INBOUND: STREAM}}, {"webhook": None}, {"webhook": Webhook("77", URL, False)}],
    ids=["v1.1", "stream", "no webhook", "invalid webhook"],
)
def test_accounts_without_a_webhook_that_works_are_read_by_look_up(office: Office, change: dict[str, Any]) -> None:
    office.account = replace(office.account, **change)
    office.gap(120, 400)
    assert office.read() == (400, 400)
    assert office.x.jobs == []


@pytest.mark.parametrize(
    "refusal",
    [
        Permanent("request_refused", "ReplayConflictError", status=409),
        Permanent("not_found", "No such call.", status=404),
        RateLimited("rate_limited", "Limit."),
    ],
    ids=str,
)
def test_where_x_starts_no_replay_everything_is_listed(office: Office, refusal: ConnectorError) -> None:
    office.x.refusal = refusal
    office.gap(120, 400)
    assert office.read() == (400, 400)
    assert office.open is None


def test_of_a_gap_of_more_than_a_day_the_last_day_is_replayed(office: Office) -> None:
    office.gap(minutes=30 * 60, messages=3000)
    assert office.read() is None
    ((since, _),) = office.x.jobs
    assert timedelta(hours=23, minutes=50) < office.clock() - since < timedelta(hours=24)


def test_a_check_or_a_registration_in_between_starts_no_second_job(office: Office) -> None:
    office.gap(120, 400)
    office.read()
    assert office.read(at_once=True) is None
    assert (len(office.x.jobs), len(office.x.asked)) == (1, 1)


def test_a_gap_that_opens_while_a_job_is_under_way_is_read_too(office: Office) -> None:
    office.gap(minutes=120, messages=400)
    office.read()
    missed = epoch_ms(office.clock()) + 1000
    event_id = first_id_at(missed)
    envelope = {"direct_message_events": [{"id": event_id}]}
    office.x.messages.append(RawEvent(DM, ACME, ADA, event_id, missed, envelope=envelope))
    office.clock.advance(600)
    office.backfill.open_gap(office.account)
    office.reported("Complete")
    office.read()
    lease = office.lanes.claim(Direction.IN)
    ids = []
    while lease is not None:
        ids.append(lease.entry_id)
        lease = office.lanes.settle(lease)
    assert ids[-1] == f"dm:{event_id}"
