"""CAROUSEL: each card becomes a Direct Message with picture, text and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import Fields, mapping_in, mappings_in, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Asked, MediaRef, Plan, SendDm

from ..attachment import name_in
from ..button_options import (
    Button,
    choices_of,
    is_web_address,
    line_of,
    link_buttons,
    numbered_list,
    quick_replies,
    read_buttons,
)
from ..kind import Kind
from ..markdown import plain_text
from ..text import one_line
from .buttons import NO_PROMPT
from .text import lines_steps, text_steps, written_text

# Our limit: more messages in a row would be too many for a customer.
# https://developer.x.com/en/docs/twitter-api/v1/direct-messages/sending-and-receiving/api-reference/new-event
# Further cards follow as text, several in one message.
CARDS_MAX = 10


@dataclass(frozen=True)
class Card:
    """One element. name: the section title of its options if there are several cards."""

    name: str = field(repr=False)
    text: str = field(repr=False)
    picture: MediaRef | None = field(default=None, repr=False)
    buttons: tuple[Button, ...] = field(default=(), repr=False)

    @property
    def answers(self) -> tuple[Button, ...]:
        return tuple(b for b in self.buttons if b.answers)

    @property
    def links(self) -> tuple[Button, ...]:
        return tuple(b for b in self.buttons if not b.answers)


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return a step or more per card. Raises UnsupportedKind if all cards are empty.

    Options are numbered through all cards, because X offers quick replies at the end of a conversation only.
    Where they all fit, they are offered there as well.
    """
    cards = [card for card in map(_card, mappings_in(message.body, "elements", "data")) if card is not None]
    intro = text_steps(plain_text(written_text(message)))
    if not cards:
        if intro:
            return Plan(intro)
        raise UnsupportedKind(
            "empty_carousel",
            "The carousel has no cards, so there is nothing to send to the customer. Add one, or send a text.",
        )
    answers = [replace(b, section=card.name) if len(cards) > 1 else b for card in cards for b in card.answers]
    choices = choices_of(answers)
    quick = quick_replies(message.id, choices, answers) if can.quick_replies else None
    listed = len(cards) > 1 or quick is None
    steps = [*intro, *_cards(cards, can, listed=listed)]
    if quick is not None:
        last = steps.pop() if steps else SendDm("")  # a single card may be nothing but its options
        steps.append(replace(last, text=last.text or NO_PROMPT, quick_replies=quick))
    return Plan(tuple(steps), Asked(message.id, choices, numbered=listed) if choices else None)


def _cards(cards: Sequence[Card], can: Capabilities, *, listed: bool) -> list[SendDm]:
    steps: list[SendDm] = []
    more: list[str] = []
    number = 1
    for place, card in enumerate(cards, start=1):
        links = link_buttons(card.links) if place <= CARDS_MAX and can.link_buttons else None
        parts = [card.text]
        if card.picture and not can.media:
            parts.append(card.picture.url)
        if links is None:
            parts.append("\n".join(f"• {line_of(b)}" for b in card.links))
        if listed:
            parts.append(numbered_list(card.answers, number))
        number += len(card.answers)
        text = "\n".join(part for part in parts if part)
        if place <= CARDS_MAX:
            # X requires a text above buttons.
            steps += lines_steps(
                text or (NO_PROMPT if links else ""),
                media=card.picture if can.media else None,
                below={"link_buttons": links} if links else None,
            )
        else:
            more.append(text)
    return [*steps, *lines_steps("\n\n".join(text for text in more if text))]


def _card(element: Fields) -> Card | None:
    details = mapping_in(element, "additionalCarouselElementDetails")
    title, said, more = text_in(details, "title"), text_in(element, "text"), text_in(details, "subtitle", "description")
    # Bots repeat a card's title in its text. Send it once.
    parts = [part for part in (title if title.casefold() not in said.casefold() else "", said) if part]
    if more and all(more.casefold() not in part.casefold() for part in parts):
        parts.append(more)
    text = plain_text("\n".join(parts))
    buttons = read_buttons(element)
    opened = text_in(mapping_in(element, "defaultAction"), "url")
    if is_web_address(opened) and opened not in text and all(b.target != opened for b in buttons):
        text = f"{text}\n{opened}".strip("\n")
    url = text_in(element, "url") or text_in(details, "image_url", "imageUrl", "mediaUrl")
    picture = MediaRef(url, name_in(url)) if url else None
    if not (text or picture or buttons):
        return None
    return Card(one_line(title or text.partition("\n")[0]), text, picture, buttons)


KIND = Kind(("CAROUSEL",), to_plan)
