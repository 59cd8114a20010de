"""Looks at the first bytes of a file and says what it is and how large it shows. Decodes nothing."""

from dataclasses import dataclass
from pathlib import Path

_HEAD_BYTES = 256 * 1024
_UNKNOWN_SIZE = (600, 400)


@dataclass(frozen=True)
class Look:
    """What the bytes say, whatever the name or the caller says. `mime` is "" for what Twitter does not take."""

    mime: str
    animated: bool
    width: int
    height: int


def look_at(path: Path) -> Look:
    """Recognise JPEG, PNG, GIF, WEBP and MP4 or MOV."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Look("image/png", False, int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
    if head.startswith((b"GIF87a", b"GIF89a")):
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        return Look("image/gif", b"NETSCAPE2.0" in head or head.count(b"\x00\x21\xf9\x04") > 1, *size)
    if head.startswith(b"\xff\xd8\xff"):
        return Look("image/jpeg", False, *_jpeg_size(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Look("image/webp", False, *_UNKNOWN_SIZE)
    if head[4:8] == b"ftyp":
        return Look("video/quicktime" if head[8:10] == b"qt" else "video/mp4", True, *_UNKNOWN_SIZE)
    return Look("", False, *_UNKNOWN_SIZE)


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        # Start-of-frame markers hold the size; C4, C8 and CC are tables that share their range.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return _UNKNOWN_SIZE
