"""What a lane stores of an event, a message or a report: JSON that says what it is.

Each payload has a version ("v") and a "kind"; events also have the "flavour" of X's API that sent them. The keys of
0.1.0 ("activity", "message", "quote") are still there, and payloads of 0.1.0 are read too: old and new processes can
share a broker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twitter_connector.cim.envelope import dump_message, load_message
from twitter_connector.errors import Permanent, Retryable
from twitter_connector.model.account import V1
from twitter_connector.model.event import Activity, RawEvent
from twitter_connector.model.message import CimMessage
from twitter_connector.model.work import AgentMessage, Direction, Report, TwitterEvent, Work

VERSION = 1
EVENT, MESSAGE, REPORT = "event", "message", "report"

# Reads an event in full, given its envelope and flavour. Raises Permanent(unreadable_event).
ReadEvent = Callable[[Mapping[str, Any], str], Activity]

# Reuse one encoder; json.dumps creates one for each call.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def event_payload(event: RawEvent) -> str:
    """Return the payload of an event, its envelope as received."""
    return _encode({"activity": event.envelope, "v": VERSION, "kind": EVENT, "flavour": event.flavour})


def message_payload(message: CimMessage) -> str:
    """Return the payload of an agent's message. It names no flavour: the account's is looked up when it is sent."""
    return _encode({"message": dump_message(message), "v": VERSION, "kind": MESSAGE})


def report_payload(report: CimMessage) -> str:
    """Return the payload of a delivery notification of ours."""
    return _encode({"message": dump_message(report), "v": VERSION, "kind": REPORT})


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
    match stored.get("kind") or _kind_of_0_1_0(stored, direction):
        case "event":
            return TwitterEvent(read_event(stored["activity"], stored.get("flavour", V1)))
        case "message":
            quote = stored.get("quote")
            return AgentMessage(load_message(stored["message"]), quote if isinstance(quote, str) else None)
        case "report":
            return Report(stored["message"])
    raise Permanent("unreadable_entry", "The stored message is of an unknown kind.", ours=True)


def _kind_of_0_1_0(stored: Mapping[str, Any], direction: Direction) -> str:
    if "activity" in stored:
        return EVENT
    return REPORT if direction is Direction.IN else MESSAGE
