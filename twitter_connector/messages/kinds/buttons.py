"""BUTTON, also called quick replies or list menu: quick replies, links on buttons, or a numbered list in text."""

from __future__ import annotations

from collections.abc import Sequence

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import mapping_in, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Asked, Plan

from ..button_options import Button, choices_of, link_buttons, numbered_list, quick_replies, read_buttons
from ..kind import Kind
from ..markdown import plain_text
from .text import lines_steps, text_steps, written_text

# X requires a text above buttons. If CIM has none, this sign needs no language.
NO_PROMPT = "👇"


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return the question with its options. Raises UnsupportedKind if it has neither."""
    buttons = read_buttons(message.body)
    prompt = prompt_of(message)
    if not buttons and not prompt.strip():
        raise UnsupportedKind(
            "empty_buttons",
            "The message has neither a text nor buttons, so there is nothing to send to the customer. Write a text.",
        )
    return menu(message.id, prompt, buttons, can)


def menu(message_id: str, prompt: str, buttons: Sequence[Button], can: Capabilities) -> Plan:
    """Return the plan for a text with these buttons below it, in the best form that the X API has for them."""
    if not buttons:
        return Plan(text_steps(prompt))
    prompt = prompt if prompt.strip() else NO_PROMPT
    choices = choices_of(buttons)
    quick = quick_replies(message_id, choices, buttons) if can.quick_replies else None
    if quick is not None:
        return Plan(text_steps(prompt, below={"quick_replies": quick}), Asked(message_id, choices))
    links = link_buttons(buttons) if can.link_buttons else None
    if links is not None:
        return Plan(text_steps(prompt, below={"link_buttons": links}))
    steps = lines_steps(f"{prompt}\n\n{numbered_list(buttons)}")
    return Plan(steps, Asked(message_id, choices, numbered=True) if choices else None)


def prompt_of(message: CimMessage) -> str:
    """Return the question above the options.

    `additionalDetails.interactive` is the same question as another channel would draw it; it is read only where
    `markdownText` is blank.
    """
    text = plain_text(written_text(message))
    if text.strip():
        return text
    interactive = mapping_in(mapping_in(message.body, "additionalDetails"), "interactive")
    parts = [text_in(mapping_in(interactive, name), "text") for name in ("header", "body", "footer")]
    return plain_text("\n".join(part for part in parts if part))


KIND = Kind(("BUTTON",), to_plan)
