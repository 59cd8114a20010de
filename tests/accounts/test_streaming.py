"""The activity stream: one reader for each app, what it stores, when it reconnects, and what is read back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import FakeAccounts, FakeClock
from twitter_connector.accounts import streaming
from twitter_connector.accounts.events_arrive import STREAM_ALIVE_AT
from twitter_connector.accounts.streaming import REVOKED, Streaming
from twitter_connector.errors import ConnectorError, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.model.work import Effect, Entry
from twitter_connector.twitter.v2.webhook_body import raw_events

ACME, OTHER, ADA = "222222222", "333333333", "111111111"
BROKEN = ServiceUnavailable("stream_broken", "X closed the connection.")
ELSEWHERE = RateLimited("stream_open_elsewhere", "Too many connections.")


def received(event_id: str, account_id: str = ACME) -> dict[str, Any]:
    create = {"target": {"recipient_id": account_id}, "sender_id": ADA, "message_data": {"text": "hi"}}
    event = {"type": "message_create", "id": event_id, "created_timestamp": "1", "message_create": create}
    payload = {"direct_message_events": [event]}
    return {"data": {"event_type": "dm.received", "filter": {"user_id": account_id}, "payload": payload}}


@dataclass
class Locks:
    """Locks of several processes."""

    owners: dict[str, str] = field(default_factory=dict)

    def hold(self, chore: str, owner: str, seconds: int) -> bool:
        return self.owners.setdefault(chore, owner) == owner

    def let_go(self, chore: str, owner: str) -> None:
        if self.owners.get(chore) == owner:
            del self.owners[chore]


@dataclass
class X:
    """Plays the stream. sessions: what each connection brings; an error ends it."""

    sessions: list[list[Any]] = field(default_factory=list)
    opened_count: int = 0
    closed_stale: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def opened(self) -> Iterator[Iterator[Mapping[str, Any] | None]]:
        if not self.sessions:
            self.stopping.set()
            raise BROKEN
        session = self.sessions.pop(0)
        if session and isinstance(session[0], ConnectorError):
            raise session[0]
        self.opened_count += 1
        yield self._events(session)

    def _events(self, session: list[Any]) -> Iterator[Mapping[str, Any] | None]:
        for event in session:
            if isinstance(event, ConnectorError):
                raise event
            yield event() if callable(event) else event
        raise BROKEN

    def close_stale(self) -> int:
        self.closed_stale += 1
        return 1


@dataclass
class Desk:
    clock: FakeClock = field(default_factory=FakeClock)
    x: X = field(default_factory=X)
    locks: Locks = field(default_factory=Locks)
    stored: list[str] = field(default_factory=list)
    read_back: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        credentials = Credentials("k", "s", "t", "ts")
        settings = {"inbound": "stream"}
        self.account = Account(ACME, credentials, "", flavour=V2, settings=settings, registered_at=self.clock())
        self.accounts = FakeAccounts(self.account, replace(self.account, id=OTHER))
        self.streaming = self.another()

    def another(self) -> Streaming:
        """Return another process's reader."""
        return Streaming(
            self.accounts,
            self.accounts,
            self.locks,
            self,
            lambda account: self.x,
            raw_events,
            lambda account: self.read_back.append(account.id),
            self.clock,
        )

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        self.stored += [item.id.removeprefix("dm:") for item in items if isinstance(item, Entry)]
        return [True] * len(items)

    def serve(self, *sessions: list[Any]) -> None:
        self.x.sessions = list(sessions)
        for app in self.streaming.due():
            self.streaming.serve(app, self.x.stopping)


def alive_at(desk: Desk) -> int:
    return desk.accounts.account_status(ACME)[STREAM_ALIVE_AT]


def test_the_status_says_since_when_the_stream_is_silent_or_closed(desk: Desk) -> None:
    seen = []

    def later(seconds: float) -> Any:
        def line() -> None:
            seen.append(alive_at(desk))
            desk.clock.advance(seconds)

        return line

    opened_ms = desk.clock.ms
    desk.serve([later(0), later(20), later(1), later(1)])
    # The line that comes after 20 s is noted. The next ones come too soon after it to be.
    assert seen == [opened_ms, opened_ms, opened_ms + 20_000, opened_ms + 20_000]
    assert alive_at(desk) == 0


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(streaming, "FIRST_WAIT", timedelta(milliseconds=1))
    monkeypatch.setattr(streaming, "LONGEST_WAIT", timedelta(milliseconds=4))
    return Desk()


def test_events_of_the_apps_accounts_are_stored_and_no_others(desk: Desk) -> None:
    desk.serve([received("5"), None, received("6", OTHER), received("7", "999"), {"odd": 1}, {"data": []}])
    assert desk.stored == ["5", "6"]


def test_after_every_connection_what_was_missed_is_read_back_first(desk: Desk) -> None:
    seen: list[list[str]] = []
    desk.serve([lambda: seen.append(list(desk.read_back))], [received("6")])
    assert seen == [[ACME, OTHER]]
    assert desk.read_back == [ACME, OTHER, ACME, OTHER]
    assert desk.accounts.account_status(ACME)["gap_since"] > 0, "noted until it is read"


