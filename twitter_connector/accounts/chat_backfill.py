"""Reads from X the encrypted messages that may be missing here, with or without the account's keys.

X lists them by conversation, so a gap is read conversation by conversation; what is done stays done if X's limit ends a
read. The gap is apart from that of Direct Messages: X may refuse one of the two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.account import V2, Account
from twitter_connector.model.event import RawEvent
from twitter_connector.model.timestamps import epoch_ms, moment

from .ports import AccountStatusPort, InboxPort

log = logging.getLogger(__name__)

# Fields of the account's status, in epoch ms. Since when encrypted messages may be missing, 0 if none are; the latest
# change of the conversations that were read since; when to read again.
CHAT_GAP, CHAT_DONE, CHAT_NEXT = "chat_gap_since", "chat_gap_done", "chat_next_at"
# X has not published its limits.
EVERY = timedelta(minutes=5)
WAIT_LONGEST = timedelta(hours=1)
# Conversations that one read takes in. The next read, a minute later, goes on from there.
CONVERSATIONS_MAX = 50
# An answer to an older message helps nobody.
LONGEST = timedelta(hours=24)


class ChatHistoryPort(Protocol):
    """See twitter/chat/history.py."""

    def conversations_since(self, since: datetime) -> list[tuple[str, int | None]]: ...
    def messages_since(self, customer_id: str, since: datetime) -> list[RawEvent]: ...


@dataclass(frozen=True)
class ChatBackfill:
    """history: the encrypted conversations of an account at X. has_keys: whether they can be read here. allowed:
    whether the account's limit of spending allows it. record: see Backfill."""

    status: AccountStatusPort
    inbox: InboxPort
    history: Callable[[Account], ChatHistoryPort]
    has_keys: Callable[[str], bool]
    clock: Callable[[], datetime]
    allowed: Callable[[Account], bool] = lambda account: True
    record: Callable[[str, str, str, datetime], None] = lambda account_id, event, detail, since: None

    def open_gap(self, account: Account, since: datetime) -> None:
        """Note that encrypted messages may be missing since a moment."""
        if account.flavour != V2:
            return
        before = self.status.account_status(account.id).get(CHAT_GAP)
        if not before or epoch_ms(since) < before:
            self.status.note(account.id, **{CHAT_GAP: epoch_ms(since), CHAT_DONE: 0, CHAT_NEXT: 0})

    def read(self, account: Account) -> tuple[int, int]:
        """Take in the messages of an open gap, if it is time to. Return how many were read, and how many of them were
        missing here. The gap stays open if X has trouble."""
        status, now = self.status.account_status(account.id), self.clock()
        if not status.get(CHAT_GAP) or not self.allowed(account):
            return 0, 0
        # No wait is longer. A moment further away was stored before the clock was set back.
        if timedelta() < moment(status.get(CHAT_NEXT, 0)) - now <= WAIT_LONGEST:
            return 0, 0
        # Noted first, so that a process that dies does not make its successor call at once.
        self.status.note(account.id, **{CHAT_NEXT: epoch_ms(now + EVERY)})
        gap = moment(status[CHAT_GAP])
        since = max(gap, now - LONGEST, account.registered_at or now)
        outcomes: list[str] = []
        try:
            closes = self._read(account, since, status.get(CHAT_DONE, 0), outcomes)
            self.status.note(account.id, **{CHAT_NEXT: 0})
        except ConnectorError as error:
            self._failed(account, error, now)
            closes = isinstance(error, Permanent) or error.status == 403
        if closes:
            self.status.note(account.id, **{CHAT_GAP: 0, CHAT_DONE: 0, CHAT_NEXT: 0})
        new = outcomes.count("accepted")
        if outcomes:
            detail = f"{len(outcomes)} encrypted ones read at X, {new} of them were missing here"
            self.record(account.id, "messages_read_back", detail, since)
            log.info("chat_backfill_done", extra={"account": account.id, "seen": len(outcomes), "new": new})
        return len(outcomes), new

    def _read(self, account: Account, since: datetime, done_ms: int, outcomes: list[str]) -> bool:
        """Read the next conversations of a gap, and return whether these were all."""
        history = self.history(account)
        left = [one for one in history.conversations_since(since) if one[1] is None or one[1] > done_ms]
        # What X gives no moment of cannot be told from what is done, so it comes in one go, at the end.
        dated = [one for one in left if one[1] is not None]
        whole = len(dated) <= CONVERSATIONS_MAX
        for customer_id, changed_ms in left if whole else dated[:CONVERSATIONS_MAX]:
            events = history.messages_since(customer_id, since)
            take_in_activities(
                reversed(events),
                self.inbox,
                lambda _, outcome: outcomes.append(outcome),
                by="backfill",
                looked_up=True,
            )
            if changed_ms is not None:
                self.status.note(account.id, **{CHAT_DONE: changed_ms})
        return whole

    def _failed(self, account: Account, error: ConnectorError, now: datetime) -> None:
        until = min(max(error.until or now, now + EVERY), now + WAIT_LONGEST)
        self.status.note(account.id, **{CHAT_NEXT: epoch_ms(until)})
        # Where there are no keys, X may have no X Chat for the account.
        level = logging.WARNING if self.has_keys(account.id) else logging.INFO
        facts = {"account": account.id, "reason": error.reason, "detail": error.detail}
        log.log(level, "chat_backfill_failed", extra=facts)
