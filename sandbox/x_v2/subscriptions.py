"""Subscriptions of the X Activity API: one for each user and event type of an app. Sends nothing."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import App
from sandbox.settings import Settings
from sandbox.snowflake import Snowflakes
from sandbox.x_v2.problems import refused
from sandbox.x_v2.times import iso

# Event types of the OpenAPI document, and `oauth.revoke`, which only the documentation has.
EVENT_TYPES = frozenset(
    [
        *(f"profile.update.{name}" for name in ("bio", "profile_picture", "banner_picture", "screenname", "geo")),
        *(f"profile.update.{name}" for name in ("url", "verified_badge", "affiliate_badge", "handle")),
        *("news.new", "follow.follow", "follow.unfollow", "spaces.start", "spaces.end"),
        *("broadcast.start", "broadcast.end", "broadcast.chat", "chat.received", "chat.sent"),
        *("chat.conversation.join", "chat.conversation_join", "chat.conversation.member_added"),
        *("chat.conversation.member_removed", "chat.conversation.admin_added", "chat.conversation.admin_removed"),
        *("chat.update.group_name", "chat.update.restrictions"),
        *("dm.sent", "dm.received", "dm.indicate_typing", "dm.read"),
        *("post.create", "post.delete", "post.mention.create", "post.reply.create", "post.quote.create"),
        *("post.repost.create", "like.create", "mute.mute", "mute.unmute", "block.block", "block.unblock"),
        "oauth.revoke",
    ]
)
PRIVATE = ("dm.", "chat.", "post.mention.", "post.reply.", "mute.", "block.", "like.")


@dataclass
class ActivitySubscription:
    """Events of one type of one user. Without webhook_id they go to the app's stream only."""

    id: str
    app_id: str
    user_id: str
    event_type: str
    filter: dict[str, str]
    tag: str
    webhook_id: str
    created_at: float
    updated_at: float

    def shown(self) -> dict[str, Any]:
        """Return the object of X's answers."""
        return {
            "created_at": iso(self.created_at),
            "event_type": self.event_type,
            "filter": self.filter,
            "subscription_id": self.id,
            **({"tag": self.tag} if self.tag else {}),
            "updated_at": iso(self.updated_at),
            **({"webhook_id": self.webhook_id} if self.webhook_id else {}),
        }


class ActivitySubscriptions:
    """Stores subscriptions."""

    def __init__(self, journal: Journal, ids: Snowflakes, feed: Feed, settings: Settings) -> None:
        self._journal = journal
        self._ids = ids
        self._feed = feed
        self._settings = settings
        self._lock = threading.Lock()
        self._all: dict[str, ActivitySubscription] = {}

    def restore(self) -> None:
        """Read the subscriptions of an earlier run."""
        for record in self._journal.load("activity_subscription"):
            self._all[record["id"]] = ActivitySubscription(**record)
            self._ids.seen(record["id"])

    def clear(self) -> None:
        """Forget all subscriptions."""
        with self._lock:
            self._all.clear()

    def add(
        self, app: App, user_id: str, event_type: str, filters: dict[str, str], tag: str, webhook_id: str
    ) -> ActivitySubscription:
        """Store a subscription. Raises Problem for a duplicate or beyond the limit."""
        with self._lock:
            mine = self.of_app(app)
            if any((subscription.user_id, subscription.event_type) == (user_id, event_type) for subscription in mine):
                status = self._settings.subscription_duplicate_status
                raise refused("DuplicateSubscriptionFailed", "Duplicate subscription", status)
            if len(mine) >= self._settings.subscription_limit:
                raise refused("SubscriptionLimitExceeded", "The number of subscriptions allowed has been reached.")
            now = time.time()
            made = ActivitySubscription(
                self._ids.next(), app.id, user_id, event_type, filters, tag, webhook_id, now, now
            )
            self._all[made.id] = made
        self._changed(made)
        return made

    def update(self, subscription: ActivitySubscription, tag: str | None, webhook_id: str | None) -> None:
        """Change tag or webhook; None leaves a value as it is."""
        subscription.tag = subscription.tag if tag is None else tag
        subscription.webhook_id = subscription.webhook_id if webhook_id is None else webhook_id
        subscription.updated_at = time.time()
        self._changed(subscription)

    def remove(self, subscription: ActivitySubscription) -> None:
        """Delete a subscription."""
        with self._lock:
            self._all.pop(subscription.id, None)
        self._journal.delete("activity_subscription", subscription.id)
        self._feed.publish("people", {})

    def get(self, app: App, subscription_id: str) -> ActivitySubscription | None:
        """Return a subscription of the app."""
        subscription = self._all.get(subscription_id)
        return subscription if subscription is not None and subscription.app_id == app.id else None

    def of_app(self, app: App) -> list[ActivitySubscription]:
        """Return the subscriptions of an app, oldest first."""
        return [subscription for subscription in list(self._all.values()) if subscription.app_id == app.id]

    def of_user(self, user_id: str, event_type: str | None = None) -> list[ActivitySubscription]:
        """Return the subscriptions of all apps to a user's events."""
        return [
            subscription
            for subscription in list(self._all.values())
            if subscription.user_id == user_id and event_type in (None, subscription.event_type)
        ]

    def _changed(self, subscription: ActivitySubscription) -> None:
        self._journal.save("activity_subscription", subscription.id, subscription)
        self._feed.publish("people", {})
