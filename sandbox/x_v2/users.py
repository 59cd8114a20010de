"""Users as API v2 shows them: in answers, by `user.fields`, and in the `users` map of an event."""

from typing import Any

from sandbox.people import User
from sandbox.x_v2.problems import invalid
from sandbox.x_v2.times import iso

_FACE = "https://abs.twimg.com/sticky/default_profile_images/default_profile_normal.png"
_DEFAULT = ("id", "name", "username")
FIELDS = frozenset(
    {
        "confirmed_email",
        "connection_status",
        "created_at",
        "description",
        "entities",
        "id",
        "is_identity_verified",
        "location",
        "name",
        "parody",
        "profile_banner_url",
        "profile_image_url",
        "protected",
        "public_metrics",
        "receives_your_dm",
        "subscribes_to_you",
        "subscription",
        "subscription_type",
        "url",
        "username",
        "verified",
        "verified_followers_count",
        "verified_type",
        "withheld",
        "affiliation",
        "most_recent_post_id",
        "pinned_post_id",
    }
)


def shown_user(user: User, fields: str) -> dict[str, Any]:
    """Return a user with the comma separated fields, and always id, name and username. Raises Problem 400."""
    asked = set(filter(None, fields.split(",")))
    if unknown := sorted(asked - FIELDS):
        message = f"The `user.fields` query parameter value [{unknown[0]}] is not one of [{','.join(sorted(FIELDS))}]"
        raise invalid(message, user__fields=unknown[0])
    known = {**_all(user), "subscription_type": "Premium" if user.long_posts else "None"}
    return {name: value for name, value in known.items() if name in asked or name in _DEFAULT}


def event_user(user: User) -> dict[str, Any]:
    """Return a user as the `users` map of an activity event has it: under `data`, counters doubled as text."""
    counters = {"followers_count": 42, "following_count": 7, "tweet_count": 314, "listed_count": 0, "like_count": 0}
    metrics: dict[str, Any] = {}
    for name, value in counters.items():
        metrics |= {name: value, f"{name}_str": str(value)}
    known = {**_all(user), "url": "", "public_metrics": metrics}
    return {"data": {name: value for name, value in known.items() if name != "receives_your_dm"}}


def _all(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "username": user.screen_name,
        "created_at": iso(int(user.created_timestamp) / 1000),
        "description": user.description or "",
        "location": user.location or "",
        "profile_image_url": _FACE,
        "protected": False,
        "verified": False,
        "verified_type": "none",
        "receives_your_dm": user.refuses is None,
        "public_metrics": {"followers_count": 42, "following_count": 7, "post_count": 314, "listed_count": 0},
    }
