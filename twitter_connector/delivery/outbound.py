"""Deliver one CIM message to X, step by step, and report the outcome to CIM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.errors import ConnectorError, Endpoint, Permanent, Retryable
from twitter_connector.messages.kinds.comment import is_private
from twitter_connector.messages.kinds.delivery_report import delivered, failed
from twitter_connector.messages.kinds.reply_quote import quoted_id, with_quote
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.account import Account
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.message import CimMessage
from twitter_connector.model.message_log import DELIVERED, READ, LogLine, NotLogged
from twitter_connector.model.plan import ActOnPost, MarkRead, Plan, PostPlan, ShowTyping, Skip
from twitter_connector.model.posts import Posts
from twitter_connector.model.work import (
    AgentMessage,
    Direction,
    Effect,
    Lease,
    QuoteForgotten,
)

from .app_share import AppShare
from .chat_outbound import ChatOutbound, ChatStep
from .consumer import UNASKED, Attempt, log_line
from .intake import READ_MARKS, dm_entry_id, report_entry
from .intake import with_quote as with_quote_kept
from .limits import Endpoints
from .media import MediaTransfer
from .ports import CommentsPort, ConversationsPort, FailoverPort, SendLedgerPort, SendRecordPort, TwitterFor
from .public_answers import PublicAnswers, refuse_if_off
from .reply_quote import ReplyQuotes
from .send_step import SendStep
from .send_tools import SendTools
from .sent_lookup import SentLookups

log = logging.getLogger(__name__)

# For the agent, of a reply that was given up before X could be asked whether it has it.
_IN_DOUBT = (
    "X did not confirm its last send, so it may have reached the customer all the same. "
    "Look at the conversation before you send it again."
)
# When to look again for a message that an agent reads before CCM has taken all of it.
DELIVERY_AWAITED = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=60))


def not_registered(account_id: str, waiting_since: datetime) -> Account:
    """Raise Permanent `unknown_account` at once: for installations and tests without a CCM to ask."""
    raise Permanent(
        "unknown_account",
        f"X account {account_id} is not registered with the connector. Register it with "
        "POST /webhook/twitter/register-and-subscribe, then replay the dead letter.",
        ours=True,
    )


@dataclass
class OutboundRoute:
    """The way from CIM to X. public_base: where customers reach the file engine, for links; None: nowhere.

    send_only_account: called with the id of an account that is not registered, and since when a message of it has
    waited; returns the account or raises (accounts/send_only.py). echoes_arrive: returns whether the account's webhook
    or stream works, so that its own messages come back. can: returns what the account's X API can carry. may_look_up:
    returns whether the account may spend money on a quote. app_share: divides X's limit of an app among its accounts.
    failovers: returns the failovers of the broker since a moment as one, or None. service_ahead: returns by how
    much the clock is ahead of X's. chat: replies to customers who wrote encrypted. comments: what is
    known of public posts. posts_for: those of an account at X.
    """

    account: Callable[[str], Account | None]
    twitter_for: TwitterFor
    media_transfer: MediaTransfer
    conversations: ConversationsPort
    ledger: SendLedgerPort
    record_of: Callable[..., SendRecordPort]
    endpoints: Endpoints
    clock: Callable[[], datetime]
    skipped: Callable[[str], None]
    public_base: str | None = None
    send_only_account: Callable[[str, datetime], Account] = not_registered
    echoes_arrive: Callable[[Account], bool] = lambda _: False
    failovers: Callable[[datetime], FailoverPort | None] = lambda accepted_at: None
    sent_lookups: SentLookups[Any] = field(default_factory=SentLookups)
    post_lookups: SentLookups[Any] = field(default_factory=SentLookups)
    can: Callable[[Account], Capabilities] = lambda account: EVERYTHING
    may_look_up: Callable[[Account], bool] = lambda account: True
    app_share: AppShare | None = None
    service_ahead: Callable[[], timedelta] = timedelta
    chat: ChatOutbound | None = None
    comments: CommentsPort | None = None
    posts_for: Callable[[Account], Posts] | None = None

    def deliver(self, attempt: Attempt) -> Sequence[Effect]:
        lease, message = attempt.lease, _message(attempt)
        account = self.account(lease.account_id)
        encrypted = self._goes_encrypted(account, message, lease)
        plan = self._plan(message, account, encrypted=encrypted)
        if account is None and not isinstance(plan, Skip):
            account = self.send_only_account(lease.account_id, lease.accepted_at)
            plan = self._plan(message, account)
        if account is None or isinstance(plan, Skip):
            reason = plan.reason if isinstance(plan, Skip) else ""
            self.skipped(reason)
            log.info("message_skipped", extra={"reason": reason, "cim_id": message.id})
            return (NotLogged(lease.direction, lease.account_id, lease.customer_id, lease.entry_id),)
        attempt.account, attempt.kind = account, message.type
        if message.in_public:
            refuse_if_off(message, account)
        if isinstance(plan, PostPlan | ActOnPost):
            effects = self._public_answers.carry_out(attempt, message, plan, account)
            return (*effects, *self._delivered(attempt, message))
        return self._carry_out(attempt, message, plan, account, encrypted=encrypted)

    def _carry_out(
        self, attempt: Attempt, message: CimMessage, plan: Plan | MarkRead, account: Account, *, encrypted: bool
    ) -> Sequence[Effect]:
        lease = attempt.lease
        twitter = self.twitter_for(account)
        if isinstance(plan, MarkRead):
            return self._mark_read(lease, message, plan, account)
        known = self.ledger.steps(lease.account_id, message.id, lease.ledger)
        if encrypted:
            self._chat.begin(lease, message)
        elif quoted_id(message):
            plan = with_quote(message, self._reply_quotes.above(attempt, message, twitter, begun=bool(known)))
        if not known:
            customer, scheduling = message.header.customer_id, message.header.scheduling
            if plan.asked is not None or lease.question != "":
                self.conversations.ask(lease.account_id, customer, plan.asked)
            if scheduling is not None:
                self.ledger.keep_scheduling(lease.account_id, customer, message.id, scheduling)
        attempt.sent = [done.dm_id for _, done in sorted(known.items()) if done.dm_id]
        attempt.sent_before = len(attempt.sent)
        settling: list[Effect] = []
        for number, step in enumerate(plan.steps):
            done = known.get(number)
            if done is None or not done.dm_id:
                if self.app_share is not None and not encrypted and (done is None or not done.started_ms):
                    self.app_share.check(account)
                last = number == len(plan.steps) - 1
                parts = (self._tools, lease, message, number, step, account, twitter, settling if last else None)
                sender = SendStep(*parts)
                if encrypted:
                    answered = "" if number else self._chat.answered(message)
                    sender = ChatStep(*parts, chat=self._chat, answered=answered)
                attempt.sent.append(sender.perform(done))
        # X reports what a customer has read of Direct Messages only.
        last_dm = "" if encrypted else max(filter(str.isdecimal, attempt.sent), key=int, default="")
        return (*settling, *self._delivered(attempt, message, last_dm))

    def _delivered(self, attempt: Attempt, message: CimMessage, last_dm: str = "") -> Sequence[Effect]:
        attempt.begun_at = attempt.lease.accepted_at
        line = replace(log_line(attempt, DELIVERED), kind=message.type)
        return (report_entry(delivered(message, self.clock()), last_dm), *_forgotten(message), line)

    @property
    def _chat(self) -> ChatOutbound:
        assert self.chat is not None, "only what the chat takes goes encrypted"
        return self.chat

    def _goes_encrypted(self, account: Account | None, message: CimMessage, lease: Lease | None = None) -> bool:
        chat = None if message.in_public and not is_private(message) else self.chat
        return chat is not None and account is not None and chat.takes(account, message, lease)

    def _plan(
        self, message: CimMessage, account: Account | None, *, encrypted: bool = False
    ) -> Plan | PostPlan | ActOnPost | MarkRead | Skip:
        can = self._chat.can if encrypted else EVERYTHING if account is None else self.can(account)
        plan = to_plan(message, public_base=self.public_base, can=can)
        return Skip("typing_too_late") if isinstance(plan, ShowTyping) else plan

    def deliver_typing(self, message: CimMessage) -> None:
        """Show the customer that the agent is typing. Raises a ConnectorError if X does not show it."""
        account = self.account(message.header.account_id)
        if account is None:
            return
        encrypted = self._goes_encrypted(account, message)
        can = self._chat.can if encrypted else self.can(account)
        if not isinstance(to_plan(message, can=can), ShowTyping):
            return
        writer = self._chat.messages(account) if encrypted else self.twitter_for(account)
        with self.endpoints.using(account.id, Endpoint.TYPING):
            try:
                writer.show_typing(message.header.customer_id)
            except ConnectorError as error:
                self.endpoints.note(account.id, error)
                raise

    def is_signal(self, attempt: Attempt) -> bool:
        work = attempt.decoded
        if isinstance(work, AgentMessage):
            return work.message.type == "DELIVERYNOTIFICATION"
        return attempt.lease.lane.endswith(READ_MARKS)

    def given_up(self, attempt: Attempt, error: ConnectorError) -> Sequence[Effect]:
        message = _message(attempt)
        if error.reason in {*UNASKED, "unknown_account"} and self._may_have_arrived(attempt.lease, message):
            error = error.extended(_IN_DOUBT)
        return (report_entry(failed(message, error, self.clock())), *_forgotten(message))

    def _may_have_arrived(self, lease: Lease, message: CimMessage) -> bool:
        steps = self.ledger.steps(lease.account_id, message.id, lease.ledger)
        return any(step.started_ms and not step.dm_id for step in steps.values())

    def replayable(self, attempt: Attempt) -> str:
        # The quote is part of what the customer may have received already; the rest has to fit it.
        quote = self._reply_quotes.decided(_message(attempt))
        return attempt.lease.payload if quote is None else with_quote_kept(attempt.lease.payload, quote)

    def message_id(self, attempt: Attempt) -> str:
        return attempt.lease.entry_id

    @property
    def _public_answers(self) -> PublicAnswers:
        assert self.comments is not None
        assert self.posts_for is not None
        return PublicAnswers(self._tools, self.comments, self.conversations, self.posts_for, self.twitter_for)

    @property
    def _reply_quotes(self) -> ReplyQuotes:
        return ReplyQuotes(self.ledger, self.conversations, self.clock, self.may_look_up)

    @property
    def _tools(self) -> SendTools:
        return SendTools(
            self.ledger,
            self.media_transfer,
            self.record_of,
            self.clock,
            self.service_ahead,
            self.sent_lookups,
            self.post_lookups,
            self.endpoints,
            self.echoes_arrive,
            self.failovers,
        )

    def _await_delivery(self, lease: Lease) -> None:
        """Raise Retryable while a message that an agent has read may still be on its way to CCM.

        Which message of X it was is stored when CCM has answered, and has the files of the same message too.
        """
        now = self.clock()
        until = next((at for at in (lease.accepted_at + wait for wait in DELIVERY_AWAITED) if at > now), None)
        if until is not None:
            raise Retryable("message_under_way", "CCM has not answered for the message that was read.", until=until)

    def _mark_read(self, lease: Lease, message: CimMessage, plan: MarkRead, account: Account) -> Sequence[Effect]:
        event_id = self.conversations.event_of(lease.account_id, plan.message_id)
        if event_id is None:
            self._await_delivery(lease)
            self.skipped("read_of_unknown_message")
            return ()
        if self.comments is not None and self.comments.thread_of(account.id, event_id) is not None:
            self.skipped("not_in_public")
            return ()
        place = self.chat.place_of(account.id, event_id) if self.chat is not None else None
        with self.endpoints.using(lease.account_id, Endpoint.MARK_READ):
            if place is None:
                self.twitter_for(account).mark_read(message.header.customer_id, event_id)
            else:
                self._chat.messages(account).mark_read(message.header.customer_id, place)
        return (LogLine(Direction.IN, lease.account_id, dm_entry_id(event_id), READ),)


def _message(attempt: Attempt) -> CimMessage:
    assert isinstance(attempt.work, AgentMessage)
    return attempt.work.message


def _forgotten(message: CimMessage) -> tuple[QuoteForgotten, ...]:
    return (QuoteForgotten(message.header.account_id, message.id),) if quoted_id(message) else ()
