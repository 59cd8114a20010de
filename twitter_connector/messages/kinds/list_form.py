"""LIST and FORM_DATA as text. No document describes their bodies, so all usual fields are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import items_in, mapping_in, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..button_options import read_buttons
from ..kind import Kind
from ..markdown import plain_text
from ..text import one_line
from .buttons import menu
from .text import lines_steps, written_text

_TITLES = ("title", "formTitle", "name", "header", "text", "label")
_GROUPS = ("sections", "items", "elements", "rows", "options", "list", "data", "fields", "attributes")
# Deep enough for sections with rows. A body nested on purpose is read no further.
_DEPTH_MAX = 4


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return title and entries as lines, or a menu if there are buttons. Raises UnsupportedKind if there is nothing."""
    body = message.body
    parts = [plain_text(written_text(message)).strip(), *_heading(body)]
    words = "\n".join(dict.fromkeys(part for part in parts if part))
    entries = "\n".join(_entries(body, 0))
    text = "\n".join(part for part in (words, entries) if part)
    buttons = read_buttons(body)
    if not text and not buttons:
        raise UnsupportedKind(
            "empty_list",
            "The message has neither a title nor entries, so there is nothing to send to the customer. Write a text.",
        )
    return menu(message.id, text, buttons, can) if buttons else Plan(lines_steps(text))


def _heading(body: Any) -> Iterator[str]:
    details = mapping_in(body, "additionalDetails")
    yield one_line(text_in(body, *_TITLES) or text_in(details, *_TITLES))
    yield one_line(text_in(body, "description", "subtitle"))


def _entries(body: Any, depth: int) -> Iterator[str]:
    if depth >= _DEPTH_MAX:
        return
    for item in items_in(body, *_GROUPS):
        if isinstance(item, dict):
            title = one_line(text_in(item, *_TITLES))
            description = one_line(text_in(item, "description", "subtitle", "value"))
            words = " – ".join(part for part in (title, description) if part)
            nested = list(_entries(item, depth + 1))
            if words:
                yield words if nested else f"• {words}"
            yield from nested
        elif isinstance(item, str | int | float) and not isinstance(item, bool):
            yield f"• {one_line(str(item))}"


KIND = Kind(("LIST", "FORM_DATA"), to_plan)
