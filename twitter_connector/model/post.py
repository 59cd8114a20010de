"""Public posts: which of them an account takes in, and the events about them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from .event import Link, Media, Person, PostEvent

# Families of events. The names are those of Account Activity.
POST, POST_DELETED = "tweet_create_events", "tweet_delete_events"
# Which posts become comments: those that mention the account, replies to its posts, or both.
OFF, MENTIONS, REPLIES, ALL = "off", "mentions", "replies", "all"
MODES = (OFF, MENTIONS, REPLIES, ALL)


def takes_in(mode: str, addressed: Collection[str]) -> bool:
    """Return whether an account with this mode takes in a post. addressed: MENTIONS, REPLIES or both; how it addresses
    the account."""
    return mode != OFF and any(mode in (ALL, kind) for kind in addressed)


@dataclass(frozen=True)
class PostDeleted(PostEvent):
    """A customer deleted a post. event_id: the post's id. created_at: when it was deleted; None if X does not say.
    comment_ids: those of the comments that CIM has of it."""

    created_at: datetime | None = None
    comment_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PostReceived(PostEvent):
    """A customer wrote in public to the account. event_id: the post's id.

    thread_id: the first post of its thread; "" if X does not say. parent_id: the post that it answers; "" for none.
    earlier_versions: the ids of the posts that it is a newer version of, oldest first. updates: the one of them that
    CIM has; "" for a new comment. deletion: its deletion, if X reported that first.
    """

    created_at: datetime
    text: str = field(default="", repr=False)
    links: tuple[Link, ...] = field(default=(), repr=False)
    sender: Person = field(default_factory=lambda: Person(""))
    media: tuple[Media, ...] = field(default=(), repr=False)
    thread_id: str = ""
    parent_id: str = ""
    earlier_versions: tuple[str, ...] = ()
    updates: str = ""
    deletion: PostDeleted | None = None


@dataclass(frozen=True)
class OwnPost:
    """A post of the account itself, from its timeline. in_reply_to: the post that it answers; "" for none."""

    id: str
    created_ms: int
    in_reply_to: str
    text: str = field(repr=False)
    links: tuple[Link, ...] = field(default=(), repr=False)
