"""Reads X's activity stream for accounts whose INBOUND is `stream`: one reader for each app across all replicas.

The reader has a lock in the store that it renews, and stores events only while it has it. After every connection,
what was missed before is read back by look-up.

https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import AWAITS_A_PERSON, ConnectorError, CredentialsRejected, StoreUnavailable
from twitter_connector.model.account import STREAM, Account
from twitter_connector.model.event import RawEvent
from twitter_connector.model.timestamps import epoch_ms, moment

from .backfill import NEXT_POLL, open_gap
from .events_arrive import STREAM_ALIVE_AT
from .ports import AccountsPort, AccountStatusPort, InboxPort
from .posts_settings import FRESH_SECONDS, posts_taken_in
from .stream_lock import RenewableLocksPort, lock_renewed

log = logging.getLogger(__name__)

# A reader that was killed is replaced after this long.
LOCK_SECONDS = 15
# Waits before a reconnect double up to the longest. A connection that lasted resets them.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(seconds=60)
LASTED_SECONDS = 60.0
# A line is noted in the accounts' status, but not every line.
NOTED_EVERY = timedelta(seconds=5)
REVOKED = "The account's owner has revoked the app's access at X. Make new tokens and register again."
TOO_MANY = "stream_open_elsewhere"


class StreamAtX(Protocol):
    """See twitter/v2/stream.py."""

    def opened(self) -> AbstractContextManager[Iterator[Mapping[str, Any] | None]]: ...
    def close_stale(self) -> int: ...


@dataclass
class Streaming:
    """stream: the stream of an account's app. raw_events: divides one line into events. read_back: takes in what an
    account missed. count: called with (family, outcome) for each event. wait: sleeps for so many seconds."""

    accounts: AccountsPort
    account_status: AccountStatusPort
    locks: RenewableLocksPort
    inbox: InboxPort
    stream: Callable[[Account], StreamAtX]
    raw_events: Callable[[Mapping[str, Any], str], Iterator[RawEvent]]
    read_back: Callable[[Account], object]
    clock: Callable[[], datetime]
    count: Callable[[str, str], None] = lambda family, outcome: None
    owner: str = field(default_factory=lambda: uuid4().hex)

    def due(self) -> list[str]:
        """Return the apps whose stream may be opened now. Raises StoreUnavailable."""
        now = epoch_ms(self.clock())
        return [app for app, users in self._apps().items() if all(self._next_at(user) <= now for user in users)]

    def serve(self, app: str, stopping: threading.Event) -> None:
        """Read the stream of an app until `stopping` is set, another process reads it, or it needs a person.

        Returns at once if another process reads it.
        """
        chore = f"stream:{app}"
        if not self.locks.hold(chore, self.owner, LOCK_SECONDS):
            return
        lost = threading.Event()
        with lock_renewed(self.locks, chore, self.owner, LOCK_SECONDS, lost):
            wait = FIRST_WAIT
            while not stopping.is_set() and not lost.is_set():
                users = self._apps().get(app)
                if not users:
                    return
                began = time.monotonic()
                try:
                    self._read(app, users, lost, stopping)
                except StoreUnavailable:
                    raise
                except ConnectorError as error:
                    if self._needs_person(users, error):
                        return
                    wait = FIRST_WAIT if time.monotonic() - began > LASTED_SECONDS else min(wait * 2, LONGEST_WAIT)
                    pause = max((error.until or self.clock()) - self.clock(), wait)
                    if error.reason == TOO_MANY and self.stream(users[0]).close_stale():
                        pause = FIRST_WAIT
                    facts = {"reason": error.reason, "detail": error.detail, "seconds": pause.total_seconds()}
                    log.warning("stream_ended", extra={"account": users[0].id, **facts})
                    for user in users:
                        self.account_status.note(user.id, **{STREAM_ALIVE_AT: 0})
                    stopping.wait(pause.total_seconds())

    def _read(self, app: str, users: Sequence[Account], lost: threading.Event, stopping: threading.Event) -> None:
        by_id = {user.id: user for user in users}
        with self.stream(users[0]).opened() as events:
            log.info("stream_opened", extra={"accounts": sorted(by_id)})
            self._well_again(users)
            for user in users:
                # What came while nobody read. The stream itself waits meanwhile.
                open_gap(self.account_status, user, self.account_status.account_status(user.id), self.clock())
                self.read_back(user)
            looked = time.monotonic()
            noted = self._note_alive(by_id)
            for event in events:
                if lost.is_set() or stopping.is_set():
                    return
                if self.clock() - noted >= NOTED_EVERY:
                    noted = self._note_alive(by_id)
                if event is not None:
                    self._take_in(event, app, by_id)
                if time.monotonic() - looked > LOCK_SECONDS:
                    looked = time.monotonic()
                    by_id = {user.id: user for user in self._apps().get(app, ())}
                    if not by_id:
                        return

    def _note_alive(self, account_ids: Iterable[str]) -> datetime:
        now = self.clock()
        for account_id in account_ids:
            self.account_status.note(account_id, **{STREAM_ALIVE_AT: epoch_ms(now)})
        return now

    def _take_in(self, event: Mapping[str, Any], app: str, by_id: Collection[str]) -> None:
        users: dict[str, Account] = {}
        raw_events = []
        for raw_event in self.raw_events(event, ""):
            user = self._user(raw_event.account_id, app, by_id)
            if user is not None:
                users[user.id] = user
                raw_events.append(raw_event)

        def posts(account_id: str) -> str:
            return posts_taken_in(self.accounts, account_id, users[account_id])

        take_in_activities(raw_events, self.inbox, self.count, by="stream", posts=posts)
        for raw_event in raw_events:
            if raw_event.family == "revoke":
                self.accounts.change(raw_event.account_id, lambda a: replace(a, subscribed=False, attention=REVOKED))
                log.error("access_revoked", extra={"account": raw_event.account_id})

    def _user(self, account_id: str, app: str, by_id: Collection[str]) -> Account | None:
        """Return the account, as of a second ago at most, if it gets its events from this stream or did a moment ago.

        While an account changes to another way in, X still sends its events here, and nowhere else yet.
        """
        account = self.accounts.get(account_id, max_age=FRESH_SECONDS)
        if account is None or account_id in by_id:
            return account
        return account if account.inbound == STREAM and account.app == app else None

    def _apps(self) -> dict[str, list[Account]]:
        apps: dict[str, list[Account]] = {}
        for account in self.accounts.all():
            if account.inbound == STREAM:
                apps.setdefault(account.app, []).append(account)
        return apps

    def _next_at(self, account: Account) -> int:
        at = self.account_status.account_status(account.id).get(NEXT_POLL, 0)
        # A moment far away was noted before the clock was put back.
        return at if moment(at) - self.clock() <= timedelta(hours=25) else 0

    def _needs_person(self, users: Sequence[Account], error: ConnectorError) -> bool:
        if not isinstance(error, CredentialsRejected) and error.reason not in AWAITS_A_PERSON:
            return False
        until = error.until or self.clock() + LONGEST_WAIT
        for user in users:
            self.account_status.note(user.id, **{NEXT_POLL: epoch_ms(until), "stream_alerted": 1})
            self.accounts.change(user.id, lambda now: replace(now, attention=error.detail))
        facts = {"reason": error.reason, "detail": error.detail, "until": until.isoformat()}
        log.error("stream_refused", extra={"account": users[0].id, **facts})
        return True

    def _well_again(self, users: Sequence[Account]) -> None:
        for user in users:
            if self.account_status.account_status(user.id).get("stream_alerted"):
                self.account_status.note(user.id, stream_alerted=0)
                self.accounts.change(user.id, lambda now: replace(now, attention=""))