def test_a_connection_that_ends_is_opened_again(desk: Desk) -> None:
    desk.serve([received("5"), BROKEN], [BROKEN], [received("6")])
    assert desk.stored == ["5", "6"]
    assert desk.x.opened_count == 2


def test_the_wait_before_a_reconnect_doubles_up_to_the_longest(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.serve([BROKEN], [BROKEN], [BROKEN])
    waits = [record.__dict__["seconds"] for record in caplog.records if record.message == "stream_ended"]
    assert waits == [0.002, 0.004, 0.004, 0.004]


def test_connections_that_nobody_reads_are_closed(desk: Desk) -> None:
    desk.serve([ELSEWHERE], [received("5")])
    assert desk.x.closed_stale == 1
    assert desk.stored == ["5"]


def test_two_processes_never_read_one_app(desk: Desk) -> None:
    app = desk.streaming.due()[0]
    desk.locks.hold(f"stream:{app}", "another", 15)
    desk.serve([received("5")])
    assert desk.stored == []
    desk.locks.let_go(f"stream:{app}", "another")
    desk.serve([received("5")])
    assert desk.stored == ["5"]
    assert desk.locks.owners == {}, "given back at the end"


def test_a_reader_that_lost_its_lock_stores_nothing_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOCK_SECONDS", 0.05)
    gone = threading.Event()

    def take_away() -> None:
        (chore,) = desk.locks.owners
        desk.locks.owners[chore] = "another"
        gone.wait(0.2)

    desk.serve([received("5"), take_away, received("6")])
    assert desk.stored == ["5"]
    assert list(desk.locks.owners.values()) == ["another"]


def test_without_credit_it_waits_says_so_and_a_push_ends_it(desk: Desk) -> None:
    refusal = RateLimited("credits_depleted", "Buy credits.", until=desk.clock() + timedelta(hours=1))
    desk.serve([refusal])
    assert desk.accounts.rows[ACME].attention == "Buy credits."
    assert desk.streaming.due() == []
    desk.accounts.note(ACME, next_poll_at=0)
    desk.accounts.note(OTHER, next_poll_at=0)
    desk.serve([received("5")])
    assert (desk.stored, desk.accounts.rows[ACME].attention) == (["5"], "")


def test_a_revoked_account_says_so(desk: Desk) -> None:
    payload = {"user_id": ACME, "app_id": "1"}
    desk.serve([{"data": {"event_type": "oauth.revoke", "filter": {}, "payload": payload}}])
    assert desk.accounts.rows[ACME].attention == REVOKED
    assert desk.accounts.rows[OTHER].attention == ""


def test_accounts_with_another_way_in_have_no_stream(desk: Desk) -> None:
    for account_id in (ACME, OTHER):
        desk.accounts.save(replace(desk.account, id=account_id, settings={"inbound": "poll"}))
    assert desk.streaming.due() == []


def mentioned(post_id: str) -> dict[str, Any]:
    payload = {"id": post_id, "author_id": ADA, "text": "@acme help", "conversation_id": post_id}
    return {"data": {"event_type": "post.mention.create", "filter": {"user_id": ACME}, "payload": payload}}


def test_a_choice_of_posts_counts_for_the_next_post(desk: Desk) -> None:
    def choose(mode: str) -> None:
        desk.accounts.change(ACME, lambda now: replace(now, settings={**now.settings, "posts": mode}))

    def chosen(mode: str, post_id: str) -> Any:
        return lambda: (choose(mode), mentioned(post_id))[1]

    desk.serve([mentioned("1"), chosen("mentions", "2"), chosen("off", "3"), chosen("all", "4")])
    assert desk.stored == ["post:2", "post:4"]


def test_a_choice_that_this_process_has_not_read_yet_counts_for_the_next_post(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_before, read = desk.account, desk.accounts.get

    def known(account_id: str, *, max_age: float = 30.0) -> Account | None:
        return read_before if account_id == ACME and max_age > 0 else read(account_id)

    monkeypatch.setattr(desk.accounts, "get", known)
    desk.accounts.change(ACME, lambda now: replace(now, settings={**now.settings, "posts": "all"}))
    desk.serve([mentioned("1")])
    assert desk.stored == ["post:1"]


def test_an_account_of_the_app_that_was_registered_a_moment_ago_gets_its_messages(desk: Desk) -> None:
    def registered() -> dict[str, Any]:
        desk.accounts.save(replace(desk.account, id="444444444"))
        return received("2", "444444444")

    def of_another_app() -> dict[str, Any]:
        other_app = replace(desk.account.credentials, api_key="of another app")
        desk.accounts.save(replace(desk.account, id="555555555", credentials=other_app))
        return received("3", "555555555")

    desk.serve([received("1"), registered, of_another_app])
    assert desk.stored == ["1", "2"]


def test_messages_of_an_account_that_changes_to_another_way_in_are_stored_while_x_sends_them_here(desk: Desk) -> None:
    """They would be read back later, behind newer ones that the other way brings."""

    def changed() -> dict[str, Any]:
        desk.accounts.change(ACME, lambda now: replace(now, settings={"inbound": "xaa"}))
        return received("2")

    desk.serve([received("1"), changed])
    assert desk.stored == ["1", "2"]
