"""X Chat: encrypted messages, and what is needed to read and write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .event import Media

# The family of its events, and the flavour of the stored ones.
CHAT = "chat.received"
CHAT_FLAVOUR = "chat"


@dataclass(frozen=True)
class ChatReceived:
    """An encrypted message of X Chat, as X delivers it. The customer is the sender.

    sequence_id: X's place of the event in the conversation; "" if X names none. encoded: the encrypted event.
    key_change: the event that brought the conversation's key, if X sent it along. Both are Base64.
    """

    account_id: str
    customer_id: str
    event_id: str
    created_at: datetime
    conversation_id: str
    sequence_id: str = ""
    encoded: str = field(default="", repr=False)
    key_change: str = field(default="", repr=False)


# What a decrypted event is. KEYLESS: it could not be decrypted. UNVERIFIED: nobody known signed it. OTHER: of a kind
# that becomes no message, or of one that nobody knows.
TEXT, EDITED, DELETED, REACTED, UNREACTED = "text", "edited", "deleted", "reacted", "unreacted"
CHANGED_KEY, KEYLESS, UNVERIFIED, OTHER = "changed_key", "keyless", "unverified", "other"


@dataclass(frozen=True)
class ChatOpened:
    """A decrypted event. text: the words, or the emoji of a reaction. quoted: the words that a reply answers, if the
    quote is proven. option: the metadata of the option that was tapped. detail: X's name of another kind."""

    kind: str
    text: str = field(default="", repr=False)
    is_reply: bool = False
    quoted: str = field(default="", repr=False)
    media: tuple[Media, ...] = field(default=(), repr=False)
    option: str | None = field(default=None, repr=False)
    detail: str = ""


# What is counted of encrypted messages, by account and UTC day. UNREAD: those that the agent cannot read here. NOTICE:
# notices that say so.
UNREAD, NOTICE = "unread", "notice"


@dataclass(frozen=True)
class ChatNoticed:
    """The agent was told that encrypted messages of a customer wait in the X app. day: of the message, ISO, UTC."""

    account_id: str
    customer_id: str
    day: str


@dataclass(frozen=True)
class ChatCounted:
    """One encrypted message counts for this outcome."""

    account_id: str
    outcome: str


@dataclass(frozen=True)
class ChatKeys:
    """The private keys of one account at X Chat: the highest secret here. version: X's number of their public halves.
    blob: identity and signing key, 64 bytes."""

    account_id: str
    version: str
    blob: bytes = field(repr=False)


@dataclass(frozen=True)
class PublicKey:
    """One public key of a user, from X's directory. binding: the identity key's signature of the signing key."""

    user_id: str
    version: str
    identity_key: str
    signing_key: str
    binding: str


@dataclass(frozen=True)
class ConversationKeys:
    """The keys of one conversation. keys: by version, only those of changes that a participant signed. public_keys: of
    both participants."""

    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    public_keys: tuple[PublicKey, ...] = ()

    @property
    def latest(self) -> str:
        """The newest version; "" without any. Versions are numbers."""
        return max(self.keys, key=int, default="")

    def newest_of(self, user_id: str) -> str:
        """Return the newest version of a participant's public keys; "" without any."""
        return max((key.version for key in self.public_keys if key.user_id == user_id), key=int, default="")


# The two ways to a customer: ordinary Direct Messages, and X Chat.
DIRECT, X_CHAT = "dm", "chat"


@dataclass(frozen=True)
class RoadTaken:
    """The customer wrote this way at this moment (epoch ms). Replies take the way of the latest message."""

    account_id: str
    customer_id: str
    road: str
    at_ms: int


class ChatStore(Protocol):
    """Where keys are stored, sealed. Every method raises StoreUnavailable if the broker does not answer."""

    def keys(self, account_id: str) -> ChatKeys | None:
        """Return the private keys of an account; None without any."""

    def has_keys(self, account_id: str) -> bool:
        """Return whether there are private keys of an account, without opening them."""

    def conversation(self, account_id: str, customer_id: str) -> ConversationKeys:
        """Return the keys of a conversation, empty ones if none are stored."""

    def keep(self, account_id: str, customer_id: str, keys: ConversationKeys) -> None:
        """Store the keys of a conversation."""
