"""Stores verified events and messages in their lanes: once each, as received, in one round trip to the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twitter_connector.messages.registry import IGNORED
from twitter_connector.messages.text import fingerprint
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.event import CHAT, DM, READ, TYPING, RawEvent, order_of
from twitter_connector.model.message import CimMessage
from twitter_connector.model.message_log import Arrival
from twitter_connector.model.plan import ShowTyping
from twitter_connector.model.timestamps import epoch_ms
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
# Types of CIM messages that no customer sees.
NOT_LOGGED = frozenset({"NOTIFICATION", *IGNORED})


def take_in_activities(
    raw_events: Iterable[RawEvent],
    inbox: InboxPort,
    count: Callable[[str, str], None],
    *,
    by: str = "webhook",
    looked_up: bool = False,
) -> None:
    """Store the events that are to be delivered, atomically. Raises StoreUnavailable; then nothing was stored.

    count: called with (family, accepted | duplicate | ignored) for each event. by: how they came, for the message log:
    webhook, poll, stream or backfill. looked_up: they came by look-up.
    """
    items: list[Effect] = []
    families = []
    billed: list[Effect] = []
    for raw_event in raw_events:
        item = _effect(raw_event, by, looked_up=looked_up)
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


def _effect(raw_event: RawEvent, by: str, *, looked_up: bool) -> Effect | None:
    if not raw_event.readable:
        arrival = _arrival(raw_event, by) if raw_event.family == DM else None
        return _entry(raw_event, UNREADABLE, f"{raw_event.family}:{raw_event.id}", arrival)
    if raw_event.family == DM and raw_event.own:
        return _echo(raw_event)
    if raw_event.family == DM:
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
    return Entry(Direction.OUT, account_id, customer_id, message.id, payload, arrival=_arrival_from_ccm(message))


def _arrival_from_ccm(message: CimMessage) -> Arrival | None:
    """Return what the message log notes of a message from CCM; None if it is not for the customer."""
    if message.type in NOT_LOGGED:
        return None
    written_at = message.header.timestamp
    return Arrival("ccm", 0 if written_at is None else epoch_ms(written_at), message.type)


def report_entry(report: CimMessage) -> Entry:
    """Return the inbound entry for a delivery notification of ours."""
    lane = report.header.customer_id + REPORTS
    return Entry(Direction.IN, report.header.account_id, lane, f"report:{report.id}", report_payload(report))


def take_in_message(message: CimMessage, inbox: InboxPort) -> bool:
    """Store a message from CCM and return whether it was new. Raises StoreUnavailable; then it was not stored."""
    return inbox.accept([message_entry(message)])[0]
