"""X Chat's encrypted messages: the words an agent reads in place of what cannot be shown."""

from __future__ import annotations

import html
from datetime import datetime

from twitter_connector.model.chat import ChatReceived
from twitter_connector.model.event import DmReceived, Person

WAITING = (
    "[The customer sent an encrypted message (X Chat), which cannot be read here. Read it and answer it in the X app. "
    "Further encrypted messages of today are not announced.]"
)


def as_dm(chat: ChatReceived, text: str, created_at: datetime | None = None) -> DmReceived:
    """Return an encrypted message as a Direct Message with this text."""
    return DmReceived(
        account_id=chat.account_id,
        customer_id=chat.customer_id,
        event_id=chat.event_id,
        created_at=created_at or chat.created_at,
        # As X escapes the texts of Direct Messages.
        text=html.escape(text, quote=False),
        sender=Person(chat.customer_id),
    )
