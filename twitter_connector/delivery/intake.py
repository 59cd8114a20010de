"""Verified work -> lanes, once each, kept as received so that it can be replayed. One round trip to the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from twitter_connector.cim.envelope import dump_message
from twitter_connector.errors import Permanent
from twitter_connector.messages.text import fingerprint
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.event import DM, READ, TYPING, Piece, order_of
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import ShowTyping
from twitter_connector.model.work import FLASH, Direction, EchoSeen, Entry, Flash, Item
from twitter_connector.twitter.v1.events import load

from .ports import InboxPort

# Made once: json.dumps would make one on every call.
encoded = json.JSONEncoder(separators=(",", ":")).encode

# Work about a conversation that must not wait behind its messages: reports to CIM.
REPORTS = "~reports"
# What an agent has read.
SIGNS = "~signs"
# Events whose ids could not be read; each gets to a worker, fails there by name, and becomes a dead letter.
UNREADABLE = "~unreadable"


def take_in_activities(
    pieces: Iterable[Piece],
    inbox: InboxPort,
    ring: Callable[[str], None],
    count: Callable[[str, str], None],
) -> None:
    """Store what is to be delivered, atomically. Raises StoreUnavailable, and then nothing was stored.

    count: told (family, accepted | duplicate | ignored) for each activity.
    """
    items: list[Item] = []
    families = []
    for piece in pieces:
        item = _item(piece)
        if item is None:
            count(piece.family, "ignored")
        else:
            items.append(item)
            families.append(piece.family)
    if not items:
        return
    new, bells = inbox.accept(items)
    for direction in bells:
        ring(direction)
    if any(fresh and isinstance(item, Flash) for fresh, item in zip(new, items, strict=True)):
        ring(FLASH)
    for family, fresh in zip(families, new, strict=True):
        count(family, "accepted" if fresh else "duplicate")


def _item(piece: Piece) -> Item | None:
    if not piece.readable:
        return _entry(piece, UNREADABLE, f"{piece.family}:{piece.id}")
    if piece.family == DM and piece.own:
        return _echo(piece)
    if piece.family == DM:
        return _entry(piece, piece.customer_id, f"dm:{piece.id}")
    if piece.family == TYPING and not piece.own:
        return Flash(Direction.IN, piece.account_id, piece.customer_id, _payload(piece))
    if piece.family == READ and not piece.own:
        return _entry(piece, piece.customer_id + REPORTS, f"read:{piece.customer_id}:{piece.id}")
    return None


def _entry(piece: Piece, lane: str, entry_id: str) -> Entry:
    return Entry(Direction.IN, piece.account_id, lane, entry_id, _payload(piece), order_of(piece))


def _payload(piece: Piece) -> str:
    return encoded({"activity": piece.envelope})


def _echo(piece: Piece) -> EchoSeen | Entry:
    try:
        activity = load(piece.envelope)
    except Permanent:
        return _entry(piece, UNREADABLE, f"{piece.family}:{piece.id}")
    text: str = getattr(activity, "text", "")
    digest = fingerprint(text, getattr(activity, "links", ()))
    return EchoSeen(piece.account_id, piece.customer_id, piece.id, piece.created_ms, digest)


def message_item(message: CimMessage) -> Entry | Flash:
    """Return what a CIM message from CCM becomes: an outbound entry, or a flash where it is a sign of typing.

    What an agent has read goes beside the conversation's messages, so that neither waits for the other.
    """
    payload = encoded({"message": dump_message(message)})
    account_id, customer_id = message.header.account_id, message.header.customer_id
    if message.type == "NOTIFICATION" and isinstance(to_plan(message), ShowTyping):
        return Flash(Direction.OUT, account_id, customer_id, payload)
    lane = customer_id + SIGNS if message.type == "DELIVERYNOTIFICATION" else customer_id
    return Entry(Direction.OUT, account_id, lane, message.id, payload)


def report_entry(report: CimMessage) -> Entry:
    """Return the inbound entry for a delivery notification of ours."""
    payload = encoded({"message": dump_message(report)})
    lane = report.header.customer_id + REPORTS
    return Entry(Direction.IN, report.header.account_id, lane, f"report:{report.id}", payload)


def take_in_message(message: CimMessage, inbox: InboxPort, ring: Callable[[str], None]) -> bool:
    """Store a message from CCM. Return whether it was new. Raises StoreUnavailable, and then it was not stored."""
    item = message_item(message)
    new, bells = inbox.accept([item])
    for direction in bells:
        ring(direction)
    if new[0] and isinstance(item, Flash):
        ring(FLASH)
    return new[0]


def work_in(payload: str) -> dict[str, Any]:
    """Return what an entry holds: {"activity": …} or {"message": …}."""
    found: dict[str, Any] = json.loads(payload)
    return found
