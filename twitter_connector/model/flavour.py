"""A flavour: one of X's APIs, as a value. Made in `twitter/flavours`; delivery and accounts act through it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .account import Account, Credentials, Webhook
from .capabilities import Capabilities
from .event import Activity, DmEchoed, DmReceived, RawEvent
from .lookup import SentList
from .plan import SendDm, Upload
from .subscription import Subscriptions


class Messages(Protocol):
    """The Direct Messages of one account. Every method raises an error of one of the families."""

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one Direct Message; return its id. Raises OutcomeUnknown if it may have been sent."""

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        """Mark the conversation with this customer as read up to their message `event_id`."""

    def show_typing(self, recipient_id: str) -> None:
        """Show the customer, for about three seconds, that somebody is typing."""

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        """Return one message of the account's conversations. Gives up after a few seconds."""

    def sent_since(self, since: datetime) -> SentList:
        """Return the account's own messages since a moment, newest first, as far as X lists them."""

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Yield the account's messages of both directions since a moment, newest first."""


# Reasons of the errors that the steps of a registration tell apart.
WEBHOOK_LIMIT = "webhook_limit_reached"
CHALLENGE_FAILED = "challenge_failed"


class Registration(Protocol):
    """Webhook and subscription of one account. Every method raises an error of one of the families."""

    @property
    def webhook_scope(self) -> Hashable:
        """Accounts with an equal scope share one webhook."""

    @property
    def webhook_place(self) -> str:
        """Return what the webhooks belong to, as the subject of a sentence."""

    def who_am_i(self) -> tuple[str, str, str]:
        """Return (id, screen name, name) of the access token's owner. Values X does not return are ""."""

    def user_id(self, username: str) -> str | None:
        """Return the id of a user name, or None if there is no such user."""

    @property
    def needs_webhook(self) -> bool:
        """Return whether the account's events come over a webhook."""

    def webhooks(self) -> list[Webhook]:
        """Return all webhooks of the scope, also those of others."""

    def create_webhook(self, url: str) -> Webhook:
        """Register a URL; X sends its challenge there first.

        Raises Permanent WEBHOOK_LIMIT (X allows no further webhook, or has this URL already) or CHALLENGE_FAILED.
        """

    def check_webhook(self, webhook_id: str) -> None:
        """Have X repeat its challenge. A webhook that answers is valid from then on. Raises CHALLENGE_FAILED."""

    def delete_webhook(self, webhook_id: str) -> None: ...

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        """Create each missing subscription on this webhook. Return all subscriptions."""

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        """Return the subscriptions as X shows them."""

    def unsubscribe(self) -> None:
        """Delete our subscriptions of the account. Does nothing if there are none."""

    def application_id(self) -> str:
        """Return X's id of our app; "" if X does not return it."""


class Uploads(Protocol):
    """File uploads of any account."""

    def carry_on(self, credentials: Credentials, upload: Upload, outgoing: Any, keep: Callable[[Upload], None]) -> str:
        """Continue an upload and return its media id once it may be sent; see twitter/chunked_upload."""


@dataclass(frozen=True)
class Events:
    """How a flavour's events are read.

    raw_events: divides a webhook's body, whose account is in the path, into events; reads ids only. load: reads one
    stored event in full; raises Permanent(unreadable_event).
    """

    raw_events: Callable[[Mapping[str, Any], str], Iterator[RawEvent]]
    load: Callable[[Mapping[str, Any]], Activity]


@dataclass(frozen=True)
class Flavour:
    """One of X's APIs. name: as stored with accounts. messages, registration: make the gateway of one account, which
    need not be registered."""

    name: str
    events: Events
    messages: Callable[[Account], Messages]
    registration: Callable[[Account], Registration]
    media: Uploads
    can: Capabilities
