"""All public posts at X in the order of ids, with their threads, versions and likes."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.snowflake import Snowflakes, created_ms


@dataclass
class Post:
    """A post as it was written.

    `lead` has the mentions that X puts in front of a reply. `mentioned_ids` are the users named in lead and text.
    `history` has the ids of all versions, oldest first, with the post's own id last. `state` is that of a customer's
    post at the desk: sent, delivered or failed. `deliveries` says for each subscribed user whether the event arrived.
    """

    id: str
    author_id: str
    text: str
    conversation_id: str
    by_account: bool
    lead: str = ""
    mentioned_ids: list[str] = field(default_factory=list)
    in_reply_to_id: str | None = None
    in_reply_to_user_id: str | None = None
    quoted_id: str | None = None
    reposted_id: str | None = None
    media_ids: list[str] = field(default_factory=list)
    media_mimes: list[str] = field(default_factory=list)
    source_app_id: str | None = None
    history: list[str] = field(default_factory=list)
    replaced: bool = False
    deleted: bool = False
    hidden: bool = False
    liked_by: list[str] = field(default_factory=list)
    state: str = "sent"
    reason: str | None = None
    deliveries: dict[str, str] = field(default_factory=dict)

    @property
    def created(self) -> float:
        """Epoch seconds, from the id."""
        return created_ms(self.id) / 1000

    @property
    def visible(self) -> bool:
        """Whether readers see it: not deleted, and not an earlier version."""
        return not self.deleted and not self.replaced


class PostStore:
    """Stores posts and finds them by id, author, mentioned user and thread."""

    def __init__(self, journal: Journal, ids: Snowflakes, feed: Feed) -> None:
        self._journal = journal
        self._ids = ids
        self._feed = feed
        self._lock = threading.Lock()
        self._all: dict[str, Post] = {}

    def restore(self) -> None:
        """Read the posts of an earlier run."""
        for record in self._journal.load("post"):
            self._all[record["id"]] = Post(**record)
            self._ids.seen(record["id"])

    def clear(self) -> None:
        """Forget all posts."""
        with self._lock:
            self._all.clear()

    def add(self, make: Callable[[str], Post], dispatch: Callable[[Post], None]) -> Post:
        """Store the post made for a new id and dispatch it, both in the order of ids."""
        with self._lock:
            post = make(self._ids.next())
            post.history = [*post.history, post.id]
            self._all[post.id] = post
            dispatch(post)
        self.changed(post)
        return post

    def get(self, post_id: str | None) -> Post | None:
        """Return a post by id, whatever its state."""
        return self._all.get(post_id) if post_id else None

    def visible(self, post_id: str | None) -> Post | None:
        """Return a post by id, unless it is deleted."""
        post = self.get(post_id)
        return post if post is not None and not post.deleted else None

    def all(self) -> list[Post]:
        """Return all posts, oldest first."""
        with self._lock:
            return list(self._all.values())

    def shown(self) -> list[Post]:
        """Return the posts that readers see, oldest first."""
        return [post for post in self.all() if post.visible]

    def undelivered(self) -> Iterator[tuple[Post, str]]:
        """Yield (post, user id) for each webhook delivery that is pending."""
        for post in self.all():
            for user_id, status in post.deliveries.items():
                if status == "pending":
                    yield post, user_id

    def note_delivery(self, post: Post, user_id: str, status: str, reason: str | None) -> None:
        """Record whether the event has reached the webhook of a subscribed user."""
        if self._all.get(post.id) is not post:
            return
        post.deliveries = {**post.deliveries, user_id: status}
        if status == "failed" and not post.by_account and post.state == "sent":
            post.state, post.reason = "failed", reason
        self.changed(post)

    def reached_desk(self, post_id: str) -> None:
        """Record that CCM has a customer's post."""
        post = self.get(post_id)
        if post is not None and not post.by_account:
            post.state, post.reason = "delivered", None
            self.changed(post)

    def changed(self, post: Post) -> None:
        """Save a post and show it on the page."""
        self._journal.save("post", post.id, post)
        if self._feed.watched:
            self._feed.publish("post", self.show(post))

    def show(self, post: Post) -> dict[str, Any]:
        """Return a post for the page and the control API: as typed, with its state."""
        return {**vars(post), "created": post.created}
