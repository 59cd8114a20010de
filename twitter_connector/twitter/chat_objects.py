"""X Chat's events as X delivers them: encrypted messages, of which only ids and moments can be read without keys.

https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.model.chat import CHAT, CHAT_FLAVOUR, ChatReceived
from twitter_connector.model.event import RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.timestamps import id_ms, moment

# X writes the ids of both users with a colon in events and with a hyphen in paths.
_ONE_TO_ONE = re.compile(r"(\d{1,19})[:-](\d{1,19})")
_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
# What a worker needs of an event. The conversation token stays outside: it is a credential, and nothing here uses it.
_FIELDS = ("created_at_msec", "sender_id", "conversation_id", "encoded_event")
# Fields at the head of an encrypted event: github.com/xdevplatform/chat-xdk.
_SEQUENCE_ID, _MESSAGE_ID, _SENDER_ID, _CONVERSATION_ID, _CREATED_AT = 1, 2, 3, 4, 6
KEY_CHANGE = "conversation_key_change_event"
# An id that X gave within this time of the event's moment is an id of X's that contains its moment.
_NEAR_MS = 86_400_000


def chat_event(body: Mapping[str, Any], account_id: str, path_account_id: str) -> RawEvent:
    """Return an encrypted message with the ids its lane needs.

    account_id: the subscribed account; "" if X does not name it: then the participants decide. The event has no
    customer if it is of a group, or names no sender.
    """
    sender = id_text(body.get("sender_id"))
    pair = _ONE_TO_ONE.fullmatch(str(body.get("conversation_id") or ""))
    account_id = account_id or _account_of(pair, sender, path_account_id)
    event_id = _id_of(body)
    if not sender or pair is None or account_id not in pair.groups():
        return RawEvent(CHAT, account_id, "", event_id)
    sequence_id = sequence_of(body)
    created_ms = _created_ms(body, sequence_id)
    own = sender == account_id
    peer = pair[2] if pair[1] == account_id else pair[1]
    kept = {name: body[name] for name in (*_FIELDS, KEY_CHANGE) if isinstance(body.get(name), str | int)}
    return RawEvent(
        CHAT,
        account_id,
        peer,
        event_id,
        created_ms,
        own,
        envelope={"for_user_id": account_id, CHAT: {**kept, "id": event_id, "sequence_id": sequence_id}},
        flavour=CHAT_FLAVOUR,
        order_id=_order_id(sequence_id, created_ms),
    )


def load(envelope: Mapping[str, Any]) -> ChatReceived:
    """Return the encrypted message of an envelope of `chat_event`. Raises Permanent(unreadable_event)."""
    body = mapping_of(envelope.get(CHAT))
    account_id, sender = id_text(envelope.get("for_user_id")), id_text(body.get("sender_id"))
    sequence_id = id_text(body.get("sequence_id"))
    if not account_id or not sender or not body.get("id"):
        raise Permanent("unreadable_event", "The stored X Chat event names no sender or no id.", ours=True)
    return ChatReceived(
        account_id=account_id,
        customer_id=sender,
        event_id=str(body["id"]),
        created_at=moment(_created_ms(body, sequence_id)),
        conversation_id=":".join(_pair(account_id, sender)),
        sequence_id=sequence_id,
        encoded=str(body.get("encoded_event") or ""),
        key_change=str(body.get(KEY_CHANGE) or ""),
    )


def _pair(one: str, other: str) -> list[str]:
    return sorted((one, other), key=int)


def _account_of(pair: re.Match[str] | None, sender: str, path_account_id: str) -> str:
    """Return the account of an event without a filter: the path's account if it takes part, else the recipient."""
    if pair is None or path_account_id in pair.groups():
        return path_account_id
    return pair[2] if sender == pair[1] else pair[1]


def _id_of(body: Mapping[str, Any]) -> str:
    """Return the event's id; without a usable one, a digest of the encrypted event."""
    event_id = str(body.get("id") or "")
    if _EVENT_ID.fullmatch(event_id):
        return event_id
    return hashlib.sha256(str(body.get("encoded_event") or "").encode()).hexdigest()[:32]


def history_event(row: Mapping[str, Any], account_id: str) -> RawEvent | None:
    """Return an event of a conversation's history as X would have delivered it; None without the id it has then."""
    encoded = str(row.get("encoded_event") or "")
    head = _head_of(encoded)
    if not (event_id := head.get(_MESSAGE_ID)):
        return None
    body = {
        "id": event_id,
        "sequence_id": head.get(_SEQUENCE_ID),
        "sender_id": id_text(row.get("sender_id")) or head.get(_SENDER_ID),
        "conversation_id": head.get(_CONVERSATION_ID),
        "created_at_msec": head.get(_CREATED_AT),
        "encoded_event": encoded,
    }
    return chat_event(body, account_id, account_id)


def sequence_of(body: Mapping[str, Any]) -> str:
    """Return X's place of an event in its conversation, from the body or the head of the encrypted event; "" without
    one."""
    return id_text(body.get("sequence_id")) or sequence_in(str(body.get("encoded_event") or ""))


def sequence_in(encoded: str) -> str:
    """Return the sequence id at the head of an encrypted event, which is not encrypted itself; "" without one.

    The event is a Thrift structure whose first field is the sequence id as text.
    """
    try:
        head = base64.b64decode(encoded[:36], validate=True)
    except (binascii.Error, ValueError):
        return ""
    if head[:3] != b"\x0b\x00\x01":
        return ""
    return id_text(head[7 : 7 + int.from_bytes(head[3:7])].decode("ascii", "replace"))


def _head_of(encoded: str) -> Mapping[int, str]:
    """Return the texts at the head of an encrypted event by field number, which are not encrypted; {} without any."""
    try:
        data = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return {}
    texts, at = {}, 0
    # Each field is a type, a number of two bytes, a length of four, and so many bytes.
    while data[at : at + 1] == b"\x0b":
        number, size = int.from_bytes(data[at + 1 : at + 3]), int.from_bytes(data[at + 3 : at + 7])
        if at + 7 + size > len(data):
            break
        texts[number] = data[at + 7 : at + 7 + size].decode("utf-8", "replace")
        at += 7 + size
    return texts


def _created_ms(body: Mapping[str, Any], sequence_id: str) -> int:
    """Return the moment of an event in epoch ms: its own, else the one inside its sequence id; 0 without either."""
    created = str(body.get("created_at_msec") or "")
    if created.isascii() and created.isdecimal() and len(created) < 14:
        return int(created)
    return id_ms(sequence_id) if len(sequence_id) > 15 else 0


def _order_id(sequence_id: str, created_ms: int) -> str:
    """Return the id that places the event among the customer's Direct Messages; "" to go by its moment."""
    return sequence_id if sequence_id and abs(id_ms(sequence_id) - created_ms) < _NEAR_MS else ""
