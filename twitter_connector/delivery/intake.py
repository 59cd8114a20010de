"""Stores verified events and messages in their lanes, once each, in one round trip to the broker; and reads them back.

A lane stores JSON that says what it is: it has a version ("v") and a "kind"; events also have the "flavour" of X's API
that sent them. The keys of 0.1.0 ("activity", "message", "quote") are still there, and what 0.1.0 stored is read too:
old and new processes can share a broker.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twitter_connector.cim.envelope import dump_message, load_dumped, load_message
from twitter_connector.errors import Permanent, Retryable
from twitter_connector.messages.kinds.comment import is_private
from twitter_connector.messages.registry import IGNORED
from twitter_connector.messages.text import fingerprint
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.account import V1
from twitter_connector.model.chat import CHAT
from twitter_connector.model.event import DM, READ, TYPING, Activity, RawEvent, order_of
from twitter_connector.model.message import CimMessage
from twitter_connector.model.message_log import Arrival
from twitter_connector.model.plan import ShowTyping
from twitter_connector.model.post import OFF, POST, POST_DELETED, takes_in
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.usage import DM_RECEIVED
from twitter_connector.model.work import (
    COMMENTS,
    AgentMessage,
    Direction,
    EchoSeen,
    Effect,
    Entry,
    Report,
    TwitterEvent,
    TypingIndicator,
    Used,
    Work,
)

from .ports import InboxPort

log = logging.getLogger(__name__)

VERSION = 1
EVENT, MESSAGE, REPORT = "event", "message", "report"

# Reads an event in full, given its envelope and flavour. Raises Permanent(unreadable_event).
ReadEvent = Callable[[Mapping[str, Any], str], Activity]

# Reuse one encoder; json.dumps creates one for each call.
_encode = json.JSONEncoder(separators=(",", ":")).encode

# Suffixes of lanes. Reports to CIM, and what a customer has read, do not wait behind the conversation's messages.
REPORTS = "~reports"
# What an agent has read does not wait behind them either. The name is 0.1.0's.
READ_MARKS = "~signs"
# Events without readable ids. A worker finds each of them unreadable, and it becomes a dead letter.
UNREADABLE = "~unreadable"
# Types of CIM messages that no customer sees.
NOT_LOGGED = frozenset({"NOTIFICATION", *IGNORED})


def take_in_activities(
    raw_events: Iterable[RawEvent],
    inbox: InboxPort,
    count: Callable[[str, str], None],
    *,
    by: str = "webhook",
    looked_up: bool = False,
    posts: Callable[[str], str] = lambda account_id: OFF,
) -> None:
    """Store the events that are to be delivered, atomically. Raises StoreUnavailable; then nothing was stored.

    count: called with (family, accepted | duplicate | ignored) for each event. by: how they came, for the message log:
    webhook, poll, stream or backfill. looked_up: they came by look-up. posts: returns which public posts an account
    takes in; see model/post.
    """
    items: list[Effect] = []
    families = []
    billed: list[Effect] = []
    for raw_event in raw_events:
        item = _effect(raw_event, by, posts, looked_up=looked_up)
        if item is None:
            count(raw_event.family, "ignored")
            if raw_event.family == CHAT and raw_event.id and not raw_event.own:
                # X bills encrypted messages of groups too, which become no message here.
                billed.append(Used(raw_event.account_id, DM_RECEIVED, raw_event.id))
        else:
            items.append(item)
            families.append(raw_event.family)
    if not items and not billed:
        return
    new = inbox.accept([*items, *billed])
    for family, fresh in zip(families, new, strict=False):
        count(family, "accepted" if fresh else "duplicate")


def _effect(raw_event: RawEvent, by: str, posts: Callable[[str], str], *, looked_up: bool) -> Effect | None:
    if raw_event.family in (POST, POST_DELETED):
        return _post(raw_event, by, posts, looked_up=looked_up)
    if raw_event.family == DM and raw_event.readable and not raw_event.customer_id:
        facts = {"account": raw_event.account_id, "dm_id": raw_event.id, "by": by}
        log.info("group_message_ignored", extra=facts)
        return None
    if not raw_event.readable:
        arrival = _arrival(raw_event, by) if raw_event.family == DM else None
        return _entry(raw_event, UNREADABLE, f"{raw_event.family}:{raw_event.id}", arrival)
    if raw_event.family == DM and raw_event.own:
        return _echo(raw_event)
    if raw_event.family == DM or (raw_event.family == CHAT and raw_event.customer_id and not raw_event.own):
        arrival = _arrival(raw_event, by)
        return _entry(raw_event, raw_event.customer_id, dm_entry_id(raw_event.id), arrival, looked_up=looked_up)
    if raw_event.family == TYPING and not raw_event.own:
        return TypingIndicator(Direction.IN, raw_event.account_id, raw_event.customer_id, event_payload(raw_event))
    if raw_event.family == READ and not raw_event.own:
        return _entry(raw_event, raw_event.customer_id + REPORTS, f"read:{raw_event.customer_id}:{raw_event.id}")
    return None


def _entry(
    raw_event: RawEvent, lane: str, entry_id: str, arrival: Arrival | None = None, *, looked_up: bool = False
) -> Entry:
    return Entry(
        Direction.IN,
        raw_event.account_id,
        lane,
        entry_id,
        event_payload(raw_event),
        order_of(raw_event),
        looked_up=looked_up,
        arrival=arrival,
    )


def _post(raw_event: RawEvent, by: str, posts: Callable[[str], str], *, looked_up: bool) -> Entry | None:
    if raw_event.own or not raw_event.id:
        return None
    # A customer's comments are one conversation at CIM. X's deletions name no thread.
    mode, lane = posts(raw_event.account_id), raw_event.customer_id + COMMENTS
    if raw_event.family == POST_DELETED:
        return _entry(raw_event, lane, f"post-deleted:{raw_event.id}") if mode != OFF else None
    if not takes_in(mode, raw_event.addressed):
        return None
    return _entry(raw_event, lane, f"post:{raw_event.id}", _arrival(raw_event, by), looked_up=looked_up)


def dm_entry_id(event_id: str) -> str:
    """Return the id of the entry of a Direct Message that X sent."""
    return f"dm:{event_id}"


def _arrival(raw_event: RawEvent, by: str) -> Arrival:
    # Its kind is known when a worker has read it in full.
    return Arrival(by, raw_event.created_ms)


def _echo(raw_event: RawEvent) -> EchoSeen:
    digest = fingerprint(raw_event.text, raw_event.links)
    return EchoSeen(raw_event.account_id, raw_event.customer_id, raw_event.id, raw_event.created_ms, digest)


def message_entry(message: CimMessage) -> Entry | TypingIndicator:
    """Return what is stored of a message from CCM: a typing indicator, or an outbound entry."""
    payload = message_payload(message)
    account_id, customer_id = message.header.account_id, message.header.customer_id
    if message.type == "NOTIFICATION" and isinstance(to_plan(message), ShowTyping):
        return TypingIndicator(Direction.OUT, account_id, customer_id, payload)
    if message.type == "DELIVERYNOTIFICATION":
        return Entry(Direction.OUT, account_id, customer_id + READ_MARKS, message.id, payload)
    # A private reply is a Direct Message.
    lane = customer_id + COMMENTS if message.in_public and not is_private(message) else customer_id
    return Entry(Direction.OUT, account_id, lane, message.id, payload, arrival=_arrival_from_ccm(message))


def _arrival_from_ccm(message: CimMessage) -> Arrival | None:
    """Return what the message log notes of a message from CCM; None if it is not for the customer."""
    if message.type in NOT_LOGGED:
        return None
    written_at = message.header.timestamp
    return Arrival("ccm", 0 if written_at is None else epoch_ms(written_at), message.type)


def report_entry(report: CimMessage, x_id: str = "") -> Entry:
    """Return the inbound entry for a delivery notification of ours. x_id: see Report."""
    lane = report.header.customer_id + REPORTS
    return Entry(Direction.IN, report.header.account_id, lane, f"report:{report.id}", report_payload(report, x_id))


def take_in_message(message: CimMessage, inbox: InboxPort) -> bool:
    """Store a message from CCM and return whether it was new. Raises StoreUnavailable; then it was not stored."""
    return inbox.accept([message_entry(message)])[0]


def event_payload(event: RawEvent) -> str:
    """Return the payload of an event, its envelope as received."""
    return _encode({"activity": event.envelope, "v": VERSION, "kind": EVENT, "flavour": event.flavour})


def message_payload(message: CimMessage) -> str:
    """Return the payload of an agent's message. It names no flavour: the account's is looked up when it is sent."""
    return _encode({"message": dump_message(message), "v": VERSION, "kind": MESSAGE})


def report_payload(report: CimMessage, x_id: str = "") -> str:
    """Return the payload of a delivery notification of ours. x_id: see Report."""
    named = {"x_id": x_id} if x_id else {}
    return _encode({"message": dump_message(report), "v": VERSION, "kind": REPORT, **named})


def with_quote(payload: str, quote: str) -> str:
    """Return the payload of a reply, with the quote that stands above it."""
    return _encode({**json.loads(payload), "quote": quote})


def decode(payload: str, direction: Direction, read_event: ReadEvent) -> Work:
    """Return what an entry of this direction is.

    Raises Permanent(unreadable_event, unreadable_entry), and Retryable for an entry of a later version.
    """
    stored = json.loads(payload)
    if stored.get("v", VERSION) > VERSION:
        raise Retryable(
            "entry_of_later_version",
            "A later version of the connector stored this message. It waits until a worker of that version takes it.",
            ours=True,
        )
    kind = stored.get("kind")
    match kind or _kind_of_0_1_0(stored, direction):
        case "event":
            return TwitterEvent(read_event(stored["activity"], stored.get("flavour", V1)))
        case "message":
            quote = stored.get("quote")
            message = (load_dumped if kind else load_message)(stored["message"])
            return AgentMessage(message, quote if isinstance(quote, str) else None)
        case "report":
            return Report(stored["message"], stored.get("x_id", ""))
    raise Permanent("unreadable_entry", "The stored message is of an unknown kind.", ours=True)


def _kind_of_0_1_0(stored: Mapping[str, Any], direction: Direction) -> str:
    if "activity" in stored:
        return EVENT
    return REPORT if direction is Direction.IN else MESSAGE
