"""Webhook bodies of Account Activity, which API v1.1 and Account Activity v2 share, and one stored event of them.

`raw_events` reads only ids, while X waits for an answer. `load` reads one event in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twitter_connector.model.event import (
    DM,
    READ,
    TYPING,
    AccessRevoked,
    Activity,
    RawEvent,
    UnknownActivity,
    id_text,
)
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.post import POST, POST_DELETED

from . import dm_objects, post_objects, tweet_objects
from .dm_objects import raw_event

_FAMILIES = (DM, TYPING, READ)
_POSTS = (POST, POST_DELETED)
_NOT_EVENTS = frozenset({"for_user_id", "users", "apps", "user_has_blocked", "is_blocked_by"})


def raw_events(payload: Mapping[str, Any], path_account_id: str) -> Iterator[RawEvent]:
    """Yield every event of a body. path_account_id: the account of the webhook's path, where the body names none."""
    account_id = id_text(payload.get("for_user_id")) or path_account_id
    users = payload.get("users")
    profiles = users if isinstance(users, Mapping) else {}
    for family, value in payload.items():
        if family in _FAMILIES:
            for event in value if isinstance(value, list) else [value]:
                yield raw_event(family, event, account_id, profiles)
        elif family in _POSTS:
            read = tweet_objects.created if family == POST else tweet_objects.deleted
            for event in value if isinstance(value, list) else [value]:
                yield read(mapping_of(event), account_id)
        elif family == "user_event" and isinstance(value, Mapping):
            revoke = value.get("revoke")
            source = revoke.get("source") if isinstance(revoke, Mapping) else None
            user_id = id_text(source.get("user_id")) if isinstance(source, Mapping) else ""
            kind = "revoke" if isinstance(revoke, Mapping) else "user_event"
            yield RawEvent(kind, user_id or path_account_id, envelope={family: value})
        elif family not in _NOT_EVENTS:
            yield RawEvent(family, account_id)


def load(envelope: Mapping[str, Any]) -> Activity:
    """Return the one event of an envelope of `raw_events`. Raises Permanent(unreadable_event)."""
    event = dm_objects.load(envelope) or post_objects.load(envelope)
    if event is not None:
        return event
    if "user_event" in envelope:
        revoke = mapping_of(mapping_of(envelope["user_event"]).get("revoke"))
        source, target = mapping_of(revoke.get("source")), mapping_of(revoke.get("target"))
        return AccessRevoked(id_text(source.get("user_id")), id_text(target.get("app_id")))
    return UnknownActivity(next(iter(envelope), ""))
