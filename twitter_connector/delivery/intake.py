"""Verified work -> lanes, once each, kept as received so that it can be replayed. One round trip to the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from twitter_connector.cim.envelope import dump_message
from twitter_connector.messages.text import fingerprint
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.event import DM, READ, TYPING, RawEvent, order_of
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import ShowTyping
from twitter_connector.model.work import Direction, EchoSeen, Effect, Entry, TypingIndicator

from .ports import InboxPort

# Made once: json.dumps would make one on every call.
encoded = json.JSONEncoder(separators=(",", ":")).encode

# Work about a conversation that must not wait behind its messages: reports to CIM.
REPORTS = "~reports"
# What an agent has read.
READ_MARKS = "~signs"
# Events whose ids could not be read; each gets to a worker, fails there by name, and becomes a dead letter.
UNREADABLE = "~unreadable"


def take_in_activities(
    raw_events: Iterable[RawEvent],
    inbox: InboxPort,
    count: Callable[[str, str], None],
) -> None:
    """Store what is to be delivered, atomically. Raises StoreUnavailable, and then nothing was stored.

    count: told (family, accepted | duplicate | ignored) for each activity.
    """
    items: list[Effect] = []
    families = []
    for raw_event in raw_events:
        item = _effect(raw_event)
        if item is None:
            count(raw_event.family, "ignored")
        else:
            items.append(item)
            families.append(raw_event.family)
    if not items:
        return
    new = inbox.accept(items)
    for family, fresh in zip(families, new, strict=True):
        count(family, "accepted" if fresh else "duplicate")


def _effect(raw_event: RawEvent) -> Effect | None:
    if not raw_event.readable:
        return _entry(raw_event, UNREADABLE, f"{raw_event.family}:{raw_event.id}")
    if raw_event.family == DM and raw_event.own:
        return _echo(raw_event)
    if raw_event.family == DM:
        return _entry(raw_event, raw_event.customer_id, f"dm:{raw_event.id}")
    if raw_event.family == TYPING and not raw_event.own:
        return TypingIndicator(Direction.IN, raw_event.account_id, raw_event.customer_id, _payload(raw_event))
    if raw_event.family == READ and not raw_event.own:
        return _entry(raw_event, raw_event.customer_id + REPORTS, f"read:{raw_event.customer_id}:{raw_event.id}")
    return None


def _entry(raw_event: RawEvent, lane: str, entry_id: str) -> Entry:
    return Entry(Direction.IN, raw_event.account_id, lane, entry_id, _payload(raw_event), order_of(raw_event))


def _payload(raw_event: RawEvent) -> str:
    return encoded({"activity": raw_event.envelope})


def _echo(raw_event: RawEvent) -> EchoSeen:
    digest = fingerprint(raw_event.text, raw_event.links)
    return EchoSeen(raw_event.account_id, raw_event.customer_id, raw_event.id, raw_event.created_ms, digest)


def message_entry(message: CimMessage) -> Entry | TypingIndicator:
    """Return what a CIM message from CCM becomes: an outbound entry, or a flash where it is a sign of typing.

    What an agent has read goes beside the conversation's messages, so that neither waits for the other.
    """
    payload = encoded({"message": dump_message(message)})
    account_id, customer_id = message.header.account_id, message.header.customer_id
    if message.type == "NOTIFICATION" and isinstance(to_plan(message), ShowTyping):
        return TypingIndicator(Direction.OUT, account_id, customer_id, payload)
    lane = customer_id + READ_MARKS if message.type == "DELIVERYNOTIFICATION" else customer_id
    return Entry(Direction.OUT, account_id, lane, message.id, payload)


def report_entry(report: CimMessage) -> Entry:
    """Return the inbound entry for a delivery notification of ours."""
    payload = encoded({"message": dump_message(report)})
    lane = report.header.customer_id + REPORTS
    return Entry(Direction.IN, report.header.account_id, lane, f"report:{report.id}", payload)


def take_in_message(message: CimMessage, inbox: InboxPort) -> bool:
    """Store a message from CCM. Return whether it was new. Raises StoreUnavailable, and then it was not stored."""
    return inbox.accept([message_entry(message)])[0]


def work_in(payload: str) -> dict[str, Any]:
    """Return what an entry holds: {"activity": …} or {"message": …}."""
    found: dict[str, Any] = json.loads(payload)
    return found
