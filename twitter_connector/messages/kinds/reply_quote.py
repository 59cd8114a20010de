"""Quotes: the line above an agent's reply with the words that it answers."""

from __future__ import annotations

import re

from twitter_connector.model.event import DmEchoed, DmReceived
from twitter_connector.model.json_fields import spelling
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..text import one_line, shortened
from . import text

# Enough to recognise a message: two lines on a phone.
QUOTE_MAX_CHARS = 80
# A quote of `quote_of` with text below it.
_above = re.compile(rf"\A“[^\n]{{1,{QUOTE_MAX_CHARS}}}”\n(?=.)")
_half_link = re.compile(r"\s*https?://\S*…\Z")


def quoted_id(message: CimMessage) -> str:
    """Return the CIM id of the message this one answers (PLAIN, intent REPLY_TO); "" if it quotes none."""
    replies = message.type == "PLAIN" and not message.in_public and spelling(message.header.intent) == "replyto"
    return (message.header.original_message_id or "") if replies and not message.is_whisper else ""


def quote_of(dm: DmReceived | DmEchoed) -> str:
    """Return the beginning of a message's text on one line, in quotation marks; "" if there is nothing to quote.

    A text that was cut ends with an ellipsis. A link that would be cut is left out: half a link leads elsewhere.
    """
    words = text.written(dm)
    if isinstance(dm, DmEchoed):
        # For a reply that has a quote itself, use its own words.
        words = _above.sub("", words)
    # JSON may contain half a surrogate pair, which cannot be stored or sent.
    words = one_line(words.encode("utf-8", "ignore").decode("utf-8"))
    short = shortened(words, QUOTE_MAX_CHARS)
    if short != words:
        short = _half_link.sub("…", short)
    return f"“{short}”" if short.strip("…") else ""


def with_quote(message: CimMessage, quote: str) -> Plan:
    """Return the plan for a reply below its quote, "" for none. Raises UnsupportedKind if the reply has no text."""
    return text.to_plan(message, quote=quote)
