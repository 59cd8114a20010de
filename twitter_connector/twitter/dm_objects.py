"""X's Direct Message objects, which Account Activity (v1.1 and v2) and the X Activity API share.

`raw_event` reads only what a lane needs to know, while X waits for an answer. `direct_message` and `signal` read an
event in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

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
    Media,
    Person,
    Place,
    QuickReplyAnswer,
    RawEvent,
    Variant,
    id_text,
)
from twitter_connector.model.timestamps import moment

# Twitter adds fields without notice; that must never stop a message.
_LENIENT = EXCLUDE


class _Id(fields.Field[str]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        found = id_text(value)
        if not found:
            raise ValidationError("Not a Twitter id.")
        return found


class _Lenient(Schema):
    class Meta:
        unknown = _LENIENT


class _UrlSchema(_Lenient):
    url = fields.String(load_default="", allow_none=True)
    expanded_url = fields.String(load_default="", allow_none=True)


class _EntitiesSchema(_Lenient):
    urls = fields.List(fields.Nested(_UrlSchema), load_default=list, allow_none=True)


class _VariantSchema(_Lenient):
    url = fields.String(required=True)
    content_type = fields.String(load_default="")
    bitrate = fields.Integer(load_default=None, allow_none=True)


class _VideoInfoSchema(_Lenient):
    variants = fields.List(fields.Nested(_VariantSchema), load_default=list)
    duration_millis = fields.Integer(load_default=None, allow_none=True)


class _MediaSchema(_Lenient):
    id_str = fields.String(load_default="")
    type = fields.String(load_default="")
    url = fields.String(load_default="")
    media_url_https = fields.String(load_default="")
    media_url = fields.String(load_default="")
    video_info = fields.Nested(_VideoInfoSchema, load_default=None, allow_none=True)


class _AttachmentSchema(_Lenient):
    type = fields.String(load_default="")
    media = fields.Nested(_MediaSchema, load_default=None, allow_none=True)
    location = fields.Dict(load_default=None, allow_none=True)


class _MessageDataSchema(_Lenient):
    text = fields.String(load_default="", allow_none=True)
    entities = fields.Nested(_EntitiesSchema, load_default=None, allow_none=True)
    attachment = fields.Nested(_AttachmentSchema, load_default=None, allow_none=True)
    quick_reply_response = fields.Dict(load_default=None, allow_none=True)


class _TargetSchema(_Lenient):
    recipient_id = _Id(required=True)


class _MessageCreateSchema(_Lenient):
    sender_id = _Id(required=True)
    target = fields.Nested(_TargetSchema, required=True)
    source_app_id = fields.Raw(load_default=None, allow_none=True)
    message_data = fields.Nested(_MessageDataSchema, required=True)


class _DmSchema(_Lenient):
    id = _Id(required=True)
    created_timestamp = fields.Integer(load_default=None, allow_none=True)
    initiated_via = fields.Dict(load_default=None, allow_none=True)
    message_create = fields.Nested(_MessageCreateSchema, required=True)


class _SignalSchema(_Lenient):
    created_timestamp = fields.Integer(load_default=0)
    sender_id = _Id(required=True)
    target = fields.Nested(_TargetSchema, required=True)
    last_read_event_id = _Id(load_default="")


_dm, _signal = _DmSchema(), _SignalSchema()


def raw_event(family: str, event: object, account_id: str, users: Mapping[str, Any]) -> RawEvent:
    """Return one event of a family (DM, TYPING or READ) with the ids its lane needs, and the text of an own message.

    users: X's map of profiles.
    """
    fields = _mapping(event)
    body = _mapping(fields.get("message_create")) if family == DM else fields
    sender, app_id = id_text(body.get("sender_id")), id_text(body.get("source_app_id"))
    recipient = id_text(_mapping(body.get("target")).get("recipient_id"))
    event_id = id_text(fields.get("id" if family == DM else "last_read_event_id"))
    created = _milliseconds(fields.get("created_timestamp"))
    own = sender == account_id
    text, links = _words(body.get("message_data")) if family == DM and own else ("", ())
    envelope = {"for_user_id": account_id, family: [event], "users": _only(users, sender, recipient)}
    complete = sender and recipient and (event_id or family == TYPING)
    if not complete or text is None or (own and created is None):
        digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
        return RawEvent(family, account_id, "", digest, created or 0, readable=False, envelope=envelope)
    if family != DM and not own:
        # A published sample has a for_user_id that is neither of the two: sender and target decide.
        account_id = recipient
    customer_id = recipient if own else sender
    return RawEvent(
        family, account_id, customer_id, event_id, created or 0, own, app_id, text=text, links=links, envelope=envelope
    )


def _milliseconds(stamp: object) -> int | None:
    """Return a moment of X's in epoch ms, 0 where there is none; None where it is not a moment."""
    text = str(stamp or "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _words(data: object) -> tuple[str | None, tuple[Link, ...]]:
    """Return text and links of a `message_data`; (None, ()) where it is not one."""
    text = data.get("text") or "" if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(text, str):
        return None, ()
    urls = _mapping(data.get("entities")).get("urls")
    entities = [_mapping(url) for url in urls] if isinstance(urls, list) else []
    pairs = [(entity.get("url"), entity.get("expanded_url")) for entity in entities]
    return text, tuple(
        Link(short, expanded if isinstance(expanded, str) and expanded else short)
        for short, expanded in pairs
        if isinstance(short, str) and short
    )


def load(envelope: Mapping[str, Any]) -> DmReceived | DmEchoed | DmRead | CustomerTyping | None:
    """Return the event of a stored envelope, read in full; None where it holds none of these families.

    Raises Permanent(unreadable_event).
    """
    try:
        return _load(envelope)
    except ValidationError as error:
        where = ", ".join(_paths(error.normalized_messages()))  # type: ignore[no-untyped-call]
        raise unreadable(f"X's event is not of the documented shape (at {where}).") from None
    except OverflowError:
        raise unreadable("X's event names a moment beyond all calendars.") from None


def unreadable(detail: str) -> Permanent:
    """Return the error for an event that cannot be read."""
    return Permanent("unreadable_event", detail, ours=True)


def _load(envelope: Mapping[str, Any]) -> DmReceived | DmEchoed | DmRead | CustomerTyping | None:
    account_id = envelope.get("for_user_id", "")
    people = _mapping(envelope.get("users"))
    if DM in envelope:
        return _direct_message(_dm.load(envelope[DM][0]), account_id, people)
    family = next((f for f in (READ, TYPING) if f in envelope), None)
    if family is None:
        return None
    event = _signal.load(envelope[family][0])
    customer_id, account_id = event["sender_id"], event["target"]["recipient_id"]
    at, sender = moment(event["created_timestamp"]), _person(people, customer_id)
    if family == TYPING:
        return CustomerTyping(account_id, customer_id, at, sender)
    if not event["last_read_event_id"]:
        raise ValidationError({"last_read_event_id": ["Missing data for required field."]})
    return DmRead(account_id, customer_id, event["last_read_event_id"], at, sender)


def _direct_message(event: Mapping[str, Any], account_id: str, people: Mapping[str, Any]) -> DmReceived | DmEchoed:
    create, data = event["message_create"], event["message_create"]["message_data"]
    sender, recipient = create["sender_id"], create["target"]["recipient_id"]
    own = sender == account_id
    stamp = event["created_timestamp"]
    urls = (data["entities"] or {}).get("urls") or []
    common: dict[str, Any] = {
        "account_id": account_id,
        "customer_id": recipient if own else sender,
        "event_id": event["id"],
        # The id holds the moment too, should the field ever be missing.
        "created_at": moment(stamp if stamp is not None else (int(event["id"]) >> 22) + 1288834974657),
        "text": data["text"] or "",
        "links": tuple(Link(u["url"], u["expanded_url"] or u["url"]) for u in urls if u["url"]),
        "source_app_id": str(create["source_app_id"]) if create["source_app_id"] is not None else None,
    }
    if own:
        return DmEchoed(**common)
    attachment = data["attachment"] or {}
    via = event["initiated_via"] or {}
    answer = data["quick_reply_response"]
    return DmReceived(
        **common,
        sender=_person(people, sender),
        media=_media(attachment["media"]) if attachment.get("media") else None,
        place=_place(attachment["location"]) if attachment.get("location") else None,
        answer=QuickReplyAnswer(_text(answer.get("metadata"))) if answer is not None else None,
        welcome_message_id=_text(via.get("welcome_message_id")),
        prompt_tweet_id=_text(via.get("tweet_id")),
    )


def _media(media: Mapping[str, Any]) -> Media:
    info = media["video_info"] or {"variants": [], "duration_millis": None}
    return Media(
        id=media["id_str"],
        kind=media["type"],
        url=media["media_url_https"] or media["media_url"],
        link=media["url"],
        variants=tuple(Variant(v["url"], v["content_type"], v["bitrate"]) for v in info["variants"]),
        duration_ms=info["duration_millis"],
    )


def _place(location: Mapping[str, Any]) -> Place:
    point = _mapping(location.get("shared_coordinate"))
    # GeoJSON: longitude first.
    pair = _mapping(point.get("coordinates")).get("coordinates")
    longitude, latitude = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
    place = _mapping(_mapping(location.get("shared_place")).get("place"))
    return Place(
        latitude=float(latitude) if isinstance(latitude, int | float) else None,
        longitude=float(longitude) if isinstance(longitude, int | float) else None,
        name=str(place.get("full_name") or place.get("name") or ""),
        address=str(_mapping(place.get("attributes")).get("street_address") or ""),
        place_id=str(place.get("id") or ""),
    )


def _person(people: Mapping[str, Any], user_id: str) -> Person:
    user = people.get(user_id)
    if not isinstance(user, Mapping):
        return Person(user_id)
    return Person(user_id, str(user.get("name") or ""), str(user.get("screen_name") or ""))


def _only(users: Mapping[str, Any], *ids: str) -> dict[str, Any]:
    """Return the names of these users; no more of a profile is stored."""
    kept = ("id", "name", "screen_name")
    return {i: {k: users[i][k] for k in kept if k in users[i]} for i in ids if isinstance(users.get(i), Mapping)}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _paths(messages: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    for key, value in messages.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{path}.")
        else:
            yield path
