"""Reads the posts that mention an account: all of them if its INBOUND is `poll`, otherwise those that events may have
missed.

https://docs.x.com/x-api/posts/timelines/introduction
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import LONG_POSTS, POLL, V1, Account
from twitter_connector.model.post import OFF
from twitter_connector.model.posts import Posts
from twitter_connector.model.timestamps import epoch_ms, first_id_at, id_ms, moment

from .backfill import GAP, MARGIN
from .ports import AccountsPort, AccountStatusPort, InboxPort, LocksPort
from .posts_settings import LENGTH_ASKED_AT, MARK, NEXT_MENTIONS, posts_taken_in, with_choices, with_long_posts
from .spending import Limit

log = logging.getLogger(__name__)

# X allows 300 look-ups in 15 minutes, and bills the posts that they return.
POLL_EVERY = timedelta(seconds=60)
# How often an account is polled whose posts come as events, and how often one that reached USAGE_SOFT_LIMIT.
BESIDE_EVENTS = timedelta(minutes=15)
LIMITED_EVERY = timedelta(minutes=5)
AFTER_TROUBLE = timedelta(seconds=60)
LOCK_SECONDS = 60
# X's list may show a post later than a newer one. What is read twice is taken in once.
_MARGIN_MS = MARGIN // timedelta(milliseconds=1)
# How often X is asked how long the account's posts may be: a subscription begins and ends.
ASK_LENGTH_EVERY = timedelta(days=1)


@dataclass(eq=False)
class MentionPolling:
    """posts: the public posts of an account at X. count: called with (family, outcome) for each event."""

    accounts: AccountsPort
    account_status: AccountStatusPort
    locks: LocksPort
    inbox: InboxPort
    posts: Callable[[Account], Posts]
    clock: Callable[[], datetime]
    count: Callable[[str, str], None] = lambda family, outcome: None
    limit: Callable[[Account], Limit] = lambda account: Limit.NONE

    def upcoming(self) -> list[tuple[Account, float]]:
        """Return each account with the seconds until its next poll, 0 if it is due. Raises StoreUnavailable."""
        return [(account, self._seconds_left(account.id)) for account in self.accounts.all() if is_polled(account)]

    def poll(self, account: Account) -> None:
        """Poll an account, unless another process is at it or has just done it. Raises StoreUnavailable."""
        with self.locks.alone(f"mentions:{account.id}", LOCK_SECONDS) as alone:
            if alone and self._seconds_left(account.id) <= 0:
                self._poll(account)

    def _seconds_left(self, account_id: str) -> float:
        left = moment(self.account_status.account_status(account_id).get(NEXT_MENTIONS, 0)) - self.clock()
        # A moment far away was noted before the clock was put back.
        return left.total_seconds() if timedelta() < left <= timedelta(hours=25) else 0.0

    def _poll(self, account: Account) -> None:
        every = POLL_EVERY if account.inbound == POLL else BESIDE_EVENTS
        limit = self.limit(account)
        # Noted first, so that a poller that dies does not make its successor call at once.
        self._next(account, max(every, LIMITED_EVERY) if limit is not Limit.NONE else every)
        if limit is Limit.HARD:
            return
        self._ask_length(account)
        since = self._mark(account)
        try:
            events = self.posts(account).mentions(str(since))
        except ConnectorError as error:
            self._next(account, max((error.until or self.clock()) - self.clock(), AFTER_TROUBLE))
            facts = {"account": account.id, "reason": error.reason, "detail": error.detail}
            log.warning("mentions_not_polled", extra=facts)
            return

        def posts(account_id: str) -> str:
            return posts_taken_in(self.accounts, account_id, account)

        take_in_activities(reversed(events), self.inbox, self.count, by="poll", looked_up=True, posts=posts)
        newest = max((id_ms(event.id) for event in events if event.id), default=0)
        self.account_status.note(account.id, **{MARK: max(since, int(first_id_at(newest - _MARGIN_MS)))})

    def _ask_length(self, account: Account) -> None:
        """Store what X says of the length of the account's posts, once a day and after a choice of posts."""
        asked_at = moment(self.account_status.account_status(account.id).get(LENGTH_ASKED_AT, 0))
        if self.clock() - asked_at < ASK_LENGTH_EVERY:
            return
        self.account_status.note(account.id, **{LENGTH_ASKED_AT: epoch_ms(self.clock())})
        long = with_long_posts(account, self.posts).settings.get(LONG_POSTS, "")
        if long != account.settings.get(LONG_POSTS, ""):
            self.accounts.change(account.id, lambda now: with_choices(now, {LONG_POSTS: long}))

    def _mark(self, account: Account) -> int:
        """Return the id up to which all mentions are known. At first: what came before the account was registered, or
        before events may have been missed."""
        status = self.account_status.account_status(account.id)
        since = moment(status[GAP]) if status.get(GAP) else account.registered_at or self.clock()
        return status.get(MARK) or int(first_id_at(epoch_ms(since)))

    def _next(self, account: Account, wait: timedelta) -> None:
        self.account_status.note(account.id, **{NEXT_MENTIONS: epoch_ms(self.clock() + wait)})


def is_polled(account: Account) -> bool:
    """Return whether the mentions of an account are read by look-up."""
    return account.posts != OFF and account.flavour != V1 and not account.sends_only
