"""All encrypted conversations: their keys' changes and their events, in the order of sequence ids."""

import threading
import time
from collections.abc import Callable, Iterator

from sandbox.journal import Journal
from sandbox.snowflake import Snowflakes
from sandbox.x_chat.records import ChatConversation, ChatEvent, KeyChange, conversation_id

# A state never goes back.
_RANK = {"sent": 0, "failed": 1, "delivered": 2, "read": 3}


class ChatConversations:
    """Stores conversations. `tell` is called for each event that is new or has a new state."""

    def __init__(self, journal: Journal, ids: Snowflakes) -> None:
        self._journal = journal
        self._ids = ids
        self._lock = threading.RLock()
        self._all: dict[str, ChatConversation] = {}
        self._changes: dict[str, list[KeyChange]] = {}
        self._events: dict[str, list[ChatEvent]] = {}
        self._by_id: dict[str, ChatEvent] = {}
        self._by_message_id: dict[tuple[str, str], ChatEvent] = {}
        self.tell: Callable[[ChatEvent], None] = lambda event: None

    def restore(self) -> None:
        """Read the conversations of an earlier run."""
        for record in self._journal.load("chat_conversation"):
            self._all[record["id"]] = ChatConversation(**record)
        for record in self._journal.load("chat_key_change"):
            self._index_change(KeyChange(**record))
            self._ids.seen(record["sequence_id"])
        for record in self._journal.load("chat_event"):
            self._index_event(ChatEvent(**record))
            self._ids.seen(record["sequence_id"])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for index in (self._all, self._changes, self._events, self._by_id, self._by_message_id):
                index.clear()

    def between(self, one_id: str, other_id: str) -> ChatConversation | None:
        """Return the conversation of two users."""
        return self._all.get(conversation_id(one_id, other_id))

    def of_user(self, user_id: str) -> list[ChatConversation]:
        """Return the conversations of a user, the one with the latest event first."""
        mine = [conversation for conversation in list(self._all.values()) if user_id in conversation.parties]
        return sorted(mine, key=self.updated_at, reverse=True)

    def updated_at(self, conversation: ChatConversation) -> float:
        """Return the epoch seconds of a conversation's latest event."""
        events = self._events.get(conversation.id)
        return int(events[-1].created_at_msec) / 1000 if events else conversation.made_at

    def open(self, one_id: str, other_id: str) -> ChatConversation:
        """Return the conversation of two users, made if there is none."""
        key = conversation_id(one_id, other_id)
        with self._lock:
            found = self._all.setdefault(key, ChatConversation(key, time.time()))
        self._journal.save("chat_conversation", key, found)
        return found

    def hide(self, conversation: ChatConversation, hidden: bool) -> None:
        """Make a conversation a message request, or accept it."""
        conversation.hidden = hidden
        self._journal.save("chat_conversation", conversation.id, conversation)

    def change_key(self, make: Callable[[str], KeyChange]) -> KeyChange:
        """Store the key change made for a new sequence id."""
        with self._lock:
            change = make(self._ids.next())
            self._index_change(change)
        self._journal.save("chat_key_change", change.sequence_id, change)
        return change

    def post(self, make: Callable[[str], ChatEvent], dispatch: Callable[[ChatEvent], None]) -> ChatEvent:
        """Store the event made for a new sequence id and dispatch it, both in the order of ids."""
        with self._lock:
            event = make(self._ids.next())
            self._index_event(event)
            dispatch(event)
        self._journal.save("chat_event", event.sequence_id, event)
        self.tell(event)
        return event

    def key_changes(self, conversation: str) -> list[KeyChange]:
        """Return the changes of a conversation's key, oldest first."""
        with self._lock:
            return list(self._changes.get(conversation, ()))

    def key_change(self, conversation: str, version: str) -> KeyChange | None:
        """Return the change that brought a version of the key."""
        return next((change for change in self.key_changes(conversation) if change.version == version), None)

    def newest_key(self, conversation: str) -> KeyChange | None:
        """Return the change with the largest version."""
        return max(self.key_changes(conversation), key=lambda change: int(change.version), default=None)

    def events(self, conversation: str) -> list[ChatEvent]:
        """Return the events of a conversation, oldest first."""
        with self._lock:
            return list(self._events.get(conversation, ()))

    def get(self, sequence_id: str) -> ChatEvent | None:
        """Return an event by its sequence id."""
        return self._by_id.get(sequence_id)

    def with_message_id(self, sender_id: str, message_id: str) -> ChatEvent | None:
        """Return the event of a sender with the id that its client gave it."""
        return self._by_message_id.get((sender_id, message_id))

    def find(self, sender_id: str, any_id: str) -> ChatEvent | None:
        """Return an event by its sequence id, or by the id that the client of its sender gave it."""
        return self.get(any_id) or self.with_message_id(sender_id, any_id)

    def undelivered(self) -> Iterator[tuple[ChatEvent, str]]:
        """Yield (event, user id) for each delivery that is pending."""
        for event in list(self._by_id.values()):
            for user_id, status in event.deliveries.items():
                if status == "pending":
                    yield event, user_id

    def note_delivery(self, event: ChatEvent, user_id: str, status: str, reason: str | None) -> None:
        """Record whether an event has reached the webhook of a subscribed user."""
        if self._by_id.get(event.sequence_id) is not event:
            return
        event.deliveries = {**event.deliveries, user_id: status}
        self._journal.save("chat_event", event.sequence_id, event)
        if status == "failed" and not event.by_account and user_id == event.recipient_id:
            self.advance(event, "failed", reason)

    def advance(self, event: ChatEvent, state: str, reason: str | None = None) -> None:
        """Move an event to a later state."""
        if _RANK[state] <= _RANK[event.state]:
            return
        event.state, event.reason = state, reason
        self._journal.save("chat_event", event.sequence_id, event)
        self.tell(event)

    def read_up_to(self, conversation: str, reader_id: str, sequence_id: str) -> None:
        """Mark the other party's events up to this one as read."""
        for event in self.events(conversation):
            if event.sender_id != reader_id and int(event.sequence_id) <= int(sequence_id):
                self.advance(event, "read")

    def _index_change(self, change: KeyChange) -> None:
        self._changes.setdefault(change.conversation_id, []).append(change)

    def _index_event(self, event: ChatEvent) -> None:
        self._by_id[event.sequence_id] = event
        self._by_message_id[event.sender_id, event.message_id] = event
        self._events.setdefault(event.conversation_id, []).append(event)
