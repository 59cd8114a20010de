"""Direct Messages as the look-ups of API v2 return them, in the form of X's DM objects.

Polling, backfill, sent look-ups and webhooks then have one reader, and the same message has one id everywhere.

https://docs.x.com/x-api/direct-messages/lookup/introduction
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from twitter_connector.model.event import DM, RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of, text_of
from twitter_connector.model.timestamps import epoch_ms, id_ms

from ..dm_objects import raw_event

log = logging.getLogger(__name__)

# What a look-up asks for. `sender_id` is in X's documentation, and missing from its OpenAPI document since 2.166.
FIELDS = "attachments,created_at,dm_conversation_id,entities,event_type,id,text,sender_id"
FIELDS_WITHOUT_SENDER = FIELDS.removesuffix(",sender_id")
EXPANSIONS = "sender_id,attachments.media_keys"
MEDIA_FIELDS = "media_key,type,url,preview_image_url,variants,duration_ms"
USER_FIELDS = "id,name,username"
_ONE_TO_ONE = re.compile(r"(\d{1,20})-(\d{1,20})")


def page_events(body: Mapping[str, Any], account_id: str) -> list[RawEvent]:
    """Return the messages of one page of a look-up, in its order.

    A message of a group has no customer, and is not taken in. A customer's message without conversation or text is not
    readable, and becomes a dead letter.
    """
    rows = _rows(body)
    includes = mapping_of(body.get("includes"))
    media = {str(m.get("media_key")): m for m in _mappings(includes.get("media"))}
    users = {id_text(u.get("id")): _profile(u) for u in _mappings(includes.get("users"))}
    messages = []
    for row in rows:
        if not isinstance(row, Mapping) or row.get("event_type") not in (None, "MessageCreate"):
            continue
        event_id = id_text(row.get("id"))
        if not event_id:
            log.error("message_without_id", extra={"account": account_id})
            continue
        customer, sender = _customer(row, account_id), id_text(row.get("sender_id"))
        if customer is None and not (row.get("text") or row.get("attachments")):
            continue  # nothing says that it is a message
        if customer or (customer is None and sender != account_id):
            event = _dm_object(row, event_id, account_id, customer or "", media)
            # Whether it can be read or not, its own id tells whether it is new.
            messages.append(replace(raw_event(DM, event, account_id, users), id=event_id))
        else:
            messages.append(RawEvent(DM, account_id, "", event_id, _created_ms(row, event_id), envelope={}))
    return messages


def ids_in(body: Mapping[str, Any]) -> list[str]:
    """Return the ids of all events of a page. X bills each of them, also those that we do not read."""
    return [event_id for row in _mappings(_rows(body)) if (event_id := id_text(row.get("id")))]


def lacks_messages(body: Mapping[str, Any]) -> bool:
    """Return True if a partial answer lacks messages. Errors about an expansion (a user, a file) lack none."""
    errors = body.get("errors")
    rows = errors if isinstance(errors, list) else []
    return any(isinstance(row, Mapping) and row.get("resource_type") in ("dm_event", None) for row in rows)


def _rows(body: Mapping[str, Any]) -> list[Any]:
    events = body.get("data")
    return events if isinstance(events, list) else [events] if isinstance(events, Mapping) else []


def _customer(row: Mapping[str, Any], account_id: str) -> str | None:
    """Return the other party of a message's conversation; "" in another than one-to-one, None where X does not say."""
    if conversation := text_of(row.get("dm_conversation_id")):
        pair = _ONE_TO_ONE.fullmatch(conversation)
        if pair is None or account_id not in pair.groups():
            return ""
        return pair[2] if pair[1] == account_id else pair[1]
    listed = row.get("participant_ids")
    if not isinstance(listed, list) or not listed:
        return None
    others = {id_text(each) for each in [*listed, row.get("sender_id")]} - {account_id, ""}
    return others.pop() if len(others) == 1 else ""


def _dm_object(
    row: Mapping[str, Any], event_id: str, account_id: str, customer: str, media: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a message of a look-up as a DM object. customer: the other party; "" where X does not say, and then the
    object cannot be read."""
    sender, text = id_text(row.get("sender_id")), row.get("text")
    data: dict[str, Any] = {"text": text_of(text) or text or "", "entities": {"urls": _urls(row)}}
    attached = _attached(row, media)
    if attached is not None:
        data["attachment"] = {"type": "media", "media": attached}
    return {
        "type": "message_create",
        "id": event_id,
        "created_timestamp": str(_created_ms(row, event_id)),
        "message_create": {
            "target": {"recipient_id": customer and (customer if sender == account_id else account_id)},
            # Without a sender the message cannot be the account's: only the account's own token names it reliably.
            "sender_id": sender or customer,
            "message_data": data,
        },
    }


def _created_ms(row: Mapping[str, Any], event_id: str) -> int:
    try:
        at = datetime.fromisoformat(str(row.get("created_at")))
    except ValueError:
        return id_ms(event_id)
    return epoch_ms(at) if at.tzinfo else id_ms(event_id)


def _urls(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"url": url.get("url"), "expanded_url": url.get("expanded_url") or url.get("unwound_url")}
        for url in _mappings(mapping_of(row.get("entities")).get("urls"))
        if isinstance(url.get("url"), str)
    ]


def _attached(row: Mapping[str, Any], media: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    keys = mapping_of(row.get("attachments")).get("media_keys")
    if not isinstance(keys, list) or not keys:
        return None
    key = str(keys[0])
    item = media.get(key, {})
    variants = [
        {"url": v.get("url"), "content_type": v.get("content_type") or "", "bitrate": v.get("bit_rate")}
        for v in _mappings(item.get("variants"))
        if isinstance(v.get("url"), str)
    ]
    return {
        "id_str": key.partition("_")[2] or key,
        # Without a description X still says that something is attached; the agent gets a note.
        "type": str(item.get("type") or "attachment"),
        "media_url_https": item.get("url") or item.get("preview_image_url") or "",
        "url": _media_link(row),
        "video_info": {"variants": variants, "duration_millis": item.get("duration_ms")} if variants else None,
    }


def _media_link(row: Mapping[str, Any]) -> str:
    """Return the t.co link that X appends to the text for the attachment."""
    for url in _mappings(mapping_of(row.get("entities")).get("urls")):
        if re.search(r"(twitter|x)\.com/messages/media/\d", str(url.get("expanded_url") or "")):
            return str(url.get("url") or "")
    return ""


def _profile(user: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": user.get("id"), "name": user.get("name"), "screen_name": user.get("username")}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
