"""Sends events to subscribers: to v1.1 webhooks here, to v2 webhooks and streams through `x_v2`."""

from collections.abc import Callable

from sandbox.people import Directory
from sandbox.twitter.bodies import Bodies, encode
from sandbox.twitter.delivery import OutgoingEvent
from sandbox.twitter.dm import Dm
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.mailbox import Mailbox
from sandbox.twitter.webhooks import Webhook, Webhooks
from sandbox.x_v2.activity import V2Activity

TYPING = "direct_message_indicate_typing_events"
READ = "direct_message_mark_read_events"


class Activity:
    """Sends messages and signals to subscribers."""

    def __init__(
        self,
        directory: Directory,
        webhooks: Webhooks,
        sender: EventSender,
        mailbox: Mailbox,
        bodies: Bodies,
        v2: V2Activity,
    ) -> None:
        self._directory = directory
        self._webhooks = webhooks
        self._sender = sender
        self._mailbox = mailbox
        self._bodies = bodies
        self._v2 = v2

    def announce(self, dm: Dm, times: int = 1, swap: bool = False) -> None:
        """Send a new message to the subscribers of both parties."""
        parties = list(dict.fromkeys((dm.sender_id, dm.recipient_id)))
        events = [event for user_id in parties for event in self._message(dm, user_id)]
        events += [event for user_id in parties for event in self._v2.message(dm, user_id)]
        dm.deliveries = {event.delivery.for_user_id: "pending" for event in events}
        unheard = dm.recipient_id not in dm.deliveries and not self._v2.is_open(dm.recipient_id)
        if unheard and not dm.by_account:
            dm.state, dm.reason = "failed", "Nobody is subscribed to this account's messages."
        for event in events:
            self._sender.submit(event, swap)
            for _ in range(times - 1):
                self._sender.submit(event.copy(self._sender.number()), swap)
        for user_id in parties:
            self._v2.stream_message(dm, user_id, times)

    def resume(self) -> None:
        """Repeat deliveries that an earlier run did not finish."""
        for dm, user_id in self._mailbox.undelivered():
            for event in [*self._message(dm, user_id), *self._v2.message(dm, user_id)]:
                self._sender.submit(event)

    def indicate_typing(self, sender_id: str, recipient_id: str, now_ms: str) -> None:
        """Tell the recipient's subscribers that the sender is typing. It has no id and is not stored."""
        self._signal(TYPING, "dm.indicate_typing", sender_id, recipient_id, now_ms, {})

    def mark_read(self, sender_id: str, recipient_id: str, now_ms: str, dm_id: str) -> None:
        """Tell the recipient's subscribers that the sender has read up to a message."""
        self._signal(READ, "dm.read", sender_id, recipient_id, now_ms, {"last_read_event_id": dm_id})

    def revoke(self, user_id: str, app_id: str, date_time: str, webhooks: list[Webhook]) -> None:
        """Tell an app that a user revoked its access."""
        body = self._bodies.revoke(user_id, app_id, date_time)
        for webhook in webhooks:
            self._sender.submit(self._event(None, "user_event", user_id, webhook, lambda: encode(body)))

    def _message(self, dm: Dm, user_id: str) -> list[OutgoingEvent]:
        def done(status: str, reason: str | None) -> None:
            self._mailbox.note_delivery(dm, user_id, status, reason)

        def render() -> bytes:
            return encode(self._bodies.message(dm, user_id))

        return [
            self._event(dm.id, "direct_message_events", user_id, webhook, render, done)
            for webhook in self._webhooks.listening_to(user_id)
        ]

    def _signal(
        self, kind: str, event_type: str, sender_id: str, recipient_id: str, now_ms: str, extra: dict[str, str]
    ) -> None:
        entry = {"created_timestamp": now_ms, "sender_id": sender_id, "target": {"recipient_id": recipient_id}, **extra}
        body = self._bodies.signal(kind, entry)
        for webhook in self._webhooks.listening_to(recipient_id):
            self._sender.submit(self._event(None, kind, recipient_id, webhook, lambda: encode(body)))
        self._v2.signal(kind, event_type, entry)

    def _event(
        self,
        event_id: str | None,
        kind: str,
        user_id: str,
        webhook: Webhook,
        render: Callable[[], bytes],
        done: Callable[[str, str | None], None] = lambda status, reason: None,
    ) -> OutgoingEvent:
        secret = self._directory.apps[webhook.app_id].consumer_secret
        return self._sender.event(event_id, kind, user_id, webhook, secret, render, done)
