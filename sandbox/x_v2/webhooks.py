"""Webhooks of API v2: one URL with a numeric id, owned by an app, limited per developer account. Sends nothing."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import App, Directory
from sandbox.settings import Settings
from sandbox.snowflake import Snowflakes
from sandbox.x_v2.problems import refused
from sandbox.x_v2.times import iso


@dataclass
class V2Webhook:
    """A registered URL."""

    id: str
    app_id: str
    url: str
    valid: bool
    made_at: float

    def shown(self) -> dict[str, Any]:
        """Return the object of X's answers."""
        return {"created_at": iso(self.made_at), "id": self.id, "url": self.url, "valid": self.valid}


class V2Webhooks:
    """Stores webhooks."""

    def __init__(self, journal: Journal, ids: Snowflakes, feed: Feed, settings: Settings, directory: Directory) -> None:
        self._journal = journal
        self._ids = ids
        self._feed = feed
        self._settings = settings
        self._directory = directory
        self._lock = threading.Lock()
        self._webhooks: dict[str, V2Webhook] = {}

    def restore(self) -> None:
        """Read the webhooks of an earlier run."""
        for record in self._journal.load("v2_webhook"):
            self._webhooks[record["id"]] = V2Webhook(**record)
            self._ids.seen(record["id"])

    def clear(self) -> None:
        """Forget all webhooks."""
        with self._lock:
            self._webhooks.clear()

    def check_room(self, app: App, url: str) -> None:
        """Raise Problem 400 for a URL that is registered already, or when the developer account has its webhooks."""
        family = {other.id for other in self._directory.apps.values() if other.developer_id == app.developer_id}
        present = [webhook for webhook in list(self._webhooks.values()) if webhook.app_id in family]
        if any(webhook.url == url and webhook.app_id == app.id for webhook in present):
            raise refused(self._settings.webhook_duplicate_reason, "The URL is registered already.")
        if len(present) >= self._settings.webhook_limit:
            raise refused("WebhookLimitExceeded", "The number of webhooks allowed has been reached.")

    def add(self, app: App, url: str) -> V2Webhook:
        """Store a webhook that passed its check. Raises Problem 400 when another was stored meanwhile."""
        with self._lock:
            self.check_room(app, url)
            webhook = V2Webhook(self._ids.next(), app.id, url, True, time.time())
            self._webhooks[webhook.id] = webhook
        self._changed(webhook)
        return webhook

    def of_app(self, app: App) -> list[V2Webhook]:
        """Return the webhooks of an app, oldest first."""
        return [webhook for webhook in list(self._webhooks.values()) if webhook.app_id == app.id]

    def get(self, app_id: str, webhook_id: str) -> V2Webhook:
        """Return a webhook of the app. Raises Problem 400 WebhookIdInvalid."""
        webhook = self._webhooks.get(webhook_id)
        if webhook is None or webhook.app_id != app_id:
            raise refused("WebhookIdInvalid", "The webhook id is not valid.")
        return webhook

    def find(self, webhook_id: str | None) -> V2Webhook | None:
        """Return a webhook by id."""
        return self._webhooks.get(webhook_id or "")

    def set_valid(self, webhook: V2Webhook, valid: bool) -> None:
        """Store whether the webhook is valid."""
        webhook.valid = valid
        self._changed(webhook)

    def remove(self, webhook: V2Webhook) -> None:
        """Delete a webhook. Subscriptions keep its id and deliver nothing until they get another one."""
        with self._lock:
            self._webhooks.pop(webhook.id, None)
        self._journal.delete("v2_webhook", webhook.id)
        self._feed.publish("people", {})

    def _changed(self, webhook: V2Webhook) -> None:
        self._journal.save("v2_webhook", webhook.id, webhook)
        self._feed.publish("people", {})
