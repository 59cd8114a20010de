"""X Chat: encrypted messages, and what is needed to read and write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
