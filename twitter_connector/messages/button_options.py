"""Buttons of BUTTON and CAROUSEL bodies: reads them from CIM, and makes quick replies, link buttons or a list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twitter_connector.model.json_fields import Fields, items_in, mapping_in, spelling, text_in
from twitter_connector.model.plan import Choice, LinkButton, QuickReply

from .kinds.button_click import metadata
from .markdown import plain_text
from .text import holds_link, one_line, shortened

# https://developer.x.com/en/docs/twitter-api/v1/direct-messages/quick-replies/api-reference/options
QUICK_REPLIES_MAX = 20
LABEL_MAX_CHARS = 36
DESCRIPTION_MAX_CHARS = 72
# https://developer.x.com/en/docs/twitter-api/v1/direct-messages/buttons/overview
CTAS_MAX = 3
CTA_LABEL_MAX_CHARS = 36

_BETWEEN = " · "
# Types of the bots' platforms. CIM's own enumeration has only `text`.
_OPENS = {"url", "weburl", "link", "ctaurl", "openurl"}
_CALLS = {"phone", "phonenumber", "call", "tel"}


@dataclass(frozen=True)
class Button:
    """One button. target: the address or number that it opens; "" for a button whose payload goes back to the bot."""

    title: str = field(repr=False)
    payload: str = field(default="", repr=False)
    target: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    section: str = field(default="", repr=False)

    @property
    def answers(self) -> bool:
        return not self.target

    @property
    def opens(self) -> bool:
        return is_web_address(self.target)


def read_buttons(body: Fields) -> tuple[Button, ...]:
    """Return the buttons of a body or of a carousel's element, in their order."""
    buttons = []
    for number, item in enumerate(items_in(body, "buttons"), start=1):
        raw = {"title": item} if isinstance(item, str) else item
        if isinstance(raw, dict):
            buttons.append(_button(raw, number))
    return tuple(buttons)


def _button(raw: Fields, number: int) -> Button:
    details = mapping_in(raw, "additionalButtonDetails")
    payload = _payload(raw.get("payload"))
    target = _target(spelling(raw.get("type")), raw, details, payload.strip())
    description = _words(details, "description") or _words(raw, "description")
    return Button(
        title=_words(raw, "title", "text", "label") or description or target or str(number),
        payload=payload,
        target=target,
        description=description,
        section=_words(details, "sectionTitle") or _words(raw, "sectionTitle"),
    )


def _target(kind: str, raw: Fields, details: Fields, payload: str) -> str:
    if kind in _OPENS:
        places = (payload, text_in(raw, "url"), text_in(details, "url", "link"))
        return next((place for place in places if is_web_address(place)), next(filter(None, places), ""))
    if kind in _CALLS:
        return payload or text_in(raw, "phone", "phoneNumber") or text_in(details, "phone", "phoneNumber")
    return ""


def _payload(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _words(body: Fields, *names: str) -> str:
    return one_line(plain_text(text_in(body, *names)))


def is_web_address(text: str) -> bool:
    """Return whether a button may open this: an http or https address with a host, and nothing around it."""
    if any(c.isspace() for c in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def choices_of(buttons: Sequence[Button], first: int = 1) -> tuple[Choice, ...]:
    """Return the options that answer, each with its number among all buttons."""
    return tuple(Choice(n, b.title, b.payload) for n, b in enumerate(buttons, start=first) if b.answers)


def quick_replies(
    message_id: str, choices: Sequence[Choice], buttons: Sequence[Button]
) -> tuple[QuickReply, ...] | None:
    """Return the quick replies for these buttons and their choices, or None if X cannot show them: too many,
    one that does not answer, a link in a title, or a section title that would be cut."""
    if not 1 <= len(buttons) <= QUICK_REPLIES_MAX or len(choices) != len(buttons):
        return None
    if any(holds_link(b.title) for b in buttons):
        return None
    descriptions = [_description(b) for b in buttons]
    if None in descriptions:
        return None
    options = []
    for choice, button, description in zip(choices, buttons, descriptions, strict=True):
        label = shortened(button.title, LABEL_MAX_CHARS)
        # X requires a description for each option or for none.
        below = description or shortened(button.title, DESCRIPTION_MAX_CHARS) if any(descriptions) else ""
        options.append(QuickReply(label, metadata(message_id, choice), below))
    return tuple(options)


def _description(button: Button) -> str | None:
    # The full title if the label is too short for it, then the section, then the bot's description.
    first = [button.title] if len(button.title) > LABEL_MAX_CHARS else []
    if button.section:
        first.append(button.section)
        if len(_BETWEEN.join(first)) > DESCRIPTION_MAX_CHARS:
            return None
    rest = [button.description] if button.description and button.description != button.title else []
    return shortened(_BETWEEN.join(first + rest), DESCRIPTION_MAX_CHARS)


def link_buttons(buttons: Sequence[Button]) -> tuple[LinkButton, ...] | None:
    """Return the link buttons for these buttons, or None if X cannot show them."""
    if not 1 <= len(buttons) <= CTAS_MAX or any(not b.opens or holds_link(b.title) for b in buttons):
        return None
    return tuple(LinkButton(shortened(b.title, CTA_LABEL_MAX_CHARS), b.target) for b in buttons)


def line_of(button: Button) -> str:
    """Return a button as a line of a list: title, address and description."""
    line = button.title
    if button.target and button.target not in button.title:
        line = f"{line}: {button.target}"
    if button.description and button.description != button.title:
        line = f"{line} – {button.description}"
    return line


def numbered_list(buttons: Sequence[Button], first: int = 1) -> str:
    """Return the buttons as numbered lines, each section below its title."""
    lines: list[str] = []
    section = ""
    for number, button in enumerate(buttons, start=first):
        if button.section != section:
            section = button.section
            if lines:
                lines.append("")
            if section:
                lines.append(section)
        lines.append(f"{number}. {line_of(button)}")
    return "\n".join(lines)
