"""Account Activity: makes the envelope of an event for every subscribed party and gives it to the courier."""

import json
import time
from collections.abc import Callable
from typing import Any

from sandbox.people import Directory, User
from sandbox.twitter.courier import Courier, Delivery, Parcel
from sandbox.twitter.dm import WEB_APP, Dm, Showing, event
from sandbox.twitter.mailbox import Mailbox
from sandbox.twitter.webhooks import Webhook, Webhooks

_FACE = "https://abs.twimg.com/sticky/default_profile_images/default_profile_normal.png"


def encode(envelope: dict[str, Any]) -> bytes:
    r"""Write an envelope the way Twitter does: compact, with `\/` and `\uXXXX`. Signatures cover these bytes."""
    return json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode()


def profile(user: User) -> dict[str, Any]:
    """Return a user as the `users` map of an envelope has it. Optional fields are absent, not null."""
    optional = {"location": user.location, "description": user.description}
    return {
        "id": user.id,
        "created_timestamp": user.created_timestamp,
        "name": user.name,
        "screen_name": user.screen_name,
        **{name: value for name, value in optional.items() if value is not None},
        "protected": False,
        "verified": False,
        "followers_count": 42,
        "friends_count": 7,
        "statuses_count": 314,
        "profile_image_url": _FACE,
        "profile_image_url_https": _FACE,
    }


class Activity:
    """Knows who must hear of what."""

    def __init__(
        self, directory: Directory, webhooks: Webhooks, courier: Courier, mailbox: Mailbox, showing: Showing
    ) -> None:
        self._directory = directory
        self._webhooks = webhooks
        self._courier = courier
        self._mailbox = mailbox
        self._showing = showing

    def announce(self, dm: Dm, times: int = 1, swap: bool = False) -> None:
        """Send a new message to the webhooks of both parties, as far as these are subscribed."""
        parties = dict.fromkeys((dm.sender_id, dm.recipient_id))
        targets = [(user_id, webhook) for user_id in parties for webhook in self._webhooks.listening_to(user_id)]
        dm.deliveries = {user_id: "pending" for user_id, _ in targets}
        if dm.recipient_id not in dm.deliveries and not dm.by_account:
            dm.state, dm.reason = "failed", "Nobody is subscribed to this account's messages."
        for user_id, webhook in targets:
            for _ in range(times):
                self._deliver_dm(dm, user_id, webhook, swap)

    def resume(self) -> None:
        """Take up deliveries that an earlier run did not finish."""
        for dm, user_id in self._mailbox.undelivered():
            for webhook in self._webhooks.listening_to(user_id):
                self._deliver_dm(dm, user_id, webhook, swap=False)

    def indicate_typing(self, sender_id: str, recipient_id: str, now_ms: str) -> None:
        """Tell the recipient's webhook that the sender is typing. It has no id and is not stored."""
        self._signal("direct_message_indicate_typing_events", sender_id, recipient_id, now_ms, {})

    def mark_read(self, sender_id: str, recipient_id: str, now_ms: str, dm_id: str) -> None:
        """Tell the recipient's webhook that the sender has read up to a message."""
        extra = {"last_read_event_id": dm_id}
        self._signal("direct_message_mark_read_events", sender_id, recipient_id, now_ms, extra)

    def revoke(self, user_id: str, app_id: str, date_time: str, webhooks: list[Webhook]) -> None:
        """Tell an app that a user has taken its access away. The envelope names no user it is for."""
        body = {"revoke": {"date_time": date_time, "target": {"app_id": app_id}, "source": {"user_id": user_id}}}
        for webhook in webhooks:
            self._submit(None, "user_event", user_id, webhook, render=lambda: encode({"user_event": body}))

    def envelope(self, dm: Dm, user_id: str) -> dict[str, Any]:
        """Return the envelope of a message for one of its parties."""
        shown = event(dm, self._showing, to_sender=user_id == dm.sender_id)
        envelope: dict[str, Any] = {"for_user_id": user_id, "direct_message_events": [shown]}
        if app_id := shown["message_create"].get("source_app_id"):
            envelope["apps"] = {app_id: self.app(app_id)}
        envelope["users"] = self._users(dm.sender_id, dm.recipient_id)
        return envelope

    def app(self, app_id: str) -> dict[str, str]:
        app = self._directory.apps.get(app_id)
        return {"id": app.id, "name": app.name, "url": app.url} if app else WEB_APP

    def _users(self, *user_ids: str) -> dict[str, Any]:
        found = (self._directory.users.get(user_id) for user_id in user_ids)
        return {user.id: profile(user) for user in found if user}

    def _deliver_dm(self, dm: Dm, user_id: str, webhook: Webhook, swap: bool) -> None:
        def done(status: str, reason: str | None) -> None:
            self._mailbox.note_delivery(dm, user_id, status, reason)

        kind = "direct_message_events"
        self._submit(
            dm.id, kind, user_id, webhook, render=lambda: encode(self.envelope(dm, user_id)), done=done, swap=swap
        )

    def _signal(self, kind: str, sender_id: str, recipient_id: str, now_ms: str, extra: dict[str, str]) -> None:
        element = {"created_timestamp": now_ms, "sender_id": sender_id, "target": {"recipient_id": recipient_id}}
        envelope = {
            "for_user_id": recipient_id,
            kind: [{**element, **extra}],
            "users": self._users(sender_id, recipient_id),
        }
        for webhook in self._webhooks.listening_to(recipient_id):
            self._submit(None, kind, recipient_id, webhook, render=lambda: encode(envelope))

    def _submit(
        self,
        event_id: str | None,
        kind: str,
        user_id: str,
        webhook: Webhook,
        *,
        render: Callable[[], bytes],
        done: Callable[[str, str | None], None] = lambda status, reason: None,
        swap: bool = False,
    ) -> None:
        number = self._courier.number()
        delivery = Delivery(number, event_id, kind, user_id, webhook.id, round(time.time(), 3))
        secret = self._directory.apps[webhook.app_id].consumer_secret
        self._courier.submit(Parcel(delivery, webhook, secret, render, done), swap)
