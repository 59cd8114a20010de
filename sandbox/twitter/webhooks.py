"""Webhooks of v1.1 environments and their subscriptions."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import App
from sandbox.snowflake import Snowflakes
from sandbox.twitter.errors import WRONG_WEBHOOK, error

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Webhook:
    """A registered URL. An environment has at most one."""

    id: str
    app_id: str
    environment: str
    url: str
    valid: bool
    made_at: float

    def shown(self) -> dict[str, Any]:
        """Return the object of X's answers; live ones have `created_timestamp`, not the documented name."""
        made = datetime.fromtimestamp(self.made_at, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
        return {"id": self.id, "url": self.url, "valid": self.valid, "created_timestamp": made}


@dataclass
class Subscription:
    """A user whose activity goes to the webhook of an environment."""

    app_id: str
    environment: str
    user_id: str

    @property
    def key(self) -> str:
        """What it is stored under."""
        return f"{self.app_id}/{self.environment}/{self.user_id}"


class Webhooks:
    """Stores webhooks and subscriptions."""

    def __init__(self, journal: Journal, ids: Snowflakes, feed: Feed) -> None:
        self._journal = journal
        self._feed = feed
        self._ids = ids
        self._lock = threading.Lock()
        self._webhooks: dict[str, Webhook] = {}
        self._subscriptions: dict[str, Subscription] = {}

    def restore(self) -> None:
        """Read the webhooks and subscriptions of an earlier run."""
        for record in self._journal.load("webhook"):
            self._webhooks[record["id"]] = Webhook(**record)
            self._ids.seen(record["id"])
        for record in self._journal.load("subscription"):
            subscription = Subscription(**record)
            self._subscriptions[subscription.key] = subscription

    def clear(self) -> None:
        """Forget all webhooks and subscriptions."""
        with self._lock:
            self._webhooks.clear()
            self._subscriptions.clear()

    def room_for(self, app: App, environment: str) -> None:
        """Raise error 214 when the environment has its webhook already."""
        if self.of_environment(app, environment):
            raise error(214, "Too many resources already created.")

    def add(self, app: App, environment: str, url: str) -> Webhook:
        """Store a webhook that passed its challenge. Raises error 214 if another was stored meanwhile."""
        with self._lock:
            self.room_for(app, environment)
            webhook = Webhook(self._ids.next(), app.id, environment, url, True, time.time())
            self._webhooks[webhook.id] = webhook
        self._journal.save("webhook", webhook.id, webhook)
        self._feed.publish("people", {})
        return webhook

    def of_environment(self, app: App, environment: str) -> list[Webhook]:
        """Return the webhooks of one environment: none or one."""
        return [
            webhook
            for webhook in list(self._webhooks.values())
            if webhook.app_id == app.id and webhook.environment == environment
        ]

    def get(self, app: App, environment: str, webhook_id: str) -> Webhook:
        """Return a webhook of the app. Raises error 34."""
        for webhook in self.of_environment(app, environment):
            if webhook.id == webhook_id:
                return webhook
        raise error(34, WRONG_WEBHOOK)

    def validate(self, webhook: Webhook, valid: bool) -> None:
        """Store whether the webhook is valid."""
        webhook.valid = valid
        self._journal.save("webhook", webhook.id, webhook)
        self._feed.publish("people", {})

    def remove(self, webhook: Webhook) -> None:
        """Delete a webhook and, with it, the subscriptions of its environment."""
        with self._lock:
            self._webhooks.pop(webhook.id, None)
            gone = [
                subscription
                for subscription in self._subscriptions.values()
                if (subscription.app_id, subscription.environment) == (webhook.app_id, webhook.environment)
            ]
            for subscription in gone:
                del self._subscriptions[subscription.key]
        self._journal.delete("webhook", webhook.id)
        for subscription in gone:
            self._journal.delete("subscription", subscription.key)
        self._feed.publish("people", {})

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription. Raises error 355 when it is there already."""
        with self._lock:
            if subscription.key in self._subscriptions:
                raise error(355)
            self._subscriptions[subscription.key] = subscription
        self._journal.save("subscription", subscription.key, subscription)
        self._feed.publish("people", {})

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription. Raises error 34 when there is none."""
        with self._lock:
            if self._subscriptions.pop(subscription.key, None) is None:
                raise error(34)
        self._journal.delete("subscription", subscription.key)
        self._feed.publish("people", {})

    def subscribed(self, subscription: Subscription) -> bool:
        """Whether the user is subscribed there."""
        return subscription.key in self._subscriptions

    def subscriptions(self, app: App) -> list[Subscription]:
        """Return all subscriptions of an app."""
        with self._lock:
            return [entry for entry in self._subscriptions.values() if entry.app_id == app.id]

    def listening_to(self, user_id: str) -> list[Webhook]:
        """Return the webhooks subscribed to a user's activity, invalid ones included."""
        with self._lock:
            places = {
                (entry.app_id, entry.environment) for entry in self._subscriptions.values() if entry.user_id == user_id
            }
            return [hook for hook in self._webhooks.values() if (hook.app_id, hook.environment) in places]


def meets_rules(url: str) -> bool:
    """Whether X accepts the URL: https without a port. On loopback http and a port are accepted too."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.hostname in LOOPBACK:
        return parts.scheme in {"http", "https"}
    return parts.scheme == "https" and bool(parts.hostname) and port is None and ":" not in parts.netloc
