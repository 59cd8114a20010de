"""The periodic check of accounts. A gap stays recorded until its messages were read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeAccounts, FakeClock, FakePlatform, account_registration
from twitter_connector.accounts.backfill import MARGIN, Backfill
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.spending import Limit
from twitter_connector.accounts.webhook_check import CHECK_EVERY, Upkeep
from twitter_connector.errors import ConnectorError, Endpoint, RateLimited, Scope, ServiceUnavailable
from twitter_connector.model.account import V1, Account, Remark
from twitter_connector.model.event import RawEvent
from twitter_connector.model.timestamps import epoch_ms, first_id_at
from twitter_connector.model.work import Direction
from twitter_connector.twitter.account_activity import raw_events

ACME, OTHER, ADA = "732739706", "2975699229", "210375291"
BASE = "https://cx.example.com/twitter-connector/webhook/twitter"


@dataclass
class History:
    """Twitter's list of messages."""

    clock: FakeClock
    texts: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    failing: ConnectorError | None = None
    calls: int = 0

    def of(self, account: Account) -> Any:
        history = self

        class OfOne:
            def events_since(self, since: datetime) -> Iterator[RawEvent]:
                history.calls += 1
                if history.failing is not None:
                    raise history.failing
                for at, text in reversed(history.texts.get(account.id, [])):
                    if at >= since:
                        yield from raw_events(_event(account.id, at, text), account.id)

        return OfOne()


def _event(account_id: str, at: datetime, text: str) -> dict[str, Any]:
    create = {"target": {"recipient_id": account_id}, "sender_id": ADA, "message_data": {"text": text}}
    ms = epoch_ms(at)
    event = {
        "type": "message_create",
        "id": first_id_at(ms),
        "created_timestamp": str(ms),
        "message_create": create,
    }
    return {"for_user_id": account_id, "direct_message_events": [event], "users": {}}


class Office:
    """The chore, and two accounts that share an environment and its webhook."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.platform = FakePlatform()
        self.accounts = FakeAccounts()
        self.lanes = ClockedLanes(self.clock)
        self.history = History(self.clock)
        self._taken: list[str] = []
        self.registration = account_registration(self.accounts, self.lanes, self.platform, self.clock)
        self.limit = Limit.NONE
        self.backfill = Backfill(
            self.accounts,
            self.lanes,
            self.history.of,
            self.clock,
            self.lanes.endpoint_pauses,
            lambda account: self.limit,
        )
        self.upkeep = Upkeep(self.accounts, self.registration, self.backfill, self.clock, lambda: 0.0)

    def register(self, account_id: str = ACME) -> None:
        url = f"{BASE}/{account_id}"
        settings = {"environment": "prod"}
        self.registration.register(Registration(account_id, self.platform.token(account_id), url, V1, settings))

    def missed(self, text: str, account_id: str = ACME) -> None:
        """The customer writes, and the webhook does not bring it."""
        self.history.texts.setdefault(account_id, []).append((self.clock(), text))

    def heard(self, account_id: str = ACME) -> None:
        """An event arrives: from now on this is the last message that is known."""
        self.accounts.note(account_id, last_dm=int(first_id_at(self.clock.ms)), last_event_at=self.clock.ms)

    def switch_off(self) -> None:
        (hook,) = self.platform.hooks["prod"]
        self.platform.hooks["prod"] = [type(hook)(hook.id, hook.url, False)]

    def minutes(self, count: int) -> None:
        """Let time pass, with the chore once a minute."""
        for _ in range(count):
            self.clock.advance(60)
            self.upkeep.check_due()

    def taken_in(self, account_id: str = ACME) -> int:
        """Return how many of the customers' messages have come into the lanes so far."""
        while (lease := self.lanes.claim(Direction.IN)) is not None:
            self._taken.append(lease.account_id)
            self.lanes.settle(lease, keep=False)
        return self._taken.count(account_id)


@dataclass
class Chats:
    """Notes the gaps of encrypted messages, and the reads."""

    since: list[datetime] = field(default_factory=list)
    reads: int = 0

    def open_gap(self, account: Account, since: datetime) -> None:
        self.since.append(since)

    def read(self, account: Account) -> tuple[int, int]:
        self.reads += 1
        return 0, 0


@pytest.fixture
def office() -> Office:
    office = Office()
    office.register()
    office.minutes(1)
    return office


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_gap_is_read_from_its_begin_by_x_s_clock(office: Office, seconds: int) -> None:
    ahead = timedelta(seconds=seconds)
    office.backfill.service_ahead = lambda: ahead
    office.accounts.note(ACME, gap_since=office.clock.ms)
    office.clock.advance(30)
    at_x = office.clock() - ahead
    office.history.texts.setdefault(ACME, []).append((at_x, "hello?"))
    office.clock.advance(600)
    assert office.backfill.read(office.accounts.rows[ACME], at_once=True) == (1, 1)


