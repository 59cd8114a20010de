"""Events of API v2: their envelopes, and the webhooks and streams they are sent to."""

import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.bodies import Bodies, encode
from sandbox.twitter.delivery import OutgoingEvent
from sandbox.twitter.dm import Dm
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.mailbox import Mailbox
from sandbox.x_v2.parts import V2
from sandbox.x_v2.streams import line
from sandbox.x_v2.subscriptions import ActivitySubscription
from sandbox.x_v2.users import event_user
from sandbox.x_v2.webhooks import V2Webhook

Done = Callable[[str, str | None], None]
_ALL = "account_activity"


class V2Activity:
    """Sends the events of API v2."""

    def __init__(self, directory: Directory, sender: EventSender, mailbox: Mailbox, bodies: Bodies, v2: V2) -> None:
        self._directory = directory
        self._sender = sender
        self._mailbox = mailbox
        self._bodies = bodies
        self._v2 = v2

    def message(self, dm: Dm, user_id: str) -> list[OutgoingEvent]:
        """Return the deliveries of a message to the webhooks subscribed to one of its parties."""

        def done(status: str, reason: str | None) -> None:
            self._mailbox.note_delivery(dm, user_id, status, reason)

        event_type, events = _type_of(dm, user_id), []
        for subscription in self._subscribed(user_id, event_type):
            webhook = self._v2.webhooks.find(subscription.webhook_id)
            if webhook is not None:
                render = self._rendered(subscription, dm, user_id)
                events.append(self._event(dm.id, event_type, user_id, webhook, render, done))
        for webhook in self._all_activity(user_id):
            events.append(self._event(dm.id, _ALL, user_id, webhook, self._all_rendered(dm, user_id), done))
        return events

    def stream_message(self, dm: Dm, user_id: str, times: int = 1) -> None:
        """Send a message to the streams of the apps subscribed to one of its parties, and bill those apps."""
        event_type = _type_of(dm, user_id)
        for subscription in self._subscribed(user_id, event_type):
            if event_type == "dm.received":
                self._v2.credits.charge(subscription.app_id, "dm_received", user_id, dm.id)
            for _ in range(times):
                self._v2.streams.send(subscription.app_id, line(self.message_envelope(subscription, dm, user_id)))

    def signal(self, kind: str, event_type: str, entry: dict[str, Any]) -> None:
        """Send a typing or read event to the subscribers of its recipient."""
        user_id = entry["target"]["recipient_id"]
        users = {user.id: event_user(user) for user in self._bodies.users(entry["sender_id"], user_id)}
        for subscription in self._subscribed(user_id, event_type):
            self._send(subscription, envelope(subscription, {kind: [entry], "users": users}, f"{kind} {entry}"))
        for webhook in self._all_activity(user_id):
            body = self._bodies.signal(kind, entry)
            self._sender.submit(self._event(None, _ALL, user_id, webhook, _encoded(body)))

    def revoke(self, user_id: str, app_id: str, date_time: str) -> None:
        """Tell an app that a user revoked its access, then delete the user's subscriptions."""
        payload = {"date_time": date_time, "user_id": user_id, "app_id": app_id}
        for subscription in self._v2.subscriptions.of_user("", "oauth.revoke"):
            if subscription.app_id == app_id:
                self._send(subscription, envelope(subscription, payload, f"revoke {user_id} {date_time}"))
        for entry in self._v2.account_activity.of_user(user_id):
            webhook = self._v2.webhooks.find(entry.webhook_id)
            if webhook is not None and entry.app_id == app_id:
                body = self._bodies.revoke(user_id, app_id, date_time)
                self._sender.submit(self._event(None, _ALL, user_id, webhook, _encoded(body)))
                self._v2.account_activity.remove(webhook.id, user_id)
        for subscription in self._v2.subscriptions.of_user(user_id):
            if subscription.app_id == app_id:
                self._v2.subscriptions.remove(subscription)

    def publish(self, user_id: str, event_type: str, payload: dict[str, Any], seed: str) -> int:
        """Send any event of a user to those subscribed to it. Returns how many subscriptions got it."""
        subscriptions = self._v2.subscriptions.of_user(user_id, event_type)
        for subscription in subscriptions:
            self._send(subscription, envelope(subscription, payload, seed))
        return len(subscriptions)

    def message_envelope(
        self, subscription: ActivitySubscription, dm: Dm, user_id: str, seed: str = ""
    ) -> dict[str, Any]:
        """Return the envelope of a message. The same seed gives the same event_uuid."""
        payload = self._bodies.message_event(dm, user_id)
        users = self._bodies.users(dm.sender_id, dm.recipient_id)
        payload["users"] = {user.id: event_user(user) for user in users}
        return envelope(subscription, payload, f"{dm.id} {seed}")

    def is_open(self, user_id: str) -> bool:
        """Whether a message to this user can be read without a webhook: by a stream or by a lookup."""
        token = self._directory.token_of(user_id)
        if token is None:
            return False
        return self._directory.apps[token.app_id].api == "v2" or bool(self._v2.subscriptions.of_user(user_id))

    def again(self, dm: Dm, user_id: str, webhook: V2Webhook, seed: str) -> list[OutgoingEvent]:
        """Return the deliveries of a message to one webhook, for a replay."""
        event_type = _type_of(dm, user_id)
        renders = [
            self._rendered(subscription, dm, user_id, seed)
            for subscription in self._v2.subscriptions.of_user(user_id, event_type)
            if subscription.webhook_id == webhook.id
        ]
        if self._v2.account_activity.has(webhook.id, user_id):
            renders.append(self._all_rendered(dm, user_id))
        return [self._event(dm.id, event_type, user_id, webhook, render) for render in renders]

    def post(self, webhook: V2Webhook, body: dict[str, Any]) -> None:
        """Send any body to a webhook."""
        self._sender.submit(self._event(None, "status", "", webhook, _encoded(body)))

    def submit(self, event: OutgoingEvent) -> None:
        """Queue a delivery."""
        self._sender.submit(event)

    def _send(self, subscription: ActivitySubscription, body: dict[str, Any]) -> None:
        webhook = self._v2.webhooks.find(subscription.webhook_id)
        if webhook is not None:
            user_id, event_type = subscription.user_id, subscription.event_type
            self._sender.submit(self._event(None, event_type, user_id, webhook, _encoded(body)))
        self._v2.streams.send(subscription.app_id, line(body))

    def _subscribed(self, user_id: str, event_type: str) -> list[ActivitySubscription]:
        subscriptions = self._v2.subscriptions.of_user(user_id, event_type)
        if event_type != "dm.received":
            return subscriptions
        # Without credit, events that cost something stop.
        return [subscription for subscription in subscriptions if self._v2.credits.refusal(subscription.app_id) is None]

    def _all_activity(self, user_id: str) -> list[V2Webhook]:
        if not self._v2.settings.account_activity_delivers:
            return []
        entries = self._v2.account_activity.of_user(user_id)
        return [webhook for entry in entries if (webhook := self._v2.webhooks.find(entry.webhook_id))]

    def _rendered(
        self, subscription: ActivitySubscription, dm: Dm, user_id: str, seed: str = ""
    ) -> Callable[[], bytes]:
        return lambda: encode(self.message_envelope(subscription, dm, user_id, seed))

    def _all_rendered(self, dm: Dm, user_id: str) -> Callable[[], bytes]:
        return lambda: encode(self._bodies.message(dm, user_id))

    def _event(
        self,
        event_id: str | None,
        kind: str,
        user_id: str,
        webhook: V2Webhook,
        render: Callable[[], bytes],
        done: Done = lambda status, reason: None,
    ) -> OutgoingEvent:
        secret = self._directory.apps[webhook.app_id].consumer_secret
        return self._sender.event(event_id, kind, user_id, webhook, secret, render, done, v2=True)


def envelope(subscription: ActivitySubscription, payload: dict[str, Any], seed: str) -> dict[str, Any]:
    """Return the body of an event for a subscription. event_uuid is a signed 64-bit number as text."""
    digest = hashlib.sha256(f"{subscription.id} {seed}".encode()).digest()
    return enveloped(subscription, payload, str(int.from_bytes(digest[:8], "big", signed=True)))


def enveloped(
    subscription: ActivitySubscription, payload: dict[str, Any], event_uuid: str, **more: Any
) -> dict[str, Any]:
    """Return the body of an event with this event_uuid. more: `includes`."""
    return {
        "data": {
            "event_uuid": event_uuid,
            "filter": subscription.filter,
            "event_type": subscription.event_type,
            **({"tag": subscription.tag} if subscription.tag else {}),
            "payload": payload,
            **more,
        }
    }


def _encoded(body: dict[str, Any]) -> Callable[[], bytes]:
    return lambda: encode(body)


def _type_of(dm: Dm, user_id: str) -> str:
    return "dm.sent" if user_id == dm.sender_id else "dm.received"
