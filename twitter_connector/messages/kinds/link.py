"""URL: a message that is one link."""

from __future__ import annotations

from typing import Any

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..kind import Kind
from ..markdown import plain_text
from .text import text_steps, written_text


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return the link as text, below its text if it has one. Raises UnsupportedKind if it has neither."""
    url = text_in(message.body, "mediaUrl", "mediaURL", "url")
    words = plain_text(written_text(message)).strip()
    parts = [words, url if url not in words else ""]
    if not any(parts):
        raise UnsupportedKind(
            "empty_link",
            "The message has no link (mediaUrl is empty), so there is nothing to send to the customer. Send the link "
            "as text.",
        )
    return Plan(text_steps("\n".join(part for part in parts if part)))


def body_of(url: str) -> dict[str, Any]:
    """Return the URL body of a customer's link. Stickers and shared posts arrive as links too."""
    return {"type": "URL", "markdownText": url, "mediaUrl": url, "additionalDetails": {}}


KIND = Kind(("URL",), to_plan)
