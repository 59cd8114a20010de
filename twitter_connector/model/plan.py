"""What we mean to do at Twitter for one CIM message: decided first, done afterwards, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MediaRef:
    """A file CIM wants sent. url: CIM's `mediaUrl`; the file engine's copy is read by its `filename` parameter,
    any other address through the guarded fetcher. name: for people. mime_type and size_bytes are CIM's claims."""

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
    """One Direct Message, in the words of no API: its flavour knows the form.

    quick_replies, link_buttons, location: only where the account's flavour can carry them. media: a file, uploaded
    first; media_id: X's id of it then.
    """

    text: str = field(repr=False)
    media: MediaRef | None = field(default=None, repr=False)
    quick_replies: tuple[QuickReply, ...] = ()
    link_buttons: tuple[LinkButton, ...] = ()
    location: Point | None = None
    media_id: str = ""


@dataclass(frozen=True)
class Choice:
    """One option the customer was offered. number: where it stands in a numbered list, from 1."""

    number: int
    title: str = field(repr=False)
    payload: str = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """The options of one BUTTON message, remembered so that an answer can be understood.

    numbered: they were offered as a numbered list in text, so that a typed number or title counts as a click.
    """

    message_id: str
    choices: tuple[Choice, ...] = field(repr=False)
    numbered: bool = False


@dataclass(frozen=True)
class Plan:
    """An ordered series of Direct Messages; each is done once, whatever breaks in between.

    asked: what has to be remembered before the first of them is sent.
    """

    steps: tuple[SendDm, ...]
    asked: Asked | None = None


@dataclass(frozen=True)
class ShowTyping:
    """Show the customer that the agent is typing. Tried once, worthless later."""


@dataclass(frozen=True)
class MarkRead:
    """Mark the conversation read up to the customer message that CIM knows by this id."""

    message_id: str


@dataclass(frozen=True)
class Skip:
    """Nothing is to be done, on purpose. reason: snake_case, for the metric."""

    reason: str


@dataclass(frozen=True)
class FileKind:
    """A kind of file in words. name: "animated GIF". limits: X's limits for it, as a sentence."""

    name: str
    limits: str


@dataclass(frozen=True)
class Upload:
    """A file on its way to Twitter, as small resumable steps see it.

    media_id: empty until INIT. segments: how many APPENDs are done. state: "uploading", "processing", "ready".
    file: what the file is and how large X lets it be, for the sentence of a refusal; not stored. processing_since_ms:
    when X began to process the file; 0 before.
    """

    media_id: str = ""
    segments: int = 0
    state: str = "uploading"
    file: FileKind | None = field(default=None, compare=False)
    processing_since_ms: int = field(default=0, compare=False)
