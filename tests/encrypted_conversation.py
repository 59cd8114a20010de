"""An account of API v2 with X Chat's keys, and a customer who writes encrypted, at X as the sandbox plays it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tree import Control

from sandbox.x_chat.encoding import encoded_event
from sandbox.x_chat.records import ChatEvent
from tests.brokers import settings_in
from tests.contracts.sandbox_x import ADA, IDS, account_at
from twitter_connector.model.account import V2, Account
from twitter_connector.model.chat import ChatKeys, ChatOpened, ChatReceived, ConversationKeys
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.chat.codec import session
from twitter_connector.twitter.chat_objects import chat_event, load
from twitter_connector.twitter.flavours import Chats, Flavours

ACCOUNT = IDS[V2]
PAIR = {"account_id": ACCOUNT, "customer_id": ADA}


@dataclass
class MemoryStore:
    """Keys as store/chat_keys.py stores them."""

    own: dict[str, ChatKeys] = field(default_factory=dict)
    conversations: dict[str, ConversationKeys] = field(default_factory=dict)

    def keys(self, account_id: str) -> ChatKeys | None:
        return self.own.get(account_id)

    def has_keys(self, account_id: str) -> bool:
        return account_id in self.own

    def conversation(self, account_id: str, customer_id: str) -> ConversationKeys:
        return self.conversations.get(customer_id, ConversationKeys())

    def keep(self, account_id: str, customer_id: str, keys: ConversationKeys) -> None:
        self.conversations[customer_id] = keys


@dataclass
class EncryptedConversation:
    """One conversation: what the customer does at X, and what the connector reads of it."""

    control: Control
    account: Account
    chats: Chats
    store: MemoryStore

    def writes(self, text: str, **more: Any) -> str:
        """Let the customer write encrypted. Return the event's sequence id."""
        return str(self.control.post("customer/messages", **PAIR, text=text, encrypted=True, **more)["id"])

    def writes_file(self, content: bytes, name: str) -> str:
        """Let the customer send a file; without a name as phones do. Return the event's sequence id."""
        fields = {**PAIR, "encrypted": "true", "nameless": "true" if not name else "false"}
        url = f"{self.control.url}/_sandbox/customer/messages"
        answer = self.control.http.post(url, data=fields, files={"media_file": (name or "blob", content)}, timeout=60)
        assert answer.status_code < 300, answer.text
        return str(answer.json()["id"])

    def take_keys(self, state: Any) -> None:
        """Give the connector the account's keys that the sandbox wrote into a file."""
        blob = base64.b64decode(Path(state["key_file"]).read_text("ascii"))
        self.store.own[ACCOUNT] = ChatKeys(ACCOUNT, state["key_version"], blob)

    def does(self, what: str, **more: Any) -> str:
        """Let the customer react, edit or delete. Return the event's sequence id."""
        return str(self.control.post(f"x-chat/{what}", **more)["event_id"])

    def event(self, sequence_id: str, **changes: Any) -> ChatReceived:
        """Return an event of X's as a worker gets it."""
        rows = self.control.get("x-chat/events", **PAIR)["events"]
        stored = ChatEvent(**next(row for row in rows if row["sequence_id"] == sequence_id))
        body = {
            "id": stored.message_id,
            "created_at_msec": stored.created_at_msec,
            "sender_id": stored.sender_id,
            "conversation_id": f"{stored.sender_id}:{stored.recipient_id}",
            "encoded_event": encoded_event(stored),
            **changes,
        }
        return load(chat_event(body, ACCOUNT, ACCOUNT).envelope)

    def read(self, sequence_id: str, **changes: Any) -> ChatOpened:
        opened = self.chats.reader().read(self.event(sequence_id, **changes), self.account)
        assert opened is not None
        return opened

    def as_the_customer(self, sequence_id: str) -> Any:
        """Return an event of the account's as the library decrypts it with the conversation's key."""
        rows = self.control.get("x-chat/events", **PAIR)["events"]
        stored = ChatEvent(**next(row for row in rows if row["sequence_id"] == sequence_id))
        keys = self.store.conversations[ADA]
        with session(self.store.own[ACCOUNT]) as opener:
            return opener.opened(encoded_event(stored), ACCOUNT, keys)

    def requests(self, part: str) -> int:
        return len(self.control.get("requests", family="twitter", path=part)["requests"])

    def key_changes(self) -> list[str]:
        """Return the changes of the conversation's key, as X lists them."""
        return self.chats.calls(self.account).events(ADA)[1]


def encrypted_conversation(control: Control, directory: Path) -> EncryptedConversation:
    """Reset X, turn X Chat on between the account and the customer, and give the connector the account's keys."""
    x = account_at(control, V2, directory)
    state = control.post("x-chat", **PAIR)
    flavours = Flavours(
        HttpClient(trust_env=False),
        settings_in(directory, X_API_URL=control.url),
        lambda: datetime.now(UTC),
        _no_budget,
    )
    store = MemoryStore()
    conversation = EncryptedConversation(control, x.account, flavours.chats(store), store)
    conversation.take_keys(state)
    return conversation


def _no_budget(*_: object) -> None:
    pass
