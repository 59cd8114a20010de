"""The words an agent's reply answers, as a line above it: which message they are of, and how they look. Pure."""

from __future__ import annotations

import re

from twitter_connector.model.event import DmEchoed, DmReceived
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..body_fields import spelling
from ..text import one_line, shortened
from . import text

# Enough to know a message again; on a phone it is two lines.
QUOTE_MAX_CHARS = 80
# A quote as `quote_of` makes it, above more.
_above = re.compile(rf"\A“[^\n]{{1,{QUOTE_MAX_CHARS}}}”\n(?=.)")
_half_link = re.compile(r"\s*https?://\S*…\Z")


def quoted_id(message: CimMessage) -> str:
    """Return the CIM id of the message this one answers (PLAIN, intent REPLY_TO); "" where it quotes none."""
    replies = message.type == "PLAIN" and spelling(message.header.intent) == "replyto"
    return (message.header.original_message_id or "") if replies and message.body.get("isWhisper") is not True else ""


def quote_of(dm: DmReceived | DmEchoed) -> str:
    """Return the beginning of a message's text on one line, in quotation marks; "" where there is nothing to quote.

    What was cut ends with an ellipsis. A link that would be cut is left out, since half of it leads elsewhere.
    """
    words = text.written(dm)
    if isinstance(dm, DmEchoed):
        # A reply that is answered itself: its own words count, not those it quotes.
        words = _above.sub("", words)
    # JSON may hold half a surrogate pair, which can be neither stored nor sent.
    words = one_line(words.encode("utf-8", "ignore").decode("utf-8"))
    short = shortened(words, QUOTE_MAX_CHARS)
    if short != words:
        short = _half_link.sub("…", short)
    return f"“{short}”" if short.strip("…") else ""


def with_quote(message: CimMessage, quote: str) -> Plan:
    """Return the plan for a reply below its quote; "" for none. Raises what its kind's plan raises."""
    return text.to_plan(message, quote=quote)
