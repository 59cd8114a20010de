"""One stored event of an Account Activity webhook, read in full, in a worker.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twitter_connector.model.event import AccessRevoked, Activity, UnknownActivity, id_text

from .. import dm_objects


def load(envelope: Mapping[str, Any]) -> Activity:
    """Return the one event of an envelope of `webhook_body.raw_events`. Raises Permanent(unreadable_event)."""
    event = dm_objects.load(envelope)
    if event is not None:
        return event
    if "user_event" in envelope:
        revoke = _mapping(_mapping(envelope["user_event"]).get("revoke"))
        source, target = _mapping(revoke.get("source")), _mapping(revoke.get("target"))
        return AccessRevoked(id_text(source.get("user_id")), id_text(target.get("app_id")))
    return UnknownActivity(next(iter(envelope), ""))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
