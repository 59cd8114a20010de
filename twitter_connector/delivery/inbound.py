"""Deliver one event of X, or one of our own reports, to CIM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from twitter_connector.cim.envelope import dump_message
from twitter_connector.errors import ConnectorError, LeaseLost, ServiceUnavailable
from twitter_connector.messages.to_cim import (
    kind_of,
    may_be_choice,
    media_note,
    message_id,
    named_question,
    to_cim,
    typing_notice,
)
from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatReceived
from twitter_connector.model.event import Activity, CustomerTyping, DmRead, DmReceived, PostEvent
from twitter_connector.model.message import CimMessage, MediaPart
from twitter_connector.model.message_log import DELIVERED, NameSeen, NotLogged
from twitter_connector.model.plan import Asked, Skip
from twitter_connector.model.post import PostDeleted, PostReceived
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import (
    CustomerNamed,
    Effect,
    Lease,
    Link,
    QuestionClosed,
    Report,
    TwitterEvent,
)

from .chat_inbound import ChatInbound
from .consumer import Attempt, log_line
from .customer_names import CustomerNames
from .customer_reads import read_before, read_by_customer
from .intake import REPORTS
from .media import MediaTransfer, waited_enough
from .ports import CimPort, ConversationsPort, SendLedgerPort, SendRecordPort
from .posts_inbound import PostsInbound

log = logging.getLogger(__name__)

# A typing indicator that takes longer than this is not worth a thread.
TYPING_SECONDS = 2.0


@dataclass
class InboundRoute:
    """The way from X to CIM.

    skipped: called with the reason if an event becomes no message. lease_is_valid: asked right before each post; a
    process that was suspended in between would otherwise post behind later messages. names: of customers whose events
    have none. chat: reads encrypted messages. posts: finds threads.
    """

    cim: CimPort
    account: Callable[[str], Account | None]
    media_transfer: MediaTransfer
    conversations: ConversationsPort
    ledger: SendLedgerPort
    record_of: Callable[..., SendRecordPort]
    clock: Callable[[], datetime]
    skipped: Callable[[str], None]
    lease_is_valid: Callable[[Lease], bool] = lambda _: True
    names: CustomerNames | None = None
    chat: ChatInbound | None = None
    posts: PostsInbound | None = None

    def deliver(self, attempt: Attempt) -> Sequence[Effect]:
        lease, work = attempt.lease, attempt.work
        if isinstance(work, Report):
            self._post(lease, work.message)
            return read_before(lease, work, self.ledger, self.clock())
        assert isinstance(work, TwitterEvent)
        if isinstance(work.activity, DmRead):
            return read_by_customer(work.activity, self.ledger, self.clock())
        activity, effects = self._opened(work.activity, lease)
        if isinstance(activity, Skip):
            return (*self._skipped(lease, activity), *effects)
        named, seen = self._named(activity, lease)
        made = to_cim(named, self._asked(lease, activity))
        if isinstance(made, Skip):
            return self._skipped(lease, made)
        assert isinstance(activity, DmReceived | PostReceived | PostDeleted)
        attempt.kind = kind_of(made)
        self._post_all(attempt, activity, made)
        attempt.begun_at = lease.accepted_at if isinstance(activity, PostDeleted) else activity.created_at
        cim_ids = tuple(message.id for message in made)
        links = [Link(lease.account_id, cim_id, activity.event_id) for cim_id in cim_ids]
        line = replace(log_line(attempt, DELIVERED), kind=attempt.kind, cim_ids=cim_ids)
        if isinstance(activity, DmReceived) and lease.question != "":
            effects = (QuestionClosed(lease.account_id, activity.customer_id, lease.question), *effects)
        screen_name = "" if isinstance(activity, PostDeleted) else activity.sender.screen_name
        return (*links, *seen, line, NameSeen(lease.account_id, activity.customer_id, screen_name), *effects)

    def deliver_typing(self, activity: Activity) -> None:
        """Show the agent that the customer is typing. Raises a ConnectorError if CCM does not take it."""
        if isinstance(activity, CustomerTyping):
            self.cim.post_message(dump_message(typing_notice(activity)), seconds=TYPING_SECONDS)

    def is_signal(self, attempt: Attempt) -> bool:
        work, lease = attempt.decoded, attempt.lease
        if isinstance(work, Report):
            body = work.message.get("body") if isinstance(work.message, Mapping) else None
            return isinstance(body, Mapping) and body.get("status") == "READ"
        return lease.lane.endswith(REPORTS) and lease.entry_id.startswith("read:")

    def given_up(self, attempt: Attempt, error: ConnectorError) -> Sequence[Effect]:
        return ()

    def replayable(self, attempt: Attempt) -> str:
        return attempt.lease.payload

    def message_id(self, attempt: Attempt) -> str:
        # By the entry's id: a dead letter may be unreadable.
        kind, _, entry_id = attempt.lease.entry_id.partition(":")
        return entry_id if kind == "report" else message_id(attempt.lease.account_id, entry_id)

    def _opened(self, activity: Activity, lease: Lease) -> tuple[Activity | Skip, Sequence[Effect]]:
        """Return the event, an encrypted message as what it becomes, and the effects of settling that."""
        if self.posts is not None and isinstance(activity, PostEvent):
            return self.posts.placed(activity, lease.accepted_at)
        if self.chat is None:
            return activity, ()
        if isinstance(activity, ChatReceived):
            return self.chat.opened(activity, lease)
        return activity, self.chat.way_of(activity, lease) if isinstance(activity, DmReceived) else ()

    def _skipped(self, lease: Lease, skip: Skip) -> Sequence[Effect]:
        self.skipped(skip.reason)
        log.info("message_skipped", extra={"reason": skip.reason})
        return (NotLogged(lease.direction, lease.account_id, lease.customer_id, lease.entry_id),)

    def _named(self, activity: Activity, lease: Lease) -> tuple[Activity, Sequence[Effect]]:
        """Return the event with the customer's name, and what stores a name that the event has itself."""
        if self.names is None or not isinstance(activity, DmReceived | PostReceived):
            return activity, ()
        if activity.sender.name or activity.sender.screen_name:
            return activity, (CustomerNamed(lease.account_id, activity.sender),)
        if isinstance(activity, PostReceived):
            return activity, ()
        return self.names.named(activity, self.account(lease.account_id)), ()

    def _post_all(
        self, attempt: Attempt, activity: DmReceived | PostEvent, made: Sequence[CimMessage | MediaPart]
    ) -> None:
        """Post the parts in their order; those that an earlier try posted are not posted again."""
        lease = attempt.lease
        several = len(made) > 1
        done = self.ledger.steps(lease.account_id, lease.entry_id) if several else {}
        for number, part in enumerate(made):
            if number in done:
                continue
            message = part
            if isinstance(part, MediaPart):
                attempt.account = self.account(lease.account_id)
                message = self._brought_in(part, attempt)
                attempt.kind = message.type
            assert isinstance(message, CimMessage)
            self._post(lease, dump_message(message))
            facts = {"cim_id": message.id, "type": message.type, "tries": lease.tries + 1}
            log.info("posted_to_ccm", extra=facts)
            if several:
                step = self.record_of(started_ms=epoch_ms(self.clock()), dm_id=activity.event_id)
                if not self.ledger.write(lease, lease.entry_id, number, step):
                    raise LeaseLost

    def _brought_in(self, part: MediaPart, attempt: Attempt) -> CimMessage:
        try:
            return self.media_transfer.bring_in(part, attempt.account)
        except ServiceUnavailable as error:
            missing = waited_enough(error, attempt.lease, self.clock())
            if missing is None:
                raise
            log.warning("file_not_awaited", extra={"reason": error.reason, "detail": error.detail})
            return media_note(part, missing)

    def _post(self, lease: Lease, message: Mapping[str, Any]) -> None:
        if not self.lease_is_valid(lease):
            raise LeaseLost
        self.cim.post_message(message)

    def _asked(self, lease: Lease, activity: Activity) -> Asked | None:
        if not isinstance(activity, DmReceived):
            return None
        question = named_question(activity)
        if question is None and may_be_choice(activity):
            if lease.question is None:
                return self.conversations.open_one(activity.account_id, activity.customer_id)
            # One that was asked since then is no question that this message answers.
            question = lease.question
        return self.conversations.named(activity.account_id, question) if question else None
