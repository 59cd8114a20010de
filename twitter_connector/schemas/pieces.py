"""An Account Activity payload cut into single activities, reading only what their lanes need to know.

On the acknowledging path, so quick and without a schema; `activity_v1.load` reads one of them in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twitter_connector.model.activity import first_id_at

DM = "direct_message_events"
TYPING = "direct_message_indicate_typing_events"
READ = "direct_message_mark_read_events"
_FAMILIES = (DM, TYPING, READ)
_NOT_ACTIVITIES = frozenset({"for_user_id", "users", "apps", "user_has_blocked", "is_blocked_by"})

_ID_MAX_DIGITS = 20


@dataclass(frozen=True)
class Piece:
    """One activity of a payload, still as received, with what its lane needs to know.

    family: the payload's key. own: the account's own doing. app_id: through which app it wrote, where told.
    readable: False where even the ids could not be found.
    """

    family: str
    account_id: str
    customer_id: str = ""
    id: str = ""
    created_ms: int = 0
    own: bool = False
    app_id: str = ""
    readable: bool = True
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)


def is_id(value: object) -> bool:
    """Say whether this is a Twitter id as text: digits only, so that it is safe in a key, a path and a log."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _ID_MAX_DIGITS


def pieces(payload: Mapping[str, Any], path_account_id: str) -> Iterator[Piece]:
    """Yield every activity of a payload. path_account_id stands in where the payload names no account."""
    account_id = id_text(payload.get("for_user_id")) or path_account_id
    users = payload.get("users")
    for family, value in payload.items():
        if family in _FAMILIES:
            for event in value if isinstance(value, list) else [value]:
                yield _piece(family, event, account_id, users if isinstance(users, Mapping) else {})
        elif family == "user_event" and isinstance(value, Mapping):
            revoke = value.get("revoke")
            source = revoke.get("source") if isinstance(revoke, Mapping) else None
            user_id = id_text(source.get("user_id")) if isinstance(source, Mapping) else ""
            kind = "revoke" if isinstance(revoke, Mapping) else "user_event"
            yield Piece(kind, user_id or path_account_id, envelope={family: value})
        elif family not in _NOT_ACTIVITIES:
            yield Piece(family, account_id)


def _piece(family: str, event: object, account_id: str, users: Mapping[str, Any]) -> Piece:
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
        return Piece(family, account_id, "", digest, created, readable=False, envelope=envelope)
    own = sender == account_id
    if family != DM and not own:
        # A published sample has a for_user_id that is neither of the two; sender and target are what holds.
        account_id = recipient
    return Piece(family, account_id, recipient if own else sender, event_id, created, own, app_id, envelope=envelope)


def _only(users: Mapping[str, Any], *ids: str) -> dict[str, Any]:
    """Keep the names of those concerned; the rest of a profile is nothing a contact centre needs stored."""
    wanted = ("id", "name", "screen_name")
    return {i: {k: users[i][k] for k in wanted if k in users[i]} for i in ids if isinstance(users.get(i), Mapping)}


def id_text(value: object) -> str:
    """Return an id as text, whether it came as text or as a number; "" where it is none."""
    # 64-bit ids arrive as text; a number is exact too, since Python reads integers of any size.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and is_id(text) else ""


def order_of(piece: Piece) -> str:
    """Return where the activity belongs among all that wait in its lane: by Twitter's ids, as sortable text."""
    event_id = piece.id if piece.family == DM else first_id_at(piece.created_ms)
    return f"0{event_id:0>20}"
