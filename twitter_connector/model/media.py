"""Files on their way, in either direction."""

from __future__ import annotations

from dataclasses import dataclass, field

from .activity import Media
from .cim import Header


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


@dataclass(frozen=True)
class Upload:
    """A file on its way to Twitter, as small resumable steps see it.

    media_id: empty until INIT. segments: how many APPENDs are done. state: "uploading", "processing", "ready".
    """

    media_id: str = ""
    segments: int = 0
    state: str = "uploading"
