"""What Twitter told us -> CIM messages. Pure: the same event always yields the same messages with the same ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.event import Activity, CustomerTyping, DmEchoed, DmReceived, Media
from twitter_connector.model.message import CimMessage, Header, MediaPart, StoredFile
from twitter_connector.model.plan import Asked, Skip

from .kinds import button_click, image_video, link, location, text, typing
from .message_ids import NAMESPACE, header_of, message_id, split_name, typing_id
from .text import only_link, readable_text

__all__ = [
    "NAMESPACE",
    "header_of",
    "may_be_choice",
    "media_message",
    "media_note",
    "message_id",
    "named_question",
    "split_name",
    "to_cim",
    "typing_notice",
    "written",
]

# Where Twitter shows a medium of a Direct Message; such a link in the text stands for the attachment.
_media_page = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/messages/media/[0-9]+")
_NOTHING = (
    "[The customer sent something that Twitter does not pass on to this channel. Look at it in the Twitter app, or "
    "ask the customer to write it.]"
)


def to_cim(activity: Activity, asked: Asked | None = None) -> tuple[CimMessage | MediaPart, ...] | Skip:
    """Return what an activity becomes at CIM, in its order, or why there is nothing.

    asked: the options this may be an answer to: those of the message that `named_question` names, or the last ones
    that were sent to this customer, if nothing came in between (see `may_be_choice`).
    """
    if not isinstance(activity, DmReceived):
        return Skip(f"ignored_{type(activity).__name__.lower()}")
    return tuple(
        replace(made, id=message_id(activity.account_id, activity.event_id, number))
        for number, made in enumerate(_parts(activity, asked))
    )


def _parts(dm: DmReceived, asked: Asked | None) -> Iterator[CimMessage | MediaPart]:
    """Yield text first, then what is attached: the desk hides a text that stands beside a medium."""
    header = header_of(dm)
    wrote = written(dm)
    if dm.answer is not None:
        yield _click(dm, header, wrote, asked)
    elif may_be_choice(dm) and (choice := button_click.typed_choice(wrote, asked)) and asked:
        yield _clicked(header, choice.title, asked.message_id, choice.payload)
    elif wrote.strip():
        url = only_link(dm.text, dm.links) if dm.media is None else None
        yield _message(header, link.body_of(url) if url else text.body_of(wrote))
    elif dm.media is None and dm.place is None:
        yield _message(header, text.body_of(_NOTHING))
    if dm.media is not None:
        yield _media(header, dm.media)
    if dm.place is not None:
        yield _message(header, location.body_of(dm.place) or text.body_of(location.words_of(dm.place)))


def written(dm: DmReceived | DmEchoed) -> str:
    """Return what was written, without the link that Twitter puts into the text for an attached medium."""
    attached = dm.media if isinstance(dm, DmReceived) else None
    if isinstance(dm, DmReceived) and attached is None:
        return readable_text(dm.text, dm.links)
    pages = (known.short for known in dm.links if _media_page.fullmatch(known.expanded))
    return readable_text(dm.text, dm.links, drop=(attached.link if attached else "") or next(pages, ""))


def _media(header: Header, attached: Media) -> CimMessage | MediaPart:
    part = MediaPart("", header, attached)
    if not image_video.nothing_to_fetch(attached):
        return part
    return media_note(part, Permanent("media_without_file", "Twitter names no file for it."))


# Answers to questions


def named_question(activity: Activity) -> str | None:
    """Return the CIM id of the BUTTON message whose option was tapped; None where it was not one of ours."""
    data = activity.answer.metadata if isinstance(activity, DmReceived) and activity.answer else None
    return button_click.question_in(data) if data else None


def may_be_choice(activity: Activity) -> bool:
    """Say whether this could be a typed answer to a numbered list: a short text and nothing else."""
    if not isinstance(activity, DmReceived) or activity.answer or activity.media or activity.place:
        return False
    return button_click.could_be_choice(readable_text(activity.text, activity.links))


def _click(dm: DmReceived, header: Header, label: str, asked: Asked | None) -> CimMessage:
    data = dm.answer.metadata if dm.answer else None
    payload = button_click.payload_in(data, asked) if data else None
    return _clicked(header, label, named_question(dm), payload)


def _clicked(header: Header, title: str, question_id: str | None, payload: str | None) -> CimMessage:
    intent, entities = button_click.intent_of(payload)
    said = replace(header, intent=intent, entities={**header.entities, **entities}, original_message_id=question_id)
    return _message(said, text.body_of(title))


# What the relay makes of a medium once it knows more


def media_message(part: MediaPart, stored: StoredFile) -> CimMessage:
    """Return the message for a customer's file: IMAGE or VIDEO by its true MIME type (AUDIO or FILE, should Twitter
    ever send such)."""
    return image_video.message_of(part, stored)


def media_note(part: MediaPart, error: ConnectorError) -> CimMessage:
    """Return the PLAIN note that tells the agent what the customer sent and why it could not be had."""
    return image_video.note_of(part, error)


# Typing


def typing_notice(activity: CustomerTyping) -> CimMessage:
    """Return the notice that the customer is typing. It has no provider's id, since Twitter gives it none."""
    first, last = split_name(activity.sender)
    header = Header(activity.account_id, activity.customer_id, first, last, activity.created_at)
    return CimMessage(typing_id(activity), header, typing.typing_body())


def _message(header: Header, body: Mapping[str, Any]) -> CimMessage:
    return CimMessage("", header, body)
