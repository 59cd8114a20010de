"""Webhook bodies and stream lines of API v2: the envelope of the X Activity API, and bodies of Account Activity.

Every unencrypted event becomes a `RawEvent` whose envelope has the form of Account Activity, so that one reader loads
them all.

https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from twitter_connector.model.chat import CHAT
from twitter_connector.model.event import DM, READ, TYPING, RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.post import MENTIONS, REPLIES

from .. import account_activity
from ..chat_objects import chat_event
from ..dm_objects import raw_event
from ..post_objects import deletion_event
from ..v2_posts import post_of

log = logging.getLogger(__name__)

# X names its arrays differently in its documents than in its bodies, and has published no body of the last two.
_FAMILIES = (DM, TYPING, READ)
REVOKE = "oauth.revoke"
# Events of posts, and how these address the account.
_POSTS: Mapping[object, tuple[str, ...]] = {"post.mention.create": (MENTIONS,), "post.reply.create": (REPLIES,)}
POST_DELETION = "post.delete"
# An array's entry that lacks what its kind needs. It is counted, and its neighbours are handled.
INCOMPLETE = "incomplete"


def raw_events(payload: Mapping[str, Any], path_account_id: str) -> Iterator[RawEvent]:
    """Yield every event of a body. path_account_id: the account of the webhook's path, for bodies that name none."""
    data = payload.get("data")
    if not isinstance(data, Mapping):
        yield from account_activity.raw_events(payload, path_account_id)
        return
    body = mapping_of(data.get("payload"))
    event_type = data.get("event_type")
    account_id = id_text(mapping_of(data.get("filter")).get("user_id"))
    if event_type == REVOKE:
        user_id = id_text(body.get("user_id"))
        source = {"user_id": user_id}
        envelope = {"user_event": {"revoke": {"source": source, "target": {"app_id": id_text(body.get("app_id"))}}}}
        yield RawEvent("revoke", user_id or account_id or path_account_id, envelope=envelope)
        return
    if event_type == CHAT:
        yield chat_event(body, account_id, path_account_id)
        return
    if event_type in _POSTS:
        yield post_of(body, mapping_of(data.get("includes")), account_id or path_account_id, _POSTS[event_type])
        return
    if event_type == POST_DELETION:
        author_id = id_text(body.get("author_id"))
        yield deletion_event(account_id or path_account_id, id_text(body.get("id")), author_id, None)
        return
    families = [family for family in _FAMILIES if family in body]
    if not families:
        yield RawEvent(str(event_type or "unknown"), account_id or path_account_id)
    for family in families:
        events = body[family]
        for event in events if isinstance(events, list) else [events]:
            event_read = raw_event(
                family, event, account_id or _participant(family, event, path_account_id), _users(body)
            )
            if event_read.readable:
                yield event_read
            else:
                log.warning("event_incomplete", extra={"account": event_read.account_id, "family": family})
                yield RawEvent(INCOMPLETE, event_read.account_id)


def _participant(family: str, event: object, path_account_id: str) -> str:
    """Return the account of an event without a filter: the path's account if it takes part, else the recipient."""
    body = mapping_of(mapping_of(event).get("message_create")) if family == DM else mapping_of(event)
    recipient = id_text(mapping_of(body.get("target")).get("recipient_id"))
    taking_part = (id_text(body.get("sender_id")), recipient)
    return path_account_id if path_account_id in taking_part else recipient or path_account_id


def _users(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return X's map of profiles with the field names of API v1.1. Profiles come with and without a `data` wrapper."""
    profiles = {}
    for user_id, value in mapping_of(body.get("users")).items():
        profile = mapping_of(mapping_of(value).get("data")) or mapping_of(value)
        if profile:
            name = profile.get("screen_name") or profile.get("username")
            profiles[str(user_id)] = {**profile, "screen_name": name} if name else dict(profile)
    return profiles
