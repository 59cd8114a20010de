"""Asks X for the messages of accounts whose INBOUND is `poll`, one poller per account across all replicas.

X has no "since": a look-up returns the newest messages first. So the smallest page comes first, and an older one only
while everything on the page was new. The mark is the newest message up to which everything was stored.

https://docs.x.com/x-api/direct-messages/lookup/introduction
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import AWAITS_A_PERSON, ConnectorError, CredentialsRejected
from twitter_connector.model.account import POLL, Account
from twitter_connector.model.event import RawEvent
from twitter_connector.model.lookup import Budget, Lookups, Page
from twitter_connector.model.timestamps import epoch_ms, first_id_at, moment

from .backfill import GAP, LONGEST, MARGIN, NEXT_POLL, POLL_MARK
from .broker_loss import FAILOVER
from .ports import AccountsPort, AccountStatusPort, InboxPort, LocksPort
from .spending import Limit

log = logging.getLogger(__name__)

# X bills every message of a page, so the usual page is small.
FIRST_PAGE = 10
LATER_PAGE = 100
PAGES_MAX = 12
# One call a minute is what X allows on average. https://docs.x.com/x-api/fundamentals/rate-limits
CALL_EVERY = timedelta(seconds=60)
SHORTEST = timedelta(seconds=1)
# After so long without a message, calls are saved up for the next conversation.
QUIET_AFTER = timedelta(minutes=10)
QUIET_EVERY = timedelta(seconds=90)
# How often an account is polled that has reached USAGE_SOFT_LIMIT, and how often the hard limit is looked at again.
LIMITED_EVERY = timedelta(minutes=5)
AFTER_TROUBLE = timedelta(seconds=30)
# Longer than one poll takes. A poller that was killed is replaced after this long.
LOCK_SECONDS = 60
# The names under which the account's status has the rest of the poller's state.
ALERTED, FOUND_AT, SIZE, FAILOVER_READ = "poll_alerted", "poll_found_at", "poll_size", "poll_failover"


@dataclass(eq=False)
class Polling:
    """lookups: makes the look-ups of an account. count: called with (family, outcome) for each event. limit:
    the limit of spending that an account has reached."""

    accounts: AccountsPort
    account_status: AccountStatusPort
    locks: LocksPort
    inbox: InboxPort
    lookups: Callable[[Account], Lookups]
    clock: Callable[[], datetime]
    count: Callable[[str, str], None] = lambda family, outcome: None
    limit: Callable[[Account], Limit] = lambda account: Limit.NONE

    def due(self) -> list[Account]:
        """Return the accounts whose time to be polled has come. Raises StoreUnavailable."""
        return [account for account, seconds in self.upcoming() if seconds <= 0]

    def upcoming(self) -> list[tuple[Account, float]]:
        """Return each polled account with the seconds until its next poll, 0 if it is due. Raises as `due`."""
        return [(account, self._seconds_left(account.id)) for account in self.accounts.all() if account.inbound == POLL]

    def poll(self, account: Account) -> None:
        """Poll an account, unless another process is at it or has just done it. Raises StoreUnavailable."""
        with self.locks.alone(f"poll:{account.id}", LOCK_SECONDS) as alone:
            if alone and self._seconds_left(account.id) <= 0:
                self._poll(account)

    def _seconds_left(self, account_id: str) -> float:
        left = moment(self.account_status.account_status(account_id).get(NEXT_POLL, 0)) - self.clock()
        # A moment far away was noted before the clock was put back.
        return left.total_seconds() if timedelta() < left <= timedelta(hours=25) else 0.0

    def _poll(self, account: Account) -> None:
        # Noted first, so that a poller that dies does not make its successor call at once.
        self._next(account.id, self.clock() + CALL_EVERY)
        limit = self.limit(account)
        if limit is Limit.HARD:
            # The day ends, or an operator raises the limit.
            self._next(account.id, self.clock() + LIMITED_EVERY)
            return
        pages: list[Page] = []
        status = self.account_status.account_status(account.id)
        try:
            events = self._new_events(account, status, pages)
        except ConnectorError as error:
            self._failed(account, error, len(pages))
            return
        outcomes: list[str] = []

        def count(family: str, outcome: str) -> None:
            outcomes.append(outcome)
            self.count(family, outcome)

        # Oldest first, so that lanes which are empty begin with the right one.
        take_in_activities(reversed(events), self.inbox, count, by="poll", looked_up=True)
        if all(page.whole for page in pages):
            self._mark(account.id, events, status.get(FAILOVER, 0))
        self.account_status.note(account.id, **{SIZE: len(events) * 3 // 2})
        gap = self._gap(account.id, pages, new="accepted" in outcomes)
        self._next(account.id, self.clock() + (max(gap, LIMITED_EVERY) if limit is Limit.SOFT else gap))
        self._well_again(account)

    def _new_events(self, account: Account, status: Mapping[str, int], pages: list[Page]) -> list[RawEvent]:
        """Return what came since the mark, newest first. Adds each page to `pages` as it comes."""
        mark = self._marked(account, status)
        lookups = self.lookups(account)
        # As many as came last time: a second page costs one of fifteen calls.
        size = min(max(status.get(SIZE, 0), FIRST_PAGE), LATER_PAGE)
        events: list[RawEvent] = []
        token = ""
        while len(pages) < PAGES_MAX:
            page = lookups.page(LATER_PAGE if pages else size, token)
            pages.append(page)
            fresh = [event for event in page.events if int(event.id) > mark]
            events += fresh
            if len(fresh) < len(page.events) or not page.events or not page.next_token:
                return events
            token = page.next_token
        log.error("backfill_cut_off", extra={"account": account.id, "pages": PAGES_MAX})
        return events

    def _marked(self, account: Account, status: Mapping[str, int]) -> int:
        """Return the id up to which everything is known. Before the first poll: what came before the account was
        registered, or before messages may have been missed.

        The mark may be at a new primary although a message before it was at the lost one only.
        """
        registered = account.registered_at or self.clock()
        if not status.get(POLL_MARK):
            return int(first_id_at(epoch_ms(moment(status[GAP]) if status.get(GAP) else registered)))
        failover, oldest = status.get(FAILOVER, 0), self.clock() - LONGEST
        if failover == status.get(FAILOVER_READ, 0) or moment(failover) < oldest:
            return status[POLL_MARK]
        # Of several failovers since the last poll, the first one opened the gap.
        since = moment(min(failover, status.get(GAP) or failover)) - MARGIN
        since = max(since, registered, oldest)
        return min(status[POLL_MARK], int(first_id_at(epoch_ms(since))))

    def _mark(self, account_id: str, events: Iterable[RawEvent], failover: int) -> None:
        """Note that everything up to now is stored. failover: the one that was known when X was asked."""
        newest = max((int(event.id) for event in events), default=0)
        at = epoch_ms(self.clock())
        self.account_status.note(
            account_id,
            checked_at=at,
            alive_at=at,
            **{GAP: 0, FAILOVER_READ: failover},
            **({POLL_MARK: newest} if newest else {}),
        )

    def _gap(self, account_id: str, pages: list[Page], *, new: bool) -> timedelta:
        """Return how long to wait for the next poll."""
        now = self.clock()
        if new:
            self.account_status.note(account_id, **{FOUND_AT: epoch_ms(now)})
        gap = spread(pages[-1].budget, now) or CALL_EVERY * len(pages)
        last = moment(self.account_status.account_status(account_id).get(FOUND_AT, 0))
        if now - last > QUIET_AFTER and gap < QUIET_EVERY:
            gap = min(gap * 1.5, QUIET_EVERY)
        return gap

    def _failed(self, account: Account, error: ConnectorError, pages: int) -> None:
        now = self.clock()
        until = error.until or now + max(AFTER_TROUBLE, CALL_EVERY * pages)
        self._next(account.id, max(until, now + SHORTEST))
        log.warning("poll_failed", extra={"account": account.id, "reason": error.reason, "detail": error.detail})
        needs_person = isinstance(error, CredentialsRejected) or error.reason in AWAITS_A_PERSON
        if needs_person and account.attention != error.detail:
            self.account_status.note(account.id, **{ALERTED: 1})
            self.accounts.change(account.id, lambda now: replace(now, attention=error.detail))

    def _well_again(self, account: Account) -> None:
        if self.account_status.account_status(account.id).get(ALERTED):
            self.account_status.note(account.id, **{ALERTED: 0})
            self.accounts.change(account.id, lambda now: replace(now, attention=""))

    def _next(self, account_id: str, at: datetime) -> None:
        self.account_status.note(account_id, **{NEXT_POLL: epoch_ms(at)})


def spread(budget: Budget | None, now: datetime) -> timedelta | None:
    """Return the wait that spreads the remaining calls evenly over the rest of X's window; None without a budget."""
    if budget is None or budget.reset <= now:
        return None
    left = budget.reset - now
    if budget.remaining < 1:
        return left + SHORTEST
    return max(left / budget.remaining, SHORTEST)
