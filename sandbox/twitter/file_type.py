"""Detects the type and pixel size of a file from its first bytes."""

from dataclasses import dataclass
from pathlib import Path

_HEAD_BYTES = 256 * 1024
_UNKNOWN_SIZE = (600, 400)


@dataclass(frozen=True)
class FileType:
    """The type of a file by its bytes. `mime` is "" for a type X does not accept."""

    mime: str
    animated: bool
    width: int
    height: int


def identify(path: Path) -> FileType:
    """Return the type of a JPEG, PNG, GIF, WEBP, MP4 or MOV file."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileType("image/png", False, int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
    if head.startswith((b"GIF87a", b"GIF89a")):
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        return FileType("image/gif", b"NETSCAPE2.0" in head or head.count(b"\x00\x21\xf9\x04") > 1, *size)
    if head.startswith(b"\xff\xd8\xff"):
        return FileType("image/jpeg", False, *_jpeg_size(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileType("image/webp", False, *_UNKNOWN_SIZE)
    if head[4:8] == b"ftyp":
        return FileType("video/quicktime" if head[8:10] == b"qt" else "video/mp4", True, *_UNKNOWN_SIZE)
    return FileType("", False, *_UNKNOWN_SIZE)


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        # Start-of-frame markers have the size; C4, C8 and CC are other markers in their range.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return _UNKNOWN_SIZE
