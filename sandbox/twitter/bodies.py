"""Bodies of Account Activity events, as v1.1 and Account Activity v2 deliver them. Sends nothing."""

import json
from typing import Any

from sandbox.people import Directory, User
from sandbox.twitter.dm import WEB_APP, Dm, MessageContext, event

_FACE = "https://abs.twimg.com/sticky/default_profile_images/default_profile_normal.png"
# What every profile of the sandbox has.
PROFILE = {
    "protected": False,
    "verified": False,
    "followers_count": 42,
    "friends_count": 7,
    "statuses_count": 314,
    "profile_image_url": _FACE,
    "profile_image_url_https": _FACE,
}


def encode(body: dict[str, Any]) -> bytes:
    r"""Return a body as X writes it: compact, with `\/` and `\uXXXX`. Signatures cover these bytes."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def profile(user: User) -> dict[str, Any]:
    """Return a user as the `users` map of a body has it. Optional fields are absent, not null."""
    optional = {"location": user.location, "description": user.description}
    return {
        "id": user.id,
        "created_timestamp": user.created_timestamp,
        "name": user.name,
        "screen_name": user.screen_name,
        **{name: value for name, value in optional.items() if value is not None},
        **PROFILE,
    }


class Bodies:
    """Builds bodies for one of the parties of a message or signal."""

    def __init__(self, directory: Directory, context: MessageContext) -> None:
        self._directory = directory
        self._context = context

    def message(self, dm: Dm, user_id: str) -> dict[str, Any]:
        """Return the body of a message for one of its parties."""
        return {"for_user_id": user_id, **self.message_event(dm, user_id), "users": self._users(dm)}

    def message_event(self, dm: Dm, user_id: str) -> dict[str, Any]:
        """Return `direct_message_events` and, for the sender, `apps`."""
        shown = event(dm, self._context, to_sender=user_id == dm.sender_id)
        body: dict[str, Any] = {"direct_message_events": [shown]}
        if app_id := shown["message_create"].get("source_app_id"):
            body["apps"] = {app_id: self.app(app_id)}
        return body

    def signal(self, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a typing or read event for its recipient."""
        recipient_id = entry["target"]["recipient_id"]
        users = {user.id: profile(user) for user in self.users(entry["sender_id"], recipient_id)}
        return {"for_user_id": recipient_id, kind: [entry], "users": users}

    def revoke(self, user_id: str, app_id: str, date_time: str) -> dict[str, Any]:
        """Return the body for an app whose access a user revoked. It has no `for_user_id`."""
        source = {"user_id": user_id}
        return {"user_event": {"revoke": {"date_time": date_time, "target": {"app_id": app_id}, "source": source}}}

    def app(self, app_id: str) -> dict[str, str]:
        """Return an app as the `apps` map of a body has it."""
        app = self._directory.apps.get(app_id)
        return {"id": app.id, "name": app.name, "url": app.url} if app else WEB_APP

    def users(self, *user_ids: str) -> list[User]:
        """Return the users that exist."""
        return [user for user_id in user_ids if (user := self._directory.users.get(user_id))]

    def _users(self, dm: Dm) -> dict[str, Any]:
        return {user.id: profile(user) for user in self.users(dm.sender_id, dm.recipient_id)}
