"""Sends `chat.received` and `chat.sent` to the webhooks and streams subscribed to them."""

from collections.abc import Callable
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.bodies import encode
from sandbox.twitter.delivery import OutgoingEvent
from sandbox.twitter.event_sender import EventSender
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.encoding import conversation_token, encoded_event, encoded_key_change, read_signature
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.records import ChatEvent
from sandbox.x_v2.activity import envelope
from sandbox.x_v2.parts import V2
from sandbox.x_v2.streams import line
from sandbox.x_v2.subscriptions import ActivitySubscription

RECEIVED, SENT = "chat.received", "chat.sent"
# All that the shorter of both published samples has; it has no filter either.
_SHORT = ("conversation_id", "sender_id", "encoded_event", "conversation_key_version", "conversation_key_change_event")


class ChatDelivery:
    """Sends events of conversations."""

    def __init__(
        self,
        directory: Directory,
        sender: EventSender,
        v2: V2,
        conversations: ChatConversations,
        keys: KeyDirectory,
    ) -> None:
        self._directory = directory
        self._sender = sender
        self._v2 = v2
        self._conversations = conversations
        self._keys = keys

    def announce(self, event: ChatEvent, times: int = 1, swap: bool = False) -> None:
        """Send a new event to the subscribers of both parties."""
        outgoing = [one for user_id in (event.sender_id, event.recipient_id) for one in self._events(event, user_id)]
        event.deliveries = {one.delivery.for_user_id: "pending" for one in outgoing}
        for one in outgoing:
            self._sender.submit(one, swap)
            for _ in range(times - 1):
                self._sender.submit(one.copy(self._sender.number()), swap)
        for user_id in (event.sender_id, event.recipient_id):
            for subscription in self._subscribed(event, user_id):
                if subscription.event_type == RECEIVED:
                    self._v2.credits.charge(subscription.app_id, "chat_received", user_id, event.sequence_id)
                for _ in range(times):
                    self._v2.streams.send(subscription.app_id, line(self.envelope(subscription, event, user_id)))

    def resume(self) -> None:
        """Repeat deliveries that an earlier run did not finish."""
        for event, user_id in self._conversations.undelivered():
            for one in self._events(event, user_id):
                self._sender.submit(one)

    def shown(self, event: ChatEvent, user_id: str) -> dict[str, Any]:
        """Return an event as a party's connector gets it; the payload alone if nobody is subscribed."""
        for subscription in self._subscribed(event, user_id):
            return self.envelope(subscription, event, user_id)
        return self._payload(event, user_id)

    def envelope(self, subscription: ActivitySubscription, event: ChatEvent, user_id: str) -> dict[str, Any]:
        """Return the body for a subscription, in the form that the setting `chat_event_form` names."""
        body = envelope(subscription, self._payload(event, user_id), event.sequence_id)
        if self._v2.settings.chat_event_form == "short":
            del body["data"]["filter"]
        return body

    def _payload(self, event: ChatEvent, user_id: str) -> dict[str, Any]:
        short = self._v2.settings.chat_event_form == "short"
        parties = event.conversation_id.replace(":", "-") if short else f"{event.sender_id}:{event.recipient_id}"
        payload = {
            "conversation_token": conversation_token(event.conversation_id),
            "id": event.message_id,
            "created_at_msec": event.created_at_msec,
            "sender_id": event.sender_id,
            "conversation_id": parties,
            "conversation_key_version": event.key_version,
            "encoded_event": encoded_event(event),
            "conversation_key_change_event": self._key_change(event, user_id),
            "sequence_id": event.sequence_id,
            "message_event_signature": self._signature(event),
        }
        return {name: value for name, value in payload.items() if value and (not short or name in _SHORT)}

    def _key_change(self, event: ChatEvent, user_id: str) -> str | None:
        if not self._v2.settings.chat_key_changes_in_events:
            return None
        change = self._conversations.key_change(event.conversation_id, event.key_version)
        return encoded_key_change(change, user_id) if change else None

    def _signature(self, event: ChatEvent) -> dict[str, str] | None:
        if not event.signature:
            return None
        signature = read_signature(event.signature)
        keys = self._keys.with_version(event.sender_id, signature.public_key_version)
        return {
            "public_key_version": signature.public_key_version,
            "signature": signature.value,
            "signature_version": signature.signature_version,
            "signing_public_key": keys.signing_public_key if keys else "",
        }

    def _subscribed(self, event: ChatEvent, user_id: str) -> list[ActivitySubscription]:
        event_type = SENT if user_id == event.sender_id else RECEIVED
        subscriptions = self._v2.subscriptions.of_user(user_id, event_type)
        if event_type == SENT:
            return subscriptions
        # Without credit, events that cost something stop.
        return [one for one in subscriptions if self._v2.credits.refusal(one.app_id) is None]

    def _events(self, event: ChatEvent, user_id: str) -> list[OutgoingEvent]:
        def done(status: str, reason: str | None) -> None:
            self._conversations.note_delivery(event, user_id, status, reason)

        def rendered(subscription: ActivitySubscription) -> Callable[[], bytes]:
            return lambda: encode(self.envelope(subscription, event, user_id))

        outgoing = []
        for subscription in self._subscribed(event, user_id):
            webhook = self._v2.webhooks.find(subscription.webhook_id)
            if webhook is not None:
                secret = self._directory.apps[webhook.app_id].consumer_secret
                kind, render = subscription.event_type, rendered(subscription)
                outgoing.append(
                    self._sender.event(event.sequence_id, kind, user_id, webhook, secret, render, done, v2=True)
                )
        return outgoing
