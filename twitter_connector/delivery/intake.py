"""Stores verified events and messages in their lanes: once each, as received, in one round trip to the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twitter_connector.messages.text import fingerprint
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.event import CHAT, DM, READ, TYPING, RawEvent, order_of
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import ShowTyping
from twitter_connector.model.usage import DM_RECEIVED
from twitter_connector.model.work import Direction, EchoSeen, Effect, Entry, TypingIndicator, Used

from .payload import event_payload, message_payload, report_payload
from .ports import InboxPort

# Suffixes of lanes. Reports to CIM, and what a customer has read, do not wait behind the conversation's messages.
REPORTS = "~reports"
# What an agent has read does not wait behind them either. The name is 0.1.0's.
READ_MARKS = "~signs"
# Events without readable ids. A worker finds each of them unreadable, and it becomes a dead letter.
UNREADABLE = "~unreadable"


def take_in_activities(
    raw_events: Iterable[RawEvent],
    inbox: InboxPort,
    count: Callable[[str, str], None],
    *,
    looked_up: bool = False,
) -> None:
    """Store the events that are to be delivered, atomically. Raises StoreUnavailable; then nothing was stored.

    count: called with (family, accepted | duplicate | ignored) for each event. looked_up: they came by look-up.
    """
    items: list[Effect] = []
    families = []
    billed: list[Effect] = []
    for raw_event in raw_events:
        item = _effect(raw_event, looked_up=looked_up)
        if item is None:
            count(raw_event.family, "ignored")
            if raw_event.family == CHAT and raw_event.id and not raw_event.own:
                # X bills encrypted messages too, which become no message here.
                billed.append(Used(raw_event.account_id, DM_RECEIVED, raw_event.id))
        else:
            items.append(item)
            families.append(raw_event.family)
    if not items and not billed:
        return
    new = inbox.accept([*items, *billed])
    for family, fresh in zip(families, new, strict=False):
        count(family, "accepted" if fresh else "duplicate")


def _effect(raw_event: RawEvent, *, looked_up: bool) -> Effect | None:
    if not raw_event.readable:
        return _entry(raw_event, UNREADABLE, f"{raw_event.family}:{raw_event.id}")
    if raw_event.family == DM and raw_event.own:
        return _echo(raw_event)
    if raw_event.family == DM:
        return _entry(raw_event, raw_event.customer_id, f"dm:{raw_event.id}", looked_up=looked_up)
    if raw_event.family == TYPING and not raw_event.own:
        return TypingIndicator(Direction.IN, raw_event.account_id, raw_event.customer_id, event_payload(raw_event))
    if raw_event.family == READ and not raw_event.own:
        return _entry(raw_event, raw_event.customer_id + REPORTS, f"read:{raw_event.customer_id}:{raw_event.id}")
    return None


def _entry(raw_event: RawEvent, lane: str, entry_id: str, *, looked_up: bool = False) -> Entry:
    payload, order = event_payload(raw_event), order_of(raw_event)
    return Entry(Direction.IN, raw_event.account_id, lane, entry_id, payload, order, looked_up=looked_up)


def _echo(raw_event: RawEvent) -> EchoSeen:
    digest = fingerprint(raw_event.text, raw_event.links)
    return EchoSeen(raw_event.account_id, raw_event.customer_id, raw_event.id, raw_event.created_ms, digest)


def message_entry(message: CimMessage) -> Entry | TypingIndicator:
    """Return what is stored of a message from CCM: a typing indicator, or an outbound entry."""
    payload = message_payload(message)
    account_id, customer_id = message.header.account_id, message.header.customer_id
    if message.type == "NOTIFICATION" and isinstance(to_plan(message), ShowTyping):
        return TypingIndicator(Direction.OUT, account_id, customer_id, payload)
    lane = customer_id + READ_MARKS if message.type == "DELIVERYNOTIFICATION" else customer_id
    return Entry(Direction.OUT, account_id, lane, message.id, payload)


def report_entry(report: CimMessage) -> Entry:
    """Return the inbound entry for a delivery notification of ours."""
    lane = report.header.customer_id + REPORTS
    return Entry(Direction.IN, report.header.account_id, lane, f"report:{report.id}", report_payload(report))


def take_in_message(message: CimMessage, inbox: InboxPort) -> bool:
    """Store a message from CCM and return whether it was new. Raises StoreUnavailable; then it was not stored."""
    return inbox.accept([message_entry(message)])[0]
