"""CIM messages: the envelope and header both sides agree on; the body stays a mapping that its kind understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .event import Media


@dataclass(frozen=True)
class Header:
    """The part of a CIM header this connector reads or writes.

    account_id is CIM's serviceIdentifier, customer_id its channelCustomerIdentifier. message_type is the
    MESSAGE_TYPE attribute: DM for Direct Messages.
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


@dataclass(frozen=True)
class CimMessage:
    """One CIM message. The body is kept out of the repr: it holds what people wrote."""

    id: str
    header: Header
    body: Mapping[str, Any] = field(repr=False)

    @property
    def type(self) -> str:
        """The body type in capitals; empty where the body names none."""
        return str(self.body.get("type") or "").upper()


@dataclass(frozen=True)
class DeliveryNotification:
    """What CIM is told about one of its messages. text is a sentence an agent understands."""

    message_id: str
    status: str
    reason_code: str
    text: str = ""


@dataclass(frozen=True)
class MediaPart:
    """The media half of an inbound message: becomes an IMAGE or VIDEO once its bytes lie in the file engine, or a
    PLAIN note to the agent where they cannot be had. id: the CIM id either will have."""

    id: str
    header: Header
    media: Media = field(repr=False)


@dataclass(frozen=True)
class StoredFile:
    """A file in CIM's file engine, as its upload answered. url: what goes into `attachment.mediaUrl`."""

    name: str
    url: str
    mime_type: str
    size_bytes: int
