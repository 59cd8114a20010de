"""Measures a picture or a video, so that a refusal can say what was wrong with this file. Decodes nothing. Pure."""

from __future__ import annotations

from typing import BinaryIO

from . import gif, mp4

# Longer than the GIFs that X takes: a refusal may be about the number of frames.
_FRAMES_MAX = 10_000
# A JPEG has some dozens of segments before its picture.
_SEGMENTS_MAX = 1000
# The markers of a frame header: SOF0 to SOF15, without the three that are tables.
# https://www.w3.org/Graphics/JPEG/itu-t81.pdf, table B.1
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def measured(file: BinaryIO, size: int, mime_type: str) -> str:
    """Return pixels, frames and length of a file as words: "1280 x 720 pixels and 34 seconds"; "" if unknown.

    size: in bytes. mime_type: of the kind that `file_kind.inspect` found. Leaves the file at its beginning.
    """
    try:
        return " and ".join(_parts(file, size, mime_type))
    finally:
        file.seek(0)


def _parts(file: BinaryIO, size: int, mime_type: str) -> list[str]:
    if mime_type == "image/gif":
        facts = gif.measure(file, _FRAMES_MAX)
        return [_pixels(facts.width, facts.height), f"{facts.frames} frames"] if facts else []
    if mime_type.startswith("video/"):
        film = mp4.measure(file, size)
        pixels = [_pixels(film.width, film.height)] if film.width and film.height else []
        return pixels + ([f"{film.seconds:.3g} seconds"] if film.seconds else [])
    picture = _picture(file, mime_type)
    return [_pixels(*picture)] if picture else []


def _pixels(width: int, height: int) -> str:
    return f"{width} x {height} pixels"


def _picture(file: BinaryIO, mime_type: str) -> tuple[int, int] | None:
    file.seek(0)
    if mime_type == "image/jpeg":
        return _jpeg(file)
    head = file.read(30)
    if len(head) < 30:
        return None
    # https://www.w3.org/TR/png-3/#11IHDR
    return (_big(head[16:20]), _big(head[20:24])) if mime_type == "image/png" else _webp(head)


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    position = 2
    for _ in range(_SEGMENTS_MAX):
        file.seek(position)
        segment = file.read(9)
        if len(segment) < 9 or segment[0] != 0xFF:
            return None
        if segment[1] in _FRAME_HEADERS:
            return _big(segment[7:9]), _big(segment[5:7])
        # A marker may have any number of fill bytes before it.
        position += 1 if segment[1] == 0xFF else 2 + _big(segment[2:4])
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    """https://developers.google.com/speed/webp/docs/riff_container"""
    form = head[12:16]
    if form == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if form == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
