"""All Direct Messages at X in the order of ids, with their states."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.snowflake import Snowflakes
from sandbox.twitter.dm import Dm

# A state never goes back: a late report does not make a read message delivered.
_RANK = {"sent": 0, "failed": 1, "delivered": 2, "read": 3}


class Mailbox:
    """Stores messages and finds them by id, by user and by conversation."""

    def __init__(self, journal: Journal, ids: Snowflakes, feed: Feed) -> None:
        self._journal = journal
        self._ids = ids
        self._feed = feed
        self._lock = threading.Lock()
        self._all: dict[str, Dm] = {}
        self._of_user: dict[str, list[Dm]] = {}
        self._of_pair: dict[frozenset[str], list[Dm]] = {}

    def restore(self) -> None:
        """Read the messages of an earlier run."""
        for record in self._journal.load("dm"):
            self._index(Dm(**record))
            self._ids.seen(record["id"])

    def clear(self) -> None:
        """Forget all messages."""
        with self._lock:
            self._all.clear()
            self._of_user.clear()
            self._of_pair.clear()

    def post(self, make: Callable[[str], Dm], dispatch: Callable[[Dm], None]) -> Dm:
        """Store the message made for a new id and dispatch it, both in the order of ids."""
        with self._lock:
            dm = make(self._ids.next())
            self._index(dm)
            dispatch(dm)
        self._journal.save("dm", dm.id, dm)
        self._tell(dm)
        return dm

    def get(self, dm_id: str) -> Dm | None:
        """Return a message by id."""
        return self._all.get(dm_id)

    def all(self) -> list[Dm]:
        """Return all messages, oldest first."""
        with self._lock:
            return list(self._all.values())

    def of_user(self, user_id: str) -> list[Dm]:
        """Return what a user has sent or received, oldest first."""
        with self._lock:
            return list(self._of_user.get(user_id, ()))

    def between(self, one_id: str, other_id: str) -> list[Dm]:
        """Return a conversation, oldest first."""
        with self._lock:
            return list(self._of_pair.get(frozenset((one_id, other_id)), ()))

    def note_delivery(self, dm: Dm, user_id: str, status: str, reason: str | None) -> None:
        """Record whether the event has reached the webhook of a subscribed user."""
        if self._all.get(dm.id) is not dm:
            return
        dm.deliveries = {**dm.deliveries, user_id: status}
        self._journal.save("dm", dm.id, dm)
        if status == "failed" and not dm.by_account and user_id == dm.recipient_id:
            self.advance(dm, "failed", reason)

    def advance(self, dm: Dm, state: str, reason: str | None = None) -> None:
        """Move a message to a later state and notify the page."""
        if _RANK[state] <= _RANK[dm.state]:
            return
        dm.state, dm.reason = state, reason
        self._journal.save("dm", dm.id, dm)
        self._tell(dm)

    def read_up_to(self, reader_id: str, other_id: str, dm_id: str) -> None:
        """Mark all messages of the other party up to this one as read."""
        for dm in self._written(other_id, reader_id):
            if int(dm.id) <= int(dm_id):
                self.advance(dm, "read")

    def undelivered(self) -> Iterator[tuple[Dm, str]]:
        """Yield (message, user id) for each webhook delivery that is pending."""
        for dm in self.all():
            for user_id, status in dm.deliveries.items():
                if status == "pending":
                    yield dm, user_id

    def show(self, dm: Dm) -> dict[str, Any]:
        """Return a message for the page and the control API: as typed, with its state."""
        shown = dict(vars(dm))
        shown["created_timestamp"] = dm.created_timestamp
        return shown

    def _written(self, sender_id: str, recipient_id: str) -> list[Dm]:
        return [dm for dm in self.between(sender_id, recipient_id) if dm.sender_id == sender_id]

    def _tell(self, dm: Dm) -> None:
        if self._feed.watched:
            self._feed.publish("phone", self.show(dm))

    def _index(self, dm: Dm) -> None:
        self._all[dm.id] = dm
        self._of_user.setdefault(dm.sender_id, []).append(dm)
        self._of_user.setdefault(dm.recipient_id, []).append(dm)
        self._of_pair.setdefault(frozenset((dm.sender_id, dm.recipient_id)), []).append(dm)
