"""Events of X, in one form for all flavours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .account import V1
from .chat import ChatReceived
from .timestamps import first_id_at

DM, READ = "direct_message_events", "direct_message_mark_read_events"
TYPING = "direct_message_indicate_typing_events"

_ID_MAX_DIGITS = 20


@dataclass(frozen=True)
class Person:
    """An X user, from the event's `users` map. Values it lacks are ""."""

    id: str
    name: str = ""
    screen_name: str = ""


@dataclass(frozen=True)
class Link:
    """A t.co link in a text, and its target."""

    short: str
    expanded: str


@dataclass(frozen=True)
class Variant:
    """One encoding of a video. bitrate is in bits per second, 0 for an animated GIF, None if unknown."""

    url: str
    content_type: str
    bitrate: int | None = None


@dataclass(frozen=True)
class Media:
    """The one attachment a DM may carry. kind: photo, animated_gif, video, or a value we do not know."""

    id: str
    kind: str
    url: str
    link: str = ""
    """The t.co link that X appended to the text for it."""
    variants: tuple[Variant, ...] = ()
    duration_ms: int | None = None


@dataclass(frozen=True)
class Place:
    """A location the customer shared. Coordinates are None if X names only a place."""

    latitude: float | None = None
    longitude: float | None = None
    name: str = ""
    address: str = ""
    place_id: str = ""


@dataclass(frozen=True)
class QuickReplyAnswer:
    """The option the customer tapped. metadata: as we sent it; None if the option had none."""

    metadata: str | None


@dataclass(frozen=True)
class Dm:
    """Fields of every Direct Message, in both directions. text: as X escaped it."""

    account_id: str
    customer_id: str
    event_id: str
    created_at: datetime
    text: str = field(repr=False)
    links: tuple[Link, ...] = field(default=(), repr=False)
    source_app_id: str | None = None


@dataclass(frozen=True)
class DmReceived(Dm):
    """The customer wrote to the account. more_media: further files; only messages of X Chat have any."""

    sender: Person = Person("")
    media: Media | None = field(default=None, repr=False)
    place: Place | None = field(default=None, repr=False)
    answer: QuickReplyAnswer | None = field(default=None, repr=False)
    welcome_message_id: str | None = None
    prompt_tweet_id: str | None = None
    more_media: tuple[Media, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class DmEchoed(Dm):
    """A message of the account itself, sent by us or by a person in another client."""


@dataclass(frozen=True)
class DmRead:
    """The customer has read all messages up to `last_read_event_id`."""

    account_id: str
    customer_id: str
    last_read_event_id: str
    created_at: datetime
    reader: Person = Person("")


@dataclass(frozen=True)
class CustomerTyping:
    """The customer is typing. Of no use a few seconds later."""

    account_id: str
    customer_id: str
    created_at: datetime
    sender: Person = Person("")


@dataclass(frozen=True)
class PostEvent:
    """An event about a customer's public post; see model/post."""

    account_id: str
    customer_id: str
    event_id: str


@dataclass(frozen=True)
class AccessRevoked:
    """The account's owner revoked the app's access. No further events arrive."""

    account_id: str
    app_id: str


@dataclass(frozen=True)
class UnknownActivity:
    """A valid event that this connector does not use. key: the event family, for the metric."""

    key: str


Activity = DmReceived | DmEchoed | DmRead | CustomerTyping | ChatReceived | PostEvent | AccessRevoked | UnknownActivity


@dataclass(frozen=True)
class RawEvent:
    """One activity of a payload as received, with the ids that its lane needs.

    family: the payload's key. own: the account itself did it. app_id: the app it was written with; "" if X does not
    say. text, links: of the account's own messages only. readable: False if even the ids are missing. flavour: the
    API that sent it and reads the envelope in full. order_id: the X id by which its lane is ordered, if not its own id.
    addressed: how a post addresses the account, see model/post.takes_in.
    """

    family: str
    account_id: str
    customer_id: str = ""
    id: str = ""
    created_ms: int = 0
    own: bool = False
    app_id: str = ""
    readable: bool = True
    text: str = field(default="", repr=False)
    links: tuple[Link, ...] = field(default=(), repr=False)
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flavour: str = V1
    order_id: str = ""
    addressed: tuple[str, ...] = ()


def is_id(value: object) -> bool:
    """Return True if this is an X id as text: only digits, so that it is safe in a key, a path and a log."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _ID_MAX_DIGITS


def id_text(value: object) -> str:
    """Return an id, received as text or as a number, as text; "" if it is none."""
    # X sends 64-bit ids as text. A number is exact too: Python reads integers of any size.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and is_id(text) else ""


def order_of(raw_event: RawEvent) -> str:
    """Return sortable text that orders activities within a lane by X's ids."""
    own_id = raw_event.id if raw_event.family == DM or raw_event.addressed else ""
    event_id = raw_event.order_id or own_id or first_id_at(raw_event.created_ms)
    return f"0{event_id:0>20}"
