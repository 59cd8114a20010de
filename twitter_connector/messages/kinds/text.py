"""PLAIN: text in both directions, in as many Direct Messages as its length needs."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.event import DmEchoed, DmReceived
from twitter_connector.model.json_fields import spelling
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MediaRef, Plan, SendDm

from ..kind import Kind
from ..markdown import plain_text
from ..text import readable_text, split_lines, split_text

# The page on which X shows a file of a Direct Message. Such a link in a text stands for the attachment.
_media_page = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/messages/media/[0-9]+")
# A Direct Message cannot be edited, so the new text is a new message that says so.
EDITED_MARK = "(edited) "


def to_plan(
    message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING, *, quote: str = ""
) -> Plan:
    """Return one step per Direct Message. Raises UnsupportedKind if there is no text.

    quote: the words an answer to an earlier message (intent REPLY_TO) answers; it stands above the text, counts to
    its length, and goes as it is. CIM names that message by its id only: delivery/reply_quote.py has them from X.
    """
    text = plain_text(written_text(message))
    if not text.strip():
        raise UnsupportedKind(
            "empty_text",
            "The message has no text, so there is nothing to send to the customer. Write one, and send it again.",
        )
    if spelling(message.header.intent) == "update":
        text = EDITED_MARK + text
    if quote:
        text = f"{quote}\n{text}"
    return Plan(text_steps(text))


def body_of(text: str) -> dict[str, Any]:
    """Return the PLAIN body of a text from a customer, or about one."""
    return {"type": "PLAIN", "markdownText": text}


def written(dm: DmReceived | DmEchoed) -> str:
    """Return a message's text as it was typed, without the link that X adds for an attached file."""
    attached = dm.media if isinstance(dm, DmReceived) else None
    if isinstance(dm, DmReceived) and attached is None:
        return readable_text(dm.text, dm.links)
    pages = (known.short for known in dm.links if _media_page.fullmatch(known.expanded))
    return readable_text(dm.text, dm.links, drop=(attached.link if attached else "") or next(pages, ""))


def written_text(message: CimMessage) -> str:
    """Return the body's text, decoded if the header says that it is Base64 and it can be decoded."""
    text = message.body.get("markdownText")
    if not isinstance(text, str):
        return ""
    if not message.header.encoded:
        return text
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except ValueError:  # text that is not ASCII, not Base64, or no UTF-8 inside
        return text


def text_steps(
    text: str, *, media: MediaRef | None = None, below: Mapping[str, Any] | None = None
) -> tuple[SendDm, ...]:
    """Return the steps that send a text; none for a blank one. The first step has the file, the last one the fields
    `below` of SendDm: quick replies, link buttons or a location."""
    return _steps([part for part in split_text(text) if part.strip()], media, below)


def lines_steps(
    text: str, *, media: MediaRef | None = None, below: Mapping[str, Any] | None = None
) -> tuple[SendDm, ...]:
    """Return the same as text_steps for a text of lines, which is divided between lines."""
    return _steps([part.strip("\n") for part in split_lines(text) if part.strip()], media, below)


def _steps(parts: list[str], media: MediaRef | None, below: Mapping[str, Any] | None) -> tuple[SendDm, ...]:
    if not parts and not (media or below):
        return ()
    last = max(len(parts), 1) - 1
    return tuple(
        SendDm(part, media if i == 0 else None, **(below or {} if i == last else {}))
        for i, part in enumerate(parts or [""])
    )


KIND = Kind(("PLAIN",), to_plan)
