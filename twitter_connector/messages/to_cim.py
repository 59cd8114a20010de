"""What becomes of X's events at CIM. Pure: the same event always gives the same messages with the same ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.event import Activity, DmReceived
from twitter_connector.model.message import SM, CimMessage, Header, MediaPart, StoredFile
from twitter_connector.model.plan import Asked, Skip
from twitter_connector.model.post import PostDeleted, PostReceived

from .kinds import button_click, comment, image_video, link, location, text
from .kinds.button_click import may_be_choice, named_question
from .kinds.text import written
from .kinds.typing import notice_of as typing_notice
from .message_ids import NAMESPACE, header_of, message_id, split_name
from .text import only_link

__all__ = [
    "NAMESPACE",
    "header_of",
    "kind_of",
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

_NOTHING = (
    "[The customer sent something that X does not pass on to this channel. Look at it in the X app, or "
    "ask the customer to write it.]"
)


def to_cim(activity: Activity, asked: Asked | None = None) -> tuple[CimMessage | MediaPart, ...] | Skip:
    """Return what an event becomes at CIM, in its order, or why there is nothing.

    asked: the options this may be an answer to: those of the message that `named_question` names, or the last ones
    that were sent to this customer, if nothing came in between (see `may_be_choice`).
    """
    if isinstance(activity, PostReceived):
        return comment.received(activity)
    if isinstance(activity, PostDeleted):
        return comment.deleted(activity)
    if not isinstance(activity, DmReceived):
        return Skip(f"ignored_{type(activity).__name__.lower()}")
    return tuple(
        replace(made, id=message_id(activity.account_id, activity.event_id, number))
        for number, made in enumerate(_parts(activity, asked))
    )


def media_message(part: MediaPart, stored: StoredFile) -> CimMessage:
    """Return the CIM message of a customer's file, by its true MIME type."""
    return comment.media_of(part, stored) if part.thread_id else image_video.message_of(part, stored)


def media_note(part: MediaPart, error: ConnectorError) -> CimMessage:
    """Return the note in place of a customer's file."""
    return comment.note_of(part, error) if part.thread_id else image_video.note_of(part, error)


def kind_of(made: Sequence[CimMessage | MediaPart]) -> str:
    """Return the CIM type of what an event becomes: of its last part, since the text comes first."""
    # What follows comments is their deletion.
    part = made[0] if made[0].header.message_type == SM else made[-1]
    if isinstance(part, CimMessage):
        return part.type
    if part.thread_id:
        return "COMMENT"
    return "IMAGE" if part.media.kind == "photo" else "VIDEO"


def _parts(dm: DmReceived, asked: Asked | None) -> Iterator[CimMessage | MediaPart]:
    """Yield the text first, then what is attached: the desk hides a text beside a file."""
    header, words = header_of(dm), written(dm)
    answer = button_click.answer_to(dm, words, asked)
    if answer is not None:
        yield answer
    elif words.strip():
        url = only_link(dm.text, dm.links) if dm.media is None else None
        yield _message(header, link.body_of(url) if url else text.body_of(words))
    elif dm.media is None and dm.place is None:
        yield _message(header, text.body_of(_NOTHING))
    for media in (*([dm.media] if dm.media else []), *dm.more_media):
        part = MediaPart("", header, media)
        missing = image_video.nothing_to_fetch(media)
        yield media_note(part, Permanent("media_without_file", "X names no file for it.")) if missing else part
    if dm.place is not None:
        yield _message(header, location.body_of(dm.place) or text.body_of(location.words_of(dm.place)))


def _message(header: Header, body: Mapping[str, Any]) -> CimMessage:
    return CimMessage("", header, body)
