"""The plan for one CIM message at X. It is complete before its first step is done."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MediaRef:
    """A file that CIM sends.

    url: CIM's `mediaUrl`. A file in the file engine is read by the URL's `filename` parameter, any other file with
    net/public_fetch. name: for people. mime_type, size_bytes: as CIM states them, not verified.
    """

    url: str = field(repr=False)
    name: str = field(default="", repr=False)
    mime_type: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True)
class QuickReply:
    """An option below a message. metadata: comes back with the customer's tap. description: "" for none."""

    label: str = field(repr=False)
    metadata: str = field(repr=False)
    description: str = field(default="", repr=False)


@dataclass(frozen=True)
class LinkButton:
    """A button below a message that opens a web address."""

    label: str = field(repr=False)
    url: str = field(repr=False)


@dataclass(frozen=True)
class Point:
    """A place on the map, in degrees."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)


@dataclass(frozen=True)
class SendDm:
    """One Direct Message, independent of the API. The flavour knows the form of the request.

    quick_replies, link_buttons, location: only if the account's flavour can carry them. media: a file, uploaded
    first. media_id: X's id of the uploaded file.
    """

    text: str = field(repr=False)
    media: MediaRef | None = field(default=None, repr=False)
    quick_replies: tuple[QuickReply, ...] = ()
    link_buttons: tuple[LinkButton, ...] = ()
    location: Point | None = None
    media_id: str = ""


@dataclass(frozen=True)
class SendPost:
    """One public post. in_reply_to: the post that it answers. media: a file, uploaded first. alt_text: of the file.

    media_id: X's id of the uploaded file.
    """

    text: str = field(repr=False)
    media: MediaRef | None = field(default=None, repr=False)
    alt_text: str = field(default="", repr=False)
    in_reply_to: str = ""
    media_id: str = ""


@dataclass(frozen=True)
class PostPlan:
    """Posts in their order: the first answers a comment, each further one the one before it."""

    steps: tuple[SendPost, ...]


@dataclass(frozen=True)
class ActOnPost:
    """Something to do with a post: like, unlike, hide or delete. delete: of one of ours; the others: a comment."""

    action: str


@dataclass(frozen=True)
class Choice:
    """One option the customer was offered. number: its position in a numbered list, from 1."""

    number: int
    title: str = field(repr=False)
    payload: str = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """The options of one BUTTON message, stored so that an answer can be understood.

    numbered: they were sent as a numbered list in text, so a typed number or title counts as a click.
    """

    message_id: str
    choices: tuple[Choice, ...] = field(repr=False)
    numbered: bool = False


@dataclass(frozen=True)
class Plan:
    """Direct Messages in their order. Each is sent once, also after a failure between them.

    asked: the options to store before the first one is sent.
    """

    steps: tuple[SendDm, ...]
    asked: Asked | None = None


@dataclass(frozen=True)
class ShowTyping:
    """Show the customer that the agent is typing. Tried once; not retried."""


@dataclass(frozen=True)
class MarkRead:
    """Mark the conversation as read up to the customer's message with this CIM id."""

    message_id: str


@dataclass(frozen=True)
class Skip:
    """The message is skipped on purpose. reason: snake_case, for the metric."""

    reason: str


@dataclass(frozen=True)
class FileKind:
    """A kind of file in words. name: "animated GIF". limits: X's limits for it, as a sentence."""

    name: str
    limits: str


@dataclass(frozen=True)
class Upload:
    """The state of an upload to X, which is done in small resumable steps.

    media_id: "" until INIT. segments: how many APPENDs are done. state: "uploading", "processing", "ready".
    file: kind and limits of the file, for the text of a refusal; not stored. processing_since_ms:
    when X began to process the file; 0 before. measured: the file's pixels, frames and length in words; "" if unknown.
    """

    media_id: str = ""
    segments: int = 0
    state: str = "uploading"
    file: FileKind | None = field(default=None, compare=False)
    processing_since_ms: int = field(default=0, compare=False)
    measured: str = field(default="", compare=False)
