"""Subscriptions of Account Activity v2: all activity of a user to one webhook. Sends nothing."""

import threading
from dataclasses import dataclass

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import App
from sandbox.settings import Settings
from sandbox.x_v2.problems import refused


@dataclass
class AllActivity:
    """A user whose activity goes to a webhook."""

    app_id: str
    webhook_id: str
    user_id: str

    @property
    def key(self) -> str:
        """What it is stored under."""
        return f"{self.webhook_id}/{self.user_id}"


class AccountActivity:
    """Stores subscriptions."""

    def __init__(self, journal: Journal, feed: Feed, settings: Settings) -> None:
        self._journal = journal
        self._feed = feed
        self._settings = settings
        self._lock = threading.Lock()
        self._all: dict[str, AllActivity] = {}

    def restore(self) -> None:
        """Read the subscriptions of an earlier run."""
        for record in self._journal.load("all_activity"):
            entry = AllActivity(**record)
            self._all[entry.key] = entry

    def clear(self) -> None:
        """Forget all subscriptions."""
        with self._lock:
            self._all.clear()

    def add(self, app: App, webhook_id: str, user_id: str) -> None:
        """Subscribe a user. Raises Problem for a duplicate or beyond the limit."""
        made = AllActivity(app.id, webhook_id, user_id)
        with self._lock:
            if made.key in self._all:
                raise refused("DuplicateSubscriptionFailed", "Subscription already exists")
            if len({entry.user_id for entry in self.of_app(app)} | {user_id}) > self._settings.account_activity_limit:
                raise refused("SubscriptionLimitExceeded", "The number of subscriptions allowed has been reached.")
            self._all[made.key] = made
        self._journal.save("all_activity", made.key, made)
        self._feed.publish("people", {})

    def remove(self, webhook_id: str, user_id: str) -> None:
        """Delete a subscription. Raises Problem SubscriptionNotFound."""
        gone = self._all.pop(f"{webhook_id}/{user_id}", None)
        if gone is None:
            raise refused("SubscriptionNotFound", "Subscription not found", 404)
        self._journal.delete("all_activity", gone.key)
        self._feed.publish("people", {})

    def has(self, webhook_id: str, user_id: str) -> bool:
        """Whether the user is subscribed to this webhook."""
        return f"{webhook_id}/{user_id}" in self._all

    def of_app(self, app: App) -> list[AllActivity]:
        """Return the subscriptions of an app."""
        return [entry for entry in list(self._all.values()) if entry.app_id == app.id]

    def of_user(self, user_id: str) -> list[AllActivity]:
        """Return the subscriptions to a user's activity."""
        return [entry for entry in list(self._all.values()) if entry.user_id == user_id]
