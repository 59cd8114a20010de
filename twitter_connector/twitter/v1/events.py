"""One activity of an Account Activity payload (v1.1, and v2 in the same shape), read in full, in a worker.

`pieces.py` has cut it out before, while Twitter waited.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from twitter_connector.errors import Permanent
from twitter_connector.model.event import (
    DM,
    READ,
    TYPING,
    AccessRevoked,
    Activity,
    CustomerTyping,
    DmEchoed,
    DmRead,
    DmReceived,
    Link,
    Media,
    Person,
    Place,
    QuickReplyAnswer,
    UnknownActivity,
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


def load(envelope: Mapping[str, Any]) -> Activity:
    """Return the one activity of an envelope that `pieces` cut. Raises Permanent(unreadable_event)."""
    try:
        return _load(envelope)
    except ValidationError as error:
        where = ", ".join(_paths(error.normalized_messages()))  # type: ignore[no-untyped-call]
        raise Permanent(
            "unreadable_event", f"Twitter's event is not of the documented shape (at {where}).", ours=True
        ) from None
    except OverflowError:
        raise Permanent("unreadable_event", "Twitter's event names a moment beyond all calendars.", ours=True) from None


def _load(envelope: Mapping[str, Any]) -> Activity:
    account_id = envelope.get("for_user_id", "")
    people = envelope.get("users") or {}
    if DM in envelope:
        event = _dm.load(envelope[DM][0])
        return _direct_message(event, account_id, people)
    for family, kind in ((READ, DmRead), (TYPING, CustomerTyping)):
        if family in envelope:
            event = _signal.load(envelope[family][0])
            sender = event["sender_id"]
            at = moment(event["created_timestamp"])
            if kind is DmRead:
                if not event["last_read_event_id"]:
                    raise ValidationError({"last_read_event_id": ["Missing data for required field."]})
                account = event["target"]["recipient_id"]
                return DmRead(account, sender, event["last_read_event_id"], at, _person(people, sender))
            return CustomerTyping(event["target"]["recipient_id"], sender, at, _person(people, sender))
    if "user_event" in envelope:
        revoke = _mapping(_mapping(envelope["user_event"]).get("revoke"))
        source, target = _mapping(revoke.get("source")), _mapping(revoke.get("target"))
        return AccessRevoked(id_text(source.get("user_id")), id_text(target.get("app_id")))
    return UnknownActivity(next(iter(envelope), ""))


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