def test_a_gap_that_begins_in_the_future_is_read_from_now_on(office: Office) -> None:
    office.accounts.note(ACME, gap_since=office.clock.ms + 3_600_000)
    office.missed("hello?")
    assert office.backfill.read(office.accounts.rows[ACME], at_once=True) == (1, 1)


def test_an_optional_subscription_that_x_refused_is_tried_again_sparingly(office: Office) -> None:
    remark = Remark("chat.received", "X refused the optional subscription chat.received: no.", refused=True)
    office.platform.refused = (remark,)
    office.minutes(11)
    assert office.accounts.rows[ACME].remarks == (remark,)
    first = office.platform.refusals
    office.minutes(6 * 60 - 20)
    assert office.accounts.rows[ACME].remarks == (remark,)
    assert office.platform.refusals - first <= 1
    office.platform.refused = ()
    office.minutes(6 * 60 + 11)
    assert office.accounts.rows[ACME].remarks == ()


def test_what_a_broken_webhook_did_not_bring_is_read_back(office: Office) -> None:
    office.heard()
    office.switch_off()
    office.minutes(3)
    office.missed("hello?")
    office.minutes(9)
    assert office.taken_in() == 1


def test_a_gap_is_one_of_encrypted_messages_too(office: Office) -> None:
    chats = Chats()
    office.backfill.chats = chats  # type: ignore[assignment]
    office.heard()
    stopped = office.clock()
    office.clock.advance(3600)
    office.upkeep.check_due()
    assert chats.since == [stopped - MARGIN]
    assert chats.reads == 2, "after the ordinary messages, and every minute while its own gap is open"


def test_before_the_first_message_everything_since_the_registration_may_be_missing(office: Office) -> None:
    office.switch_off()
    office.missed("the first one ever")
    office.minutes(12)
    assert office.taken_in() == 1


@pytest.mark.parametrize(
    "refusal", [ServiceUnavailable("twitter_unavailable", "Trouble."), RateLimited("rate_limited", "Limit.")]
)
def test_what_could_not_be_read_is_read_later_although_events_come_again(
    office: Office, refusal: ConnectorError
) -> None:
    office.heard()
    office.clock.advance(300)
    office.missed("hello?")
    office.switch_off()
    office.history.failing = refusal
    office.minutes(11)
    assert office.platform.hooks["prod"][0].valid
    office.heard()
    office.minutes(3)
    office.history.failing = None
    office.minutes(6)
    assert office.taken_in() == 1
    calls = office.history.calls
    office.minutes(30)
    assert office.history.calls == calls, "read once, it is not read again"


def test_the_others_of_an_environment_missed_what_its_webhook_did_not_bring(office: Office) -> None:
    office.register(OTHER)
    office.minutes(1)
    for account_id in (ACME, OTHER):
        office.heard(account_id)
    office.switch_off()
    office.clock.advance(240)
    for account_id in (ACME, OTHER):
        office.missed("hello?", account_id)
    office.clock.advance(600)
    office.upkeep.check_due()
    for account_id in (ACME, OTHER):
        office.heard(account_id)
    office.minutes(7)
    assert (office.taken_in(ACME), office.taken_in(OTHER)) == (1, 1)


def test_an_event_that_comes_right_after_registering_again_does_not_hide_what_was_missed(office: Office) -> None:
    office.heard()
    office.platform.hooks["prod"].clear()
    office.missed("hello?")
    office.minutes(4)
    office.register()
    office.heard()
    office.minutes(7)
    assert office.taken_in() == 1


def test_an_event_that_comes_before_the_first_round_after_a_downtime_does_not_hide_it(office: Office) -> None:
    office.heard()
    office.minutes(1)
    office.clock.advance(600)
    office.missed("while nobody ran")
    office.clock.advance(600)
    office.heard()
    office.minutes(7)
    assert office.taken_in() == 1


def test_a_start_in_a_loop_reads_once_in_a_while_and_forgets_nothing(office: Office) -> None:
    office.heard()
    for _ in range(4):
        office.clock.advance(20)
        office.backfill.open_gap(office.accounts.rows[ACME])
        office.backfill.read(office.accounts.rows[ACME])
    assert office.history.calls == 1
    office.clock.advance(100)
    office.missed("between two starts")
    office.clock.advance(20)
    office.backfill.open_gap(office.accounts.rows[ACME])
    assert office.backfill.read(office.accounts.rows[ACME]) is None
    office.heard()
    office.minutes(6)
    assert (office.history.calls, office.taken_in()) == (2, 1)


