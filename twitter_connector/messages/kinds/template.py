"""TEMPLATE: a WhatsApp template. The connector knows its parameters, but only WhatsApp knows its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import Fields, mapping_in, mappings_in, spelling, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..kind import Kind
from ..markdown import plain_text
from .text import text_steps, written_text

_PLACES = ("header", "body", "button")
_placeholder = re.compile(r"\{\{\s*([0-9]{1,3})\s*\}\}")


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return the template's text with its parameters filled in, or else the parameters, one below the other.

    Raises UnsupportedKind where there is neither.
    """
    components = mappings_in(message.body, "components")
    texts = {place: list(_texts(components, place)) for place in _PLACES}
    text = plain_text(written_text(message))
    if text.strip():
        return Plan(text_steps(_placeholder.sub(lambda m: _filled(m, texts["body"]), text)))
    words = "\n".join(part for place in _PLACES for part in texts[place])
    if not words:
        raise UnsupportedKind(
            "template_without_text",
            "A template's wording is known to WhatsApp only, and this one has no parameters with text, so there is "
            "nothing to send to the customer. Send a text instead.",
        )
    return Plan(text_steps(words))


def _filled(placeholder: re.Match[str], values: list[str]) -> str:
    number = int(placeholder[1])
    return values[number - 1] if 0 < number <= len(values) else placeholder[0]


def _texts(components: list[Fields], place: str) -> Iterator[str]:
    for component in components:
        if spelling(component.get("type")).rstrip("s") != place:
            continue
        for parameter in mappings_in(component, "parameters"):
            details = mapping_in(parameter, "additionalParameterDetails") or parameter
            # A button's payload is for the bot, not for the customer.
            own = text_in(details, "text", "fallback_value", "fallbackValue", "link", "url")
            inner = mapping_in(details, "currency", "date_time", "dateTime", "image", "video", "document")
            text = own or text_in(inner, "fallback_value", "fallbackValue", "link", "url")
            if text:
                yield text


KIND = Kind(("TEMPLATE",), to_plan)
