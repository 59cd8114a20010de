"""PLAIN: text, in as many Direct Messages as its length needs."""

from __future__ import annotations

import base64
import binascii

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.cim import CimMessage
from twitter_connector.model.plan import Plan, SendDm
from twitter_connector.translate.kinds.kind import Kind
from twitter_connector.translate.text import plain_text, split_text


def to_plan(message: CimMessage) -> Plan:
    """Return one step per Direct Message. Raises UnsupportedKind where there is no text to send."""
    text = plain_text(written_text(message))
    steps = tuple(SendDm(piece) for piece in split_text(text) if piece.strip())
    if not steps:
        raise UnsupportedKind("empty_text", "The message has no text, so there is nothing to send to the customer.")
    return Plan(steps)


def written_text(message: CimMessage) -> str:
    """Return the body's text, decoded where the header says that it is Base64 and both decodings succeed."""
    text = message.body.get("markdownText")
    if not isinstance(text, str):
        return ""
    if not message.header.encoded:
        return text
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return text


KIND = Kind(("PLAIN",), to_plan)
