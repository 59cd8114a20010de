"""CIM messages: envelope and header. The body stays a mapping, which only the module of its kind reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .event import Media
from .json_fields import spelling

# Values of the MESSAGE_TYPE attribute: a conversation by Direct Message, or by public comments.
DM, SM = "DM", "SM"


@dataclass(frozen=True)
class Header:
    """The fields of a CIM header that this connector reads or writes.

    account_id is CIM's serviceIdentifier, customer_id its channelCustomerIdentifier. message_type is the
    MESSAGE_TYPE attribute: DM for Direct Messages, SM for comments.
    """

    account_id: str
    customer_id: str
    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    timestamp: datetime | None = None
    sender_type: str = "CONNECTOR"
    intent: str | None = None
    entities: Mapping[str, Any] = field(default_factory=dict, repr=False)
    original_message_id: str | None = None
    provider_message_id: str | None = None
    scheduling: Mapping[str, Any] | None = field(default=None, repr=False)
    encoded: bool = False
    message_type: str = DM


@dataclass(frozen=True)
class CimMessage:
    """One CIM message. The repr omits the body, because it contains what people wrote."""

    id: str
    header: Header
    body: Mapping[str, Any] = field(repr=False)

    @property
    def type(self) -> str:
        """The body type in capitals; "" if the body has none."""
        return str(self.body.get("type") or "").upper()

    @property
    def is_whisper(self) -> bool:
        """Whether the message is from agent to agent. Nothing else in the message marks it."""
        return spelling(str(self.body.get("isWhisper"))) in ("true", "1")

    @property
    def in_public(self) -> bool:
        """Whether the message belongs to a conversation by public comments. Every COMMENT does."""
        return self.header.message_type == SM


@dataclass(frozen=True)
class DeliveryNotification:
    """A delivery notification to CIM about one of its messages. text: a sentence for the agent."""

    message_id: str
    status: str
    reason_code: str
    text: str = ""


@dataclass(frozen=True)
class MediaPart:
    """Media of an inbound message. Becomes IMAGE or VIDEO after upload to the file engine; a text note if that fails.

    id: the id that this CIM message will have. thread_id: of a comment, which it becomes a COMMENT for; "" for a DM.
    """

    id: str
    header: Header
    media: Media = field(repr=False)
    thread_id: str = ""


@dataclass(frozen=True)
class StoredFile:
    """A file in CIM's file engine, from the response to its upload. url: for `attachment.mediaUrl`."""

    name: str
    url: str
    mime_type: str
    size_bytes: int
