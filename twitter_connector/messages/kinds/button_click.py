"""Taps on buttons: the metadata that goes out with a quick reply, and the message that a tap or typed answer becomes.

The metadata is the CIM id of the BUTTON message and the payload. If that is longer than X allows or ends in white
space, it is the CIM id and the number of the option; the payload then comes from `Plan.asked`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

from twitter_connector.model.event import Activity as Event
from twitter_connector.model.event import DmReceived
from twitter_connector.model.json_fields import is_too_deep
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Asked, Choice

from ..message_ids import header_of
from ..text import one_line, readable_text
from . import text

# https://developer.x.com/en/docs/twitter-api/v1/direct-messages/quick-replies/api-reference/options
METADATA_MAX_CHARS = 1_000

# A CIM id has no white space (cim/envelope.py refuses it), so the first of these marks ends it.
_WITH_PAYLOAD = " :: "
_WITH_NUMBER = " ## "
_ours = re.compile(rf"(\S+)(?:{_WITH_PAYLOAD}(?P<payload>.*)|{_WITH_NUMBER}(?P<number>[0-9]{{1,6}}))", re.DOTALL)

# A longer text is never compared with titles. Options with longer titles are answered by their number.
TYPED_TITLE_MAX_CHARS = 500
_typed_number = re.compile(r"(\d{1,6})[.)]?")


def metadata(message_id: str, choice: Choice) -> str:
    """Return the metadata of one option, at most METADATA_MAX_CHARS long."""
    whole = f"{message_id}{_WITH_PAYLOAD}{choice.payload}"
    # Services often trim white space at the end.
    if len(whole) <= METADATA_MAX_CHARS and whole == whole.rstrip():
        return whole
    return f"{message_id}{_WITH_NUMBER}{choice.number}"


def answer_to(dm: DmReceived, label: str, asked: Asked | None) -> CimMessage | None:
    """Return the message of a tap, or of a typed answer to a numbered list; None if this is neither.

    label: what the customer sees or wrote. asked: the options that may be answered.
    """
    if dm.answer is not None:
        data = dm.answer.metadata
        return _click(dm, label, named_question(dm), payload_in(data, asked) if data else None)
    if may_be_choice(dm) and (choice := typed_choice(label, asked)) and asked:
        return _click(dm, choice.title, asked.message_id, choice.payload)
    return None


def named_question(event: Event) -> str | None:
    """Return the CIM id of the BUTTON message whose option was tapped; None if it was not one of ours."""
    data = event.answer.metadata if isinstance(event, DmReceived) and event.answer else None
    return question_in(data) if data else None


def may_be_choice(event: Event) -> bool:
    """Return whether this can be a typed answer to a numbered list: a short text and nothing else."""
    if not isinstance(event, DmReceived) or event.answer or event.media or event.place:
        return False
    return could_be_choice(readable_text(event.text, event.links))


def _click(dm: DmReceived, title: str, question_id: str | None, payload: str | None) -> CimMessage:
    header = header_of(dm)
    intent, entities = intent_of(payload)
    clicked = replace(header, intent=intent, entities={**header.entities, **entities}, original_message_id=question_id)
    return CimMessage("", clicked, text.body_of(title))


def question_in(data: str) -> str | None:
    """Return the CIM id of the BUTTON message this metadata names; None if it is not ours."""
    parts = _ours.fullmatch(data)
    return parts[1] if parts else None


def payload_in(data: str, asked: Asked | None) -> str | None:
    """Return the payload of this metadata; None if it was too long for X and is no longer stored.

    Metadata that is not ours, of a welcome message for instance, is a payload itself.
    """
    parts = _ours.fullmatch(data)
    if not parts:
        return data
    if parts["payload"] is not None:
        return parts["payload"]
    if asked is None or asked.message_id != parts[1]:
        return None
    return next((c.payload for c in asked.choices if c.number == int(parts["number"])), None)


def typed_choice(words: str, asked: Asked | None) -> Choice | None:
    """Return the option that this text answers, by its number alone or its exact title; None if it answers none.

    The title goes first, since titles may be numbers themselves. A title that several options with different
    payloads have answers none of them.
    """
    if asked is None or not asked.numbered or not could_be_choice(words):
        return None
    answer = _comparable(words)
    titled = [c for c in asked.choices if _comparable(c.title) == answer]
    if titled:
        return titled[0] if len({c.payload for c in titled}) == 1 else None
    number = _typed_number.fullmatch(answer)
    return next((c for c in asked.choices if number and c.number == int(number[1])), None)


def could_be_choice(words: str) -> bool:
    """Return whether a text can answer a numbered list, so that reading the list is worth it."""
    return 0 < len(words.strip()) <= TYPED_TITLE_MAX_CHARS


def intent_of(payload: str | None) -> tuple[str | None, dict[str, Any]]:
    """Return header.intent and header.entities of a click.

    The RASA form `/name{"k":"v"}` is split. Anything else goes unchanged as the intent, and once more into
    `entities`, where a bot that wants the raw payload finds it.
    """
    if not payload or not payload.strip():
        return None, {}
    raw = {"payload": payload}
    name, brace, rest = payload.partition("{")
    name = name.strip()
    if not name.startswith("/") or len(name) == 1:
        return payload, raw
    if not brace:
        return name[1:], {}
    entities = _json_object(brace + rest)
    return (name[1:], raw) if entities is None else (name[1:], entities)


def _json_object(json_text: str) -> dict[str, Any] | None:
    if is_too_deep(json_text):
        return None
    try:
        entities = json.loads(json_text)
        json.dumps(entities, allow_nan=False)  # NaN and 1e999 can be read, but no JSON holds them
    except ValueError:
        return None
    return entities if isinstance(entities, dict) else None


def _comparable(words: str) -> str:
    return unicodedata.normalize("NFC", one_line(words))
