"""Reads from X the messages that may be missing here, and remembers from which moment they may be.

The moment is stored until the messages are read: otherwise the first event after an outage would hide the gap.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import AWAITS_A_PERSON, ConnectorError, CredentialsRejected, Endpoint, RateLimited
from twitter_connector.model.account import POLL, Account
from twitter_connector.model.event import RawEvent
from twitter_connector.model.flavour import Messages
from twitter_connector.model.timestamps import SNOWFLAKE_EPOCH_MS, epoch_ms, moment

from .chat_backfill import ChatBackfill
from .ports import AccountStatusPort, EndpointPausesPort, InboxPort
from .posts_settings import NEXT_MENTIONS
from .replay import PAGE, Replays
from .spending import Limit

log = logging.getLogger(__name__)

# Field of the account's status: since when messages may be missing, in epoch ms; 0 if none are.
GAP = "gap_since"
# The id up to which the poller has stored every message, and when it looks again, in epoch ms.
POLL_MARK, NEXT_POLL = "poll_mark", "next_poll_at"
# X lets an account list its messages 15 times in 15 minutes. Restarts in a loop must not use that up.
EVERY = timedelta(minutes=5)
# X's list goes back 30 days, but an answer to an old message helps nobody.
LONGEST = timedelta(hours=24)
# Events may come late. What is read twice is taken in once.
MARGIN = timedelta(minutes=2)


@dataclass
class Backfill:
    """status: the accounts' status. messages: the Direct Messages of an account at X. pauses: of single endpoints.
    limit: the limit of spending that an account has reached. replays: None where X is not asked for any. record: stores
    account id, event, detail and begin in the account's history. service_ahead: by how much
    the clock is ahead of X's. chats: the same for encrypted messages; None where there are none."""

    status: AccountStatusPort
    inbox: InboxPort
    messages: Callable[[Account], Messages]
    clock: Callable[[], datetime]
    pauses: EndpointPausesPort
    limit: Callable[[Account], Limit] = lambda account: Limit.NONE
    replays: Replays | None = None
    record: Callable[[str, str, str, datetime], None] = lambda account_id, event, detail, since: None
    service_ahead: Callable[[], timedelta] = timedelta
    chats: ChatBackfill | None = None

    def open_gap(self, account: Account) -> None:
        """Note that customers' messages may have been missed up to now."""
        open_gap(self.status, account, self.status.account_status(account.id), self.clock())

    def read(
        self, account: Account, account_status: Mapping[str, int] | None = None, *, at_once: bool = False
    ) -> tuple[int, int] | None:
        """Take in the customers' messages since the last one that is known for certain.

        Return how many were read, and how many of them were missing here. Return None if they could not be read, were
        read less than EVERY ago, or are replayed by X; the gap stays open then. at_once: do not wait for EVERY or a
        pause. account_status: as it was before events could come again; None for the present one. Nothing is read of an
        account that nobody registered, nor from before its registration.
        """
        if account.sends_only or account.inbound == POLL:
            # The poller knows up to which message it has read.
            return 0, 0
        now = self.clock()
        before = self.status.account_status(account.id) if account_status is None else account_status
        if self.replays is not None and self.replays.goes_on(account):
            return None
        job = self.replays.ended(account) if self.replays is not None else None
        known = job.until if job is not None and job.complete else known_until(account, before, now)
        # Stored first: it has to survive whatever happens until the messages are read.
        self.status.note(account.id, **{GAP: epoch_ms(known)})
        if self.limit(account) is Limit.HARD:
            log.info("backfill_waits_for_limit", extra={"account": account.id})
            return None
        if (
            not at_once
            and job is None
            and (abs(now - moment(before.get("filled_at", 0))) < EVERY or self._paused(account.id, now))
        ):
            return None
        self.status.note(account.id, filled_at=epoch_ms(now))
        # X's messages have moments of X's clock.
        ahead = max(self.service_ahead(), timedelta())
        since = max(known - MARGIN, now - LONGEST, account.registered_at or now) - ahead
        try:
            events = self._listed(account, since, may_replay=job is None)
        except ConnectorError as error:
            facts = {"account": account.id, "reason": error.reason, "detail": error.detail}
            log.warning("backfill_failed", extra=facts)
            self._pause(account.id, error)
            return None
        if events is None:
            return None
        outcomes: list[str] = []
        # Oldest first, so that empty lanes begin with the right message.
        for event in reversed(events):
            take_in_activities(
                [event],
                self.inbox,
                lambda _, outcome: outcomes.append(outcome),
                by="backfill",
                looked_up=True,
            )
        self.status.note(account.id, **{GAP: 0})
        encrypted = self._encrypted(account, min(moment(before[GAP]), known) if before.get(GAP) else known)
        new = outcomes.count("accepted")
        self.record(
            account.id, "messages_read_back", f"{len(events)} read at X, {new} of them were missing here", known
        )
        level = logging.WARNING if new else logging.INFO
        log.log(level, "backfill_done", extra={"account": account.id, "seen": len(events), "new": new})
        return len(events) + encrypted[0], new + encrypted[1]

    def _encrypted(self, account: Account, since: datetime) -> tuple[int, int]:
        """Take in encrypted messages; return how many were read, and how many of them were missing here."""
        if self.chats is None:
            return 0, 0
        self.chats.open_gap(account, since - MARGIN)
        return self.chats.read(account)

    def _listed(self, account: Account, since: datetime, *, may_replay: bool) -> list[RawEvent] | None:
        """Return the customers' messages since a moment, newest first; None if X replays them, for they are many."""
        events: list[RawEvent] = []
        for number, event in enumerate(self.messages(account).events_since(since), 1):
            if number > PAGE and may_replay and self.replays is not None:
                if self.replays.begin(account, since):
                    return None
                may_replay = False
            if not event.own:
                events.append(event)
        return events

    def _paused(self, account_id: str, now: datetime) -> bool:
        return bool(self.pauses.of(account_id, [Endpoint.LIST], epoch_ms(now)))

    def _pause(self, account_id: str, error: ConnectorError) -> None:
        """Have everything that lists messages wait as long as X says, or for money. A person reads why."""
        refused = isinstance(error, CredentialsRejected) and error.reason not in AWAITS_A_PERSON
        if isinstance(error, RateLimited) and error.until is not None and not refused:
            self.pauses.pause(account_id, Endpoint.LIST, epoch_ms(error.until), error.reason, error.detail)


