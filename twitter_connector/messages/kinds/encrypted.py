"""X Chat's encrypted messages: what a decrypted one becomes, and the words in place of what cannot be shown."""

from __future__ import annotations

import html

from twitter_connector.model.chat import (
    DELETED,
    EDITED,
    KEYLESS,
    REACTED,
    TEXT,
    UNREACTED,
    UNVERIFIED,
    ChatOpened,
    ChatReceived,
)
from twitter_connector.model.event import DmReceived, Person, QuickReplyAnswer
from twitter_connector.model.plan import Skip

from ..text import one_line, shortened
from .reply_quote import QUOTE_MAX_CHARS
from .text import EDITED_MARK

WAITING = (
    "[The customer sent an encrypted message (X Chat), which cannot be read here. Read it and answer it in the X app. "
    "Further encrypted messages of today are not announced.]"
)
_NOTES = {
    KEYLESS: "[The customer sent an encrypted message (X Chat) that cannot be decrypted here: its key is missing. Read "
    "it in the X app.]",
    UNVERIFIED: "[An encrypted message (X Chat) arrived that this customer did not sign, so it is not shown. Look at "
    "it in the X app, and do not trust it.]",
    DELETED: "[The customer deleted a message in X Chat.]",
    REACTED: "[The customer reacted with {text} to a message.]",
    UNREACTED: "[The customer took back the reaction {text}.]",
}
_UNPROVEN_QUOTE = "[in reply to another message]"


def message_of(chat: ChatReceived, opened: ChatOpened) -> DmReceived | Skip:
    """Return a decrypted message as a Direct Message, or why it becomes none."""
    if opened.kind in _NOTES:
        return as_dm(chat, _NOTES[opened.kind].format(text=opened.text[:16]))
    if opened.kind == EDITED:
        return as_dm(chat, EDITED_MARK + opened.text)
    if opened.kind != TEXT:
        return Skip(f"chat_{opened.kind}")
    return as_dm(chat, _quote(opened) + opened.text, opened)


def as_dm(chat: ChatReceived, text: str, opened: ChatOpened | None = None) -> DmReceived:
    """Return a Direct Message with this text, and with the files and the tapped option of a decrypted message."""
    media = opened.media if opened is not None else ()
    option = opened.option if opened is not None else None
    return DmReceived(
        account_id=chat.account_id,
        customer_id=chat.customer_id,
        event_id=chat.event_id,
        created_at=chat.created_at,
        # As X escapes the texts of Direct Messages.
        text=html.escape(text, quote=False),
        sender=Person(chat.customer_id),
        media=media[0] if media else None,
        answer=QuickReplyAnswer(option) if option is not None else None,
        more_media=media[1:],
    )


def _quote(opened: ChatOpened) -> str:
    """Return the line above a reply: the words it answers if they are proven; "" for a message that is no reply."""
    if not opened.is_reply:
        return ""
    words = shortened(one_line(opened.quoted), QUOTE_MAX_CHARS)
    return f"“{words}”\n" if words else f"{_UNPROVEN_QUOTE}\n"