def test_a_clock_that_is_put_back_by_a_day_stops_no_check(office: Office) -> None:
    office.minutes(1)
    office.clock.advance(-86_400)
    office.switch_off()
    office.minutes(1)
    assert office.platform.hooks["prod"][0].valid


def test_an_account_that_makes_our_own_code_fail_leaves_the_others_in_care(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.register(OTHER)
    office.minutes(1)
    office.switch_off()
    of = office.history.of
    office.backfill.messages = lambda account: 1 // 0 if account.id == OTHER else of(account)
    # OTHER is looked at first.
    assert sorted([ACME, OTHER])[0] == OTHER
    office.minutes(11)
    assert office.accounts.account_status(ACME)["checked_at"] > office.clock.ms - 600_000
    assert "internal_error" in [record.getMessage() for record in caplog.records]


def test_while_all_is_well_nothing_is_read(office: Office) -> None:
    office.heard()
    office.minutes(2 * int(CHECK_EVERY / timedelta(minutes=1)))
    assert office.history.calls == 0


def test_a_check_leaves_an_account_alone_that_is_being_registered(office: Office) -> None:
    office.switch_off()
    hurried = replace(office.upkeep, registration=replace(office.registration, wait_seconds=0.0))
    with office.registration.locks.alone(f"registration:{ACME}"):
        hurried.check(office.accounts.rows[ACME], {})
    assert office.accounts.rows[ACME].attention == ""
    assert not office.platform.hooks["prod"][0].valid
    hurried.check(office.accounts.rows[ACME], {})
    assert office.platform.hooks["prod"][0].valid


def test_missed_messages_are_read_once_the_account_is_below_its_hard_limit(office: Office) -> None:
    office.register()
    office.minutes(1)
    calls = office.history.calls
    office.limit = Limit.HARD
    office.clock.advance(3600)  # the service is down
    office.missed("missed")
    office.minutes(10)
    assert office.history.calls == calls
    assert office.accounts.account_status(ACME)["gap_since"]
    office.limit = Limit.NONE
    office.minutes(1)
    assert office.taken_in() == 1
    assert office.accounts.account_status(ACME)["gap_since"] == 0


NO_CREDIT = "The app has no credit left at X. Buy credits (HTTP 402)."


def no_credit(office: Office) -> RateLimited:
    until = office.clock() + timedelta(hours=1)
    return RateLimited("credits_depleted", NO_CREDIT, scope=Scope.ENDPOINT, endpoint=Endpoint.LIST, until=until)


def paused(office: Office) -> dict[str, Any]:
    return dict(office.lanes.endpoint_pauses.of(ACME, [Endpoint.LIST], office.clock.ms))


def test_without_credit_missed_messages_are_asked_for_once_an_hour_and_a_person_reads_why(office: Office) -> None:
    office.register()
    office.minutes(1)
    office.clock.advance(3600)  # the service is down
    office.missed("missed")
    office.history.failing = no_credit(office)
    calls = office.history.calls
    office.minutes(58)
    assert office.history.calls == calls + 1
    assert paused(office)[Endpoint.LIST]["detail"] == NO_CREDIT
    assert office.accounts.account_status(ACME)["gap_since"], "nothing is given up"
    office.history.failing = no_credit(office)
    office.minutes(10)
    assert office.history.calls == calls + 2, "one more probe"
    office.history.failing = None
    office.minutes(60)
    assert office.taken_in() == 1
    assert paused(office) == {}
    assert office.accounts.account_status(ACME)["gap_since"] == 0


def test_a_limit_of_the_list_is_waited_for_as_long_as_x_says(office: Office) -> None:
    office.register()
    office.minutes(1)
    office.clock.advance(3600)
    until = office.clock() + timedelta(minutes=14)
    office.history.failing = RateLimited("rate_limited", "Limit.", endpoint=Endpoint.LIST, until=until)
    calls = office.history.calls
    office.minutes(13)
    assert office.history.calls == calls + 1


def test_a_check_that_needs_credit_waits_an_hour_and_says_so_in_one_sentence(office: Office) -> None:
    office.register()
    office.minutes(1)
    office.platform.failing["webhooks"] = RateLimited(
        "credits_depleted", NO_CREDIT, until=office.clock() + timedelta(hours=1)
    )
    office.accounts.note(ACME, next_check_at=0)
    before = office.platform.calls.count("webhooks")
    office.minutes(50)
    assert office.platform.calls.count("webhooks") == before + 1
    account = office.accounts.get(ACME)
    assert account is not None
    assert account.attention == NO_CREDIT
    assert office.accounts.account_status(ACME)["webhook_valid"], "that X has lost it is not known"