def known_until(account: Account, account_status: Mapping[str, int], now: datetime) -> datetime:
    """Return the moment up to which all of the customers' messages are here.

    That is the start of an open gap. Without a gap it is the last message or the last check, whichever was first, and
    before the first message the registration.
    """
    if account_status.get(GAP):
        return min(moment(account_status[GAP]), now)
    if not account_status.get("last_dm"):
        return account.registered_at or now
    last_dm = (account_status["last_dm"] >> 22) + SNOWFLAKE_EPOCH_MS
    return moment(min(last_dm, account_status.get("alive_at", last_dm)))


def open_gap(status: AccountStatusPort, account: Account, account_status: Mapping[str, int], now: datetime) -> None:
    """Note that messages may be missing, and have the account checked soon.

    account_status: as it was before events could come again; newer events must not hide what was missed before.
    """
    if not account.sends_only:
        since = epoch_ms(known_until(account, account_status, now))
        status.note(account.id, **{GAP: since, "next_check_at": 0, NEXT_POLL: 0, NEXT_MENTIONS: 0})


def open_gap_at(status: AccountStatusPort, account: Account, since: datetime, **marks: int) -> None:
    """Note that messages may be missing since a moment, and have the account checked soon.

    marks: values of the account status that are stored in the same step.
    """
    if not account.sends_only:
        earliest = min(epoch_ms(since), status.account_status(account.id).get(GAP) or epoch_ms(since))
        status.note(account.id, **{GAP: earliest, "next_check_at": 0, NEXT_MENTIONS: 0, **marks})
