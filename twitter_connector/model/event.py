"""What Twitter told us, whatever the flavour of its envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .account import V1
from .timestamps import first_id_at

DM = "direct_message_events"
TYPING = "direct_message_indicate_typing_events"
READ = "direct_message_mark_read_events"
# An encrypted message of X Chat.
CHAT = "chat.received"

_ID_MAX_DIGITS = 20


@dataclass(frozen=True)
class Person:
    """A Twitter user as the event's `users` map shows them. Empty strings where it is silent."""

    id: str
    name: str = ""
    screen_name: str = ""


@dataclass(frozen=True)
class Link:
    """A t.co link in a text and where it leads."""

    short: str
    expanded: str


@dataclass(frozen=True)
class Variant:
    """One encoding of a video. bitrate is in bits per second, 0 for an animated GIF, None where not told."""

    url: str
    content_type: str
    bitrate: int | None = None


@dataclass(frozen=True)
class Media:
    """The one attachment a DM may carry. kind: photo, animated_gif, video, or a word we do not know yet."""

    id: str
    kind: str
    url: str
    link: str = ""
    """The t.co link Twitter appended to the text for it."""
    variants: tuple[Variant, ...] = ()
    duration_ms: int | None = None


@dataclass(frozen=True)
class Place:
    """A location the customer shared. Coordinates are None where Twitter names only a place."""

    latitude: float | None = None
    longitude: float | None = None
    name: str = ""
    address: str = ""
    place_id: str = ""


@dataclass(frozen=True)
class QuickReplyAnswer:
    """The option the customer tapped. metadata is ours, as we sent it; None where the option had none."""

    metadata: str | None


@dataclass(frozen=True)
class Dm:
    """What every Direct Message has, in either direction. `text` is as Twitter escaped it."""

    account_id: str
    customer_id: str
    event_id: str
    created_at: datetime
    text: str = field(repr=False)
    links: tuple[Link, ...] = field(default=(), repr=False)
    source_app_id: str | None = None


@dataclass(frozen=True)
class DmReceived(Dm):
    """The customer wrote to the account."""

    sender: Person = Person("")
    media: Media | None = field(default=None, repr=False)
    place: Place | None = field(default=None, repr=False)
    answer: QuickReplyAnswer | None = field(default=None, repr=False)
    welcome_message_id: str | None = None
    prompt_tweet_id: str | None = None


@dataclass(frozen=True)
class DmEchoed(Dm):
    """The account's own message coming back: sent by us, or by a person in another client."""


@dataclass(frozen=True)
class DmRead:
    """The customer has read everything up to `last_read_event_id`."""

    account_id: str
    customer_id: str
    last_read_event_id: str
    created_at: datetime
    reader: Person = Person("")


@dataclass(frozen=True)
class CustomerTyping:
    """The customer is typing. Worth nothing a few seconds later."""

    account_id: str
    customer_id: str
    created_at: datetime
    sender: Person = Person("")


@dataclass(frozen=True)
class AccessRevoked:
    """The account's owner took the app's access away; no further event will come."""

    account_id: str
    app_id: str


@dataclass(frozen=True)
class UnknownActivity:
    """Something valid that is not for this connector. key: the event family, for the metric."""

    key: str


Activity = DmReceived | DmEchoed | DmRead | CustomerTyping | AccessRevoked | UnknownActivity


@dataclass(frozen=True)
class RawEvent:
    """One activity of a payload, still as received, with what its lane needs to know.

    family: the payload's key. own: the account's own doing. app_id: the app it was written with; "" where X does not
    say. text, links: of the account's own messages only. readable: False if even the ids are missing. flavour: the
    API that sent it and reads the envelope in full.
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


def is_id(value: object) -> bool:
    """Say whether this is a Twitter id as text: digits only, so that it is safe in a key, a path and a log."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _ID_MAX_DIGITS


def id_text(value: object) -> str:
    """Return an id as text, whether it came as text or as a number; "" where it is none."""
    # 64-bit ids arrive as text; a number is exact too, since Python reads integers of any size.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and is_id(text) else ""


def order_of(raw_event: RawEvent) -> str:
    """Return where the activity belongs among all that wait in its lane: by Twitter's ids, as sortable text."""
    event_id = raw_event.id if raw_event.family == DM else first_id_at(raw_event.created_ms)
    return f"0{event_id:0>20}"
