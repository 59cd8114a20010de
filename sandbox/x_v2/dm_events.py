"""Direct Messages as the lookups of API v2 show them: `data`, `includes` and the fields that were asked for."""

from dataclasses import dataclass
from typing import Any

from sandbox.people import Directory
from sandbox.snowflake import created_ms
from sandbox.twitter.dm import Dm, MessageContext, message_data
from sandbox.twitter.media import Media
from sandbox.x_v2.problems import invalid
from sandbox.x_v2.times import iso
from sandbox.x_v2.users import shown_user

FIELDS = frozenset({"attachments", "created_at", "dm_conversation_id", "entities", "event_type", "id", "text"})
# The documentation has these too; the OpenAPI document does not.
DOCUMENTED_FIELDS = frozenset({"sender_id", "participant_ids", "referenced_tweets"})
EXPANSIONS = frozenset(
    {"attachments.media_keys", "participant_ids", "referenced_posts", "referenced_tweets.id", "sender_id"}
)
MEDIA_FIELDS = frozenset(
    {
        "alt_text",
        "duration_ms",
        "height",
        "media_key",
        "non_public_metrics",
        "organic_metrics",
        "preview_image_url",
        "promoted_metrics",
        "public_metrics",
        "type",
        "url",
        "variants",
        "width",
    }
)
_PREFIX = {"photo": "3", "animated_gif": "16", "video": "7"}


@dataclass(frozen=True)
class Asked:
    """What a caller wants to see."""

    fields: frozenset[str]
    expansions: frozenset[str]
    user_fields: str
    media_fields: frozenset[str]


def asked_for(arguments: dict[str, str], *, sender_id_known: bool) -> Asked:
    """Read the query. Raises Problem 400 that names the unknown value."""
    known = FIELDS | DOCUMENTED_FIELDS if sender_id_known else FIELDS
    return Asked(
        values_of(arguments, "dm_event.fields", known) | {"id", "text", "event_type"},
        values_of(arguments, "expansions", EXPANSIONS),
        arguments.get("user.fields", ""),
        values_of(arguments, "media.fields", MEDIA_FIELDS) | {"media_key", "type"},
    )


def conversation_id(one_id: str, other_id: str) -> str:
    """Return the id of a one-to-one conversation: both ids, the smaller number first."""
    return "-".join(sorted((one_id, other_id), key=int))


def media_key(media: Media) -> str:
    """Return the media key of an upload."""
    return f"{_PREFIX[media.kind]}_{media.id}"


class DmEvents:
    """Shows messages."""

    def __init__(self, directory: Directory, context: MessageContext) -> None:
        self._directory = directory
        self._context = context

    def page(self, dms: list[Dm], asked: Asked) -> dict[str, Any]:
        """Return `data` and `includes` of some messages, without keys that would be empty."""
        body: dict[str, Any] = {}
        if dms:
            body["data"] = [self._event(dm, asked) for dm in dms]
        includes: dict[str, Any] = {}
        user_ids: dict[str, None] = {}
        for dm in dms:
            if "sender_id" in asked.expansions:
                user_ids[dm.sender_id] = None
            if "participant_ids" in asked.expansions:
                user_ids |= {dm.sender_id: None, dm.recipient_id: None}
        users = [user for user_id in user_ids if (user := self._directory.users.get(user_id))]
        if users:
            includes["users"] = [shown_user(user, asked.user_fields) for user in users]
        if "attachments.media_keys" in asked.expansions:
            media = [self._media(dm, attached, asked) for dm in dms if (attached := self._attached(dm))]
            if media:
                includes["media"] = media
        return {**body, **({"includes": includes} if includes else {})}

    def _event(self, dm: Dm, asked: Asked) -> dict[str, Any]:
        data = message_data(dm, self._context)
        attached = self._attached(dm)
        shown = {
            "id": dm.id,
            "sender_id": dm.sender_id,
            "text": data["text"],
            "created_at": iso(created_ms(dm.id) / 1000),
            "event_type": "MessageCreate",
            "dm_conversation_id": conversation_id(dm.sender_id, dm.recipient_id),
            "participant_ids": [dm.sender_id, dm.recipient_id],
            "attachments": {"media_keys": [media_key(attached)]} if attached else None,
            "entities": v2_entities(data["entities"]),
        }
        # The expansion brings the field with it.
        names = asked.fields | ({"sender_id"} if "sender_id" in asked.expansions else set())
        names |= {"attachments"} if "attachments.media_keys" in asked.expansions else set()
        return {name: value for name, value in shown.items() if name in names and value}

    def _attached(self, dm: Dm) -> Media | None:
        return self._context.find_media(dm.media_id) if dm.media_id else None

    def _media(self, dm: Dm, media: Media, asked: Asked) -> dict[str, Any]:
        shown = shown_media(media, message_data(dm, self._context)["attachment"]["media"])
        return {name: value for name, value in shown.items() if name in asked.media_fields}


def shown_media(media: Media, entity: dict[str, Any]) -> dict[str, Any]:
    """Return an upload as an entry of `includes.media`. entity: its media entity of API v1.1."""
    width, height = media.shown_size
    shown: dict[str, Any] = {
        "media_key": media_key(media),
        "type": media.kind,
        "width": width,
        "height": height,
        "alt_text": media.alt_text,
    }
    if media.kind == "photo":
        shown["url"] = entity["media_url_https"]
    else:
        shown["preview_image_url"] = entity["media_url_https"]
        shown["variants"] = [_variant(variant) for variant in entity["video_info"]["variants"]]
        shown["duration_ms"] = entity["video_info"].get("duration_millis")
    return {name: value for name, value in shown.items() if value is not None}


def _variant(variant: dict[str, Any]) -> dict[str, Any]:
    rate = {"bit_rate": variant["bitrate"]} if "bitrate" in variant else {}
    return {**rate, "content_type": variant["content_type"], "url": variant["url"]}


def v2_entities(entities: dict[str, Any]) -> dict[str, Any]:
    """Return v1.1 entities in the shape of v2, without the empty ones."""

    def at(entity: dict[str, Any]) -> dict[str, int]:
        return {"start": entity["indices"][0], "end": entity["indices"][1]}

    urls = [
        {**at(url), **{name: url[name] for name in ("url", "expanded_url", "display_url")}} for url in entities["urls"]
    ]
    mentions = [
        {**at(user), "username": user["screen_name"], "id": user["id_str"]} for user in entities["user_mentions"]
    ]
    shown = {
        "urls": urls,
        "mentions": mentions,
        "hashtags": [{**at(tag), "tag": tag["text"]} for tag in entities["hashtags"]],
        "cashtags": [{**at(tag), "tag": tag["text"]} for tag in entities["symbols"]],
    }
    return {name: entities for name, entities in shown.items() if entities}


def values_of(arguments: dict[str, str], name: str, known: frozenset[str]) -> frozenset[str]:
    """Return the comma separated values of a parameter. Raises Problem 400 that names an unknown one."""
    values = frozenset(filter(None, arguments.get(name, "").split(",")))
    for value in sorted(values - known):
        message = f"The `{name}` query parameter value [{value}] is not one of [{','.join(sorted(known))}]"
        raise invalid(message, **{name.replace(".", "__"): value})
    return values
