"""An Account Activity payload cut into single activities, reading only what their lanes need to know.

On the acknowledging path, so quick and without a schema; `activity_v1.load` reads one of them in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from twitter_connector.model.event import DM, READ, TYPING, RawEvent, id_text

_FAMILIES = (DM, TYPING, READ)
_NOT_ACTIVITIES = frozenset({"for_user_id", "users", "apps", "user_has_blocked", "is_blocked_by"})


def raw_events(payload: Mapping[str, Any], path_account_id: str) -> Iterator[RawEvent]:
    """Yield every activity of a payload. path_account_id stands in where the payload names no account."""
    account_id = id_text(payload.get("for_user_id")) or path_account_id
    users = payload.get("users")
    for family, value in payload.items():
        if family in _FAMILIES:
            for event in value if isinstance(value, list) else [value]:
                yield _raw_event(family, event, account_id, users if isinstance(users, Mapping) else {})
        elif family == "user_event" and isinstance(value, Mapping):
            revoke = value.get("revoke")
            source = revoke.get("source") if isinstance(revoke, Mapping) else None
            user_id = id_text(source.get("user_id")) if isinstance(source, Mapping) else ""
            kind = "revoke" if isinstance(revoke, Mapping) else "user_event"
            yield RawEvent(kind, user_id or path_account_id, envelope={family: value})
        elif family not in _NOT_ACTIVITIES:
            yield RawEvent(family, account_id)


def _raw_event(family: str, event: object, account_id: str, users: Mapping[str, Any]) -> RawEvent:
    sender = recipient = event_id = app_id = ""
    created = 0
    if isinstance(event, Mapping):
        body = event.get("message_create") if family == DM else event
        if isinstance(body, Mapping):
            target = body.get("target")
            sender = id_text(body.get("sender_id"))
            app_id = id_text(body.get("source_app_id"))
            recipient = id_text(target.get("recipient_id")) if isinstance(target, Mapping) else ""
        event_id = id_text(event.get("id" if family == DM else "last_read_event_id"))
        stamp = str(event.get("created_timestamp") or "0")
        created = int(stamp) if stamp.isascii() and stamp.isdecimal() and len(stamp) < 16 else 0
    envelope = {"for_user_id": account_id, family: [event], "users": _only(users, sender, recipient)}
    if not (sender and recipient and (event_id or family == TYPING)):
        digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
        return RawEvent(family, account_id, "", digest, created, readable=False, envelope=envelope)
    own = sender == account_id
    if family != DM and not own:
        # A published sample has a for_user_id that is neither of the two; sender and target are what holds.
        account_id = recipient
    return RawEvent(family, account_id, recipient if own else sender, event_id, created, own, app_id, envelope=envelope)


def _only(users: Mapping[str, Any], *ids: str) -> dict[str, Any]:
    """Keep the names of those concerned; the rest of a profile is nothing a contact centre needs stored."""
    wanted = ("id", "name", "screen_name")
    return {i: {k: users[i][k] for k in wanted if k in users[i]} for i in ids if isinstance(users.get(i), Mapping)}
