"""X's Direct Message objects, which Account Activity (v1.1 and v2) and the X Activity API share.

`raw_event` reads only what a lane needs to know, while X waits for an answer. `direct_message` and `signal` read an
event in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.model.event import (
    DM,
    READ,
    TYPING,
    CustomerTyping,
    DmEchoed,
    DmRead,
    DmReceived,
    Link,
    Person,
    QuickReplyAnswer,
    RawEvent,
    id_text,
)
from twitter_connector.model.json_fields import integer_of, mapping_of, mappings_in, text_of
from twitter_connector.model.timestamps import LAST_MS, id_ms, moment

from .dm_attachments import attached


def raw_event(family: str, event: object, account_id: str, users: Mapping[str, Any]) -> RawEvent:
    """Return one event of a family (DM, TYPING or READ) with the ids its lane needs, and the text of an own message.

    users: X's map of profiles.
    """
    fields = mapping_of(event)
    body = mapping_of(fields.get("message_create")) if family == DM else fields
    sender, app_id = id_text(body.get("sender_id")), id_text(body.get("source_app_id"))
    recipient = id_text(mapping_of(body.get("target")).get("recipient_id"))
    event_id = id_text(fields.get("id" if family == DM else "last_read_event_id"))
    created = _milliseconds(fields, event_id)
    own = sender == account_id
    text, links = _words(body.get("message_data")) if family == DM and own else ("", ())
    envelope = {"for_user_id": account_id, family: [event], "users": _only(users, sender, recipient)}
    complete = sender and recipient and (event_id or family == TYPING)
    if not complete or text is None:
        digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
        return RawEvent(family, account_id, "", digest, created, readable=False, envelope=envelope)
    if family != DM and not own:
        # A published sample has a for_user_id that is neither of the two: sender and target decide.
        account_id = recipient
    customer_id = recipient if own else sender
    return RawEvent(
        family, account_id, customer_id, event_id, created, own, app_id, text=text, links=links, envelope=envelope
    )


def _milliseconds(event: Mapping[str, Any], event_id: str) -> int:
    """Return the moment of an event in epoch ms: its own, else the one inside its id; 0 where neither can be read."""
    ms = integer_of(event.get("created_timestamp"))
    if ms is not None and 0 <= ms <= LAST_MS:
        return ms
    return min(id_ms(event_id), LAST_MS) if event_id else 0


def _words(data: object) -> tuple[str | None, tuple[Link, ...]]:
    """Return text and links of a `message_data`; (None, ()) where it is not one."""
    text = (data.get("text") or "") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(text, str):
        return None, ()
    pairs = [
        (text_of(url.get("url")), text_of(url.get("expanded_url")))
        for url in mappings_in(mapping_of(data.get("entities")), "urls")
    ]
    return text, tuple(Link(short, expanded or short) for short, expanded in pairs if short)


def load(envelope: Mapping[str, Any]) -> DmReceived | DmEchoed | DmRead | CustomerTyping | None:
    """Return the event of a stored envelope, read in full; None where it holds none of these families.

    Sender, recipient, id and text are enough. Any other field that is missing, null or of another type is left out.
    Raises Permanent(unreadable_event).
    """
    account_id, people = envelope.get("for_user_id", ""), mapping_of(envelope.get("users"))
    family = next((family for family in (DM, READ, TYPING) if family in envelope), None)
    if family is None:
        return None
    event = mapping_of(envelope[family][0])
    if family == DM:
        return _direct_message(event, account_id, people)
    customer_id, account_id = _id(event, "sender_id"), _id(event, "target", "recipient_id")
    read_id = _id(event, "last_read_event_id") if family == READ else ""
    at, sender = moment(_milliseconds(event, read_id)), _person(people, customer_id)
    if family == TYPING:
        return CustomerTyping(account_id, customer_id, at, sender)
    return DmRead(account_id, customer_id, read_id, at, sender)


def unreadable(detail: str) -> Permanent:
    """Return the error for an event that cannot be read."""
    return Permanent("unreadable_event", detail, ours=True)


def _direct_message(event: Mapping[str, Any], account_id: str, people: Mapping[str, Any]) -> DmReceived | DmEchoed:
    event_id = _id(event, "id")
    sender, recipient = (
        _id(event, "message_create", "sender_id"),
        _id(event, "message_create", "target", "recipient_id"),
    )
    create = mapping_of(event.get("message_create"))
    data = mapping_of(create.get("message_data"))
    text, links = _words(create.get("message_data"))
    if text is None:
        raise _missing("message_create", "message_data", "text")
    own = sender == account_id
    common: dict[str, Any] = {
        "account_id": account_id,
        "customer_id": recipient if own else sender,
        "event_id": event_id,
        "created_at": moment(_milliseconds(event, event_id)),
        "text": text,
        "links": links,
        "source_app_id": id_text(create.get("source_app_id")) or None,
    }
    if own:
        return DmEchoed(**common)
    attachment, via = mapping_of(data.get("attachment")), mapping_of(event.get("initiated_via"))
    answer = data.get("quick_reply_response")
    metadata = mapping_of(answer).get("metadata")
    return DmReceived(
        **common,
        sender=_person(people, sender),
        **(attached(attachment) if attachment else {}),
        answer=QuickReplyAnswer(text_of(metadata) if metadata else metadata) if isinstance(answer, Mapping) else None,
        welcome_message_id=text_of(via.get("welcome_message_id")) or None,
        prompt_tweet_id=text_of(via.get("tweet_id")) or None,
    )


def _person(people: Mapping[str, Any], user_id: str) -> Person:
    user = mapping_of(people.get(user_id))
    return Person(user_id, text_of(user.get("name")), text_of(user.get("screen_name")))


def _only(users: Mapping[str, Any], *ids: str) -> dict[str, Any]:
    """Return the names of these users; no more of a profile is stored."""
    kept = ("id", "name", "screen_name")
    return {i: {k: users[i][k] for k in kept if k in users[i]} for i in ids if isinstance(users.get(i), Mapping)}


def _id(event: Mapping[str, Any], *path: str) -> str:
    """Return the id at this path. Raises Permanent(unreadable_event) where there is none."""
    value: object = event
    for name in path:
        value = mapping_of(value).get(name)
    if not (identifier := id_text(value)):
        raise _missing(*path)
    return identifier


def _missing(*path: str) -> Permanent:
    return unreadable(f"X's event is not of the documented shape (at {'.'.join(path)}).")
