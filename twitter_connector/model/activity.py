"""What Twitter told us, whatever the flavour of its envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

# https://docs.x.com/fundamentals/x-ids: the upper bits of an id are milliseconds since this moment.
SNOWFLAKE_EPOCH_MS = 1288834974657
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """Return the aware UTC moment of epoch milliseconds, exactly (no float on the way)."""
    return _EPOCH + timedelta(milliseconds=ms)


def epoch_ms(at: datetime) -> int:
    """Return whole epoch milliseconds of an aware moment."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def first_id_at(ms: int) -> str:
    """Return the smallest snowflake that could have been made at that epoch millisecond."""
    return str(max(0, ms - SNOWFLAKE_EPOCH_MS) << 22)


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
