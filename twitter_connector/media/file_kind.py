"""Finds out which kind of attachment a file is, from its bytes and never from its name or declared type. Pure.

https://docs.x.com/x-api/media/quickstart/best-practices
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from twitter_connector.errors import MediaTooLarge, Permanent

from . import gif, mp4

# X's page says "5 MB" and its upload host refuses "more than 5242880 bytes", so its megabyte is the binary one. Our own
# 25 MB uses the same unit.
MEGABYTE = 1_048_576
IMAGE_MAX_BYTES = 5 * MEGABYTE
GIF_MAX_BYTES = 15 * MEGABYTE
VIDEO_MAX_BYTES = 25 * MEGABYTE  # X would take 512 MB; the configuration guide of the connector says 25.

GIF_MAX_FRAMES = 350
GIF_MAX_WIDTH = 1280
GIF_MAX_HEIGHT = 1080
GIF_MAX_PIXELS = 300_000_000  # width x height x frames

# What X says about each category; of its 512 MB for a video this service takes 25.
_LIMITS = {
    "dm_image": "X takes images of up to 5 MB. Save the image again, as a PNG for instance, and send that.",
    "dm_gif": f"X takes GIFs of up to 15 MB, {GIF_MAX_WIDTH} x {GIF_MAX_HEIGHT} pixels and {GIF_MAX_FRAMES} frames. "
    "Send a smaller or shorter one.",
    "dm_video": "X takes videos in H.264 with AAC sound, 0.5 to 140 seconds long and up to 1280 x 1024 pixels large. "
    "Convert the video and send it again.",
}

# The first bytes that identify every format below.
HEAD_BYTES = 64


@dataclass(frozen=True)
class MediaKind:
    """One kind of file. name: for sentences. category: X's `media_category`. max_bytes: the largest size."""

    name: str
    mime_type: str
    category: str
    max_bytes: int

    @property
    def limits(self) -> str:
        """X's limits for this kind and the agent's next step, as sentences."""
        return _LIMITS[self.category]


JPEG = MediaKind("JPEG image", "image/jpeg", "dm_image", IMAGE_MAX_BYTES)
PNG = MediaKind("PNG image", "image/png", "dm_image", IMAGE_MAX_BYTES)
WEBP = MediaKind("WebP image", "image/webp", "dm_image", IMAGE_MAX_BYTES)
STATIC_GIF = MediaKind("GIF image", "image/gif", "dm_image", IMAGE_MAX_BYTES)
ANIMATED_GIF = MediaKind("animated GIF", "image/gif", "dm_gif", GIF_MAX_BYTES)
MP4 = MediaKind("MP4 video", "video/mp4", "dm_video", VIDEO_MAX_BYTES)
MOV = MediaKind("QuickTime video", "video/quicktime", "dm_video", VIDEO_MAX_BYTES)


_KINDS = (JPEG, PNG, WEBP, ANIMATED_GIF, MP4, MOV)
_ENDINGS = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "webp": WEBP, "gif": ANIMATED_GIF, "mp4": MP4, "mov": MOV}


def claimed_kind(mime_type: str, name: str) -> MediaKind | None:
    """Return the kind that a MIME type or the ending of a file's name claims; None if they claim none X carries.

    Only for sentences about a file that is not at hand.
    """
    claimed = next((kind for kind in _KINDS if kind.mime_type == mime_type.lower()), None)
    return claimed or _ENDINGS.get(name.lower().rpartition(".")[2])


def kind_of(head: bytes, size: int) -> MediaKind:
    """Return the kind of a file from its first HEAD_BYTES and its size in bytes.

    A GIF counts as animated: only `inspect` reads all of it. Raises Permanent("media_refused") for a file that X does
    not carry, and MediaTooLarge above the kind's limit.
    """
    if size == 0:
        raise _refused("The file is empty.")
    kind = _image(head) or _film(head)
    if kind is None:
        raise _refused(
            f"The file ({size:,} bytes) is none that X carries. It takes JPEG, PNG, WebP and GIF images, "
            "and MP4 and QuickTime videos."
        )
    return fitting(kind, size)


def inspect(file: BinaryIO, size: int) -> MediaKind:
    """Return the kind of a whole file, for an upload to X. Leaves the file at its beginning.

    Counts the frames and pixels of a GIF, and refuses a video that is certainly not H.264. X judges the rest. Raises
    what `kind_of` raises.
    """
    file.seek(0)
    kind = kind_of(file.read(HEAD_BYTES), size)
    try:
        if kind is ANIMATED_GIF:
            kind = fitting(_judged(gif.measure(file, GIF_MAX_FRAMES)), size)
        elif kind.category == "dm_video" and (odd := mp4.foreign_codec(file, size)):
            raise _refused(f"The video is encoded as {odd}. X takes H.264 only: convert it and send it again.")
    finally:
        file.seek(0)
    return kind


def fitting(kind: MediaKind, size: int) -> MediaKind:
    """Return the kind if a file of that size may be sent. Raises MediaTooLarge, naming both sizes."""
    if size > kind.max_bytes:
        raise MediaTooLarge(
            "media_too_large",
            f"The {kind.name} has {megabytes(size)}; the limit is {megabytes(kind.max_bytes)}.",
        )
    return kind


def megabytes(size: int) -> str:
    """Return a size as text, in megabytes and bytes: "5 MB (5,242,880 bytes)"."""
    return f"{size / MEGABYTE:.4g} MB ({size:,} bytes)"


def _judged(facts: gif.Facts | None) -> MediaKind:
    if facts is None:
        raise _refused("The GIF is damaged: it has no picture.")
    if facts.frames == 1:
        return STATIC_GIF
    if facts.frames > GIF_MAX_FRAMES:
        raise _refused(f"The GIF has more than {GIF_MAX_FRAMES} frames, which is X's limit.")
    if facts.width > GIF_MAX_WIDTH or facts.height > GIF_MAX_HEIGHT:
        raise _refused(
            f"The GIF is {facts.width} x {facts.height} pixels large; X's limit is {GIF_MAX_WIDTH} x {GIF_MAX_HEIGHT}."
        )
    pixels = facts.width * facts.height * facts.frames
    if pixels > GIF_MAX_PIXELS:
        raise _refused(f"The GIF has {pixels:,} pixels in its {facts.frames} frames; X's limit is {GIF_MAX_PIXELS:,}.")
    return ANIMATED_GIF


def _image(head: bytes) -> MediaKind | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ANIMATED_GIF
    return None


def _film(head: bytes) -> MediaKind | None:
    box = head[4:8]
    if box == b"ftyp":
        brand = head[8:12]
        if brand == mp4.QUICKTIME:
            return MOV
        return None if brand in mp4.NO_VIDEO else MP4
    # QuickTime files older than the brand begin with one of these boxes.
    return MOV if box in (b"moov", b"mdat", b"wide") else None


def _refused(detail: str) -> Permanent:
    return Permanent("media_refused", detail)
