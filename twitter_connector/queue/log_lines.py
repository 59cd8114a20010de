"""Writes the lines of a record of the message log: "moment event name=value ...". queue/log_record.py reads them.

A record's name says direction, account and the entry's id. Values have no white space: the ids of X and CIM are checked
when they arrive, and the others are ours.
"""

from __future__ import annotations

from urllib.parse import quote

from twitter_connector.model.message_log import DELIVERED, RECEIVED, REPEATED, Arrival, LogLine

# The entry of an inbound message has one of these before X's id: of a Direct Message, and of a public post.
EVENT_PREFIXES = ("dm:", "post:")
# X allows 15 characters. Old accounts have more.
_NAME_MAX_CHARS = 50


def first_line(arrival: Arrival) -> str:
    """Return the first line of a record, without its moment and without the customer, which lua/log.lua adds."""
    kind = f" kind={_word(arrival.kind)}" if arrival.kind else ""
    return f"{RECEIVED} by={arrival.by} at={arrival.happened_ms}{kind}"


def repeated_line(arrival: Arrival) -> str:
    """Return the line of a repetition, without its moment."""
    return f"{REPEATED} by={arrival.by}"


def text_of(line: LogLine) -> str:
    """Return a line without its moment."""
    text = line.event
    if line.tries:
        text += f" n={line.tries}"
    if line.reason:
        text += f" why={_word(line.reason)}"
    if line.kind:
        text += f" kind={_word(line.kind)}"
    text += "".join(f" x={i}" for i in line.x_ids) + "".join(f" cim={i}" for i in line.cim_ids)
    return text + (f" dead={line.dead_letter_id}" if line.dead_letter_id else "")


def lookups_of(line: LogLine) -> list[str]:
    """Return the ids by which the message is found from this line on. What was delivered to CIM has a Link."""
    ids = [*line.x_ids, *([line.dead_letter_id] if line.dead_letter_id else ())]
    return ids if line.event == DELIVERED else [*ids, *line.cim_ids]


def is_screen_name(name: str) -> bool:
    """Return whether this may be a screen name of X: letters, digits and underscores."""
    return name.isascii() and 0 < len(name) <= _NAME_MAX_CHARS and name.replace("_", "a").isalnum()


def named(screen_name: str, customer_id: str) -> str:
    """Return how the name of a customer is stored."""
    return f"{screen_name.lower()} {quote(customer_id, safe='')}"


def _word(value: str) -> str:
    return quote(value[:60], safe="")
