"""Finds encoding, size and length of an MP4 or QuickTime video in its boxes, with a few short reads. Decodes nothing.

ISO/IEC 14496-12; https://developer.apple.com/documentation/quicktime-file-format
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

QUICKTIME = b"qt  "
# Brands of the same file format with still images or sound only, or with a picture that MP4 players do not show.
NO_VIDEO = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ")
) | frozenset((b"jpm ", b"jpx ", b"M4A ", b"M4B ", b"M4P "))

_H264 = frozenset((b"avc1", b"avc2", b"avc3", b"avc4"))
# Sample entries that are certainly not H.264, with their names. X judges all others.
_FOREIGN = {
    b"hvc1": "H.265 (HEVC)",
    b"hev1": "H.265 (HEVC)",
    b"dvh1": "Dolby Vision",
    b"dvhe": "Dolby Vision",
    b"av01": "AV1",
    b"vp08": "VP8",
    b"vp09": "VP9",
    b"mp4v": "MPEG-4 Visual",
    b"s263": "H.263",
    b"jpeg": "Motion JPEG",
    b"mjpa": "Motion JPEG",
    b"apcn": "ProRes",
    b"apch": "ProRes",
    b"apcs": "ProRes",
    b"apco": "ProRes",
    b"ap4h": "ProRes",
}
_CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl"))
_SECONDS_MAX = 1_000_000
# A video with a few tracks has some dozens of boxes.
_BOXES_MAX = 1000


@dataclass(frozen=True)
class Film:
    """Encodings of all tracks, the largest picture in pixels, and the length in seconds. 0 stands for unknown."""

    codecs: frozenset[bytes]
    width: int = 0
    height: int = 0
    seconds: float = 0.0


def foreign_codec(file: BinaryIO, size: int) -> str:
    """Return the name of the video encoding if it is certainly not H.264, otherwise ""."""
    codecs = measure(file, size).codecs
    if codecs & _H264:
        return ""
    return next((_FOREIGN[entry] for entry in sorted(codecs) if entry in _FOREIGN), "")


def measure(file: BinaryIO, size: int) -> Film:
    """Return what the boxes of a video say. size: of the file, in bytes."""
    codecs, pictures, seconds = set(), [(0, 0)], 0.0
    budget = iter(range(_BOXES_MAX))
    open_boxes = [(0, size)]
    while open_boxes:
        start, end = open_boxes.pop()
        for kind, body, body_end in _boxes(file, start, end, budget):
            if kind in _CONTAINERS:
                open_boxes.append((body, body_end))
            elif kind == b"mvhd":
                seconds = _seconds(file, body)
            elif kind == b"stsd":
                # Version, flags and the number of entries stand before the entries, which are boxes themselves.
                for entry, start_of_entry, _ in _boxes(file, body + 8, body_end, budget):
                    codecs.add(entry)
                    pictures.append(_picture(file, start_of_entry) if entry in _H264 or entry in _FOREIGN else (0, 0))
    width, height = max(pictures)
    return Film(frozenset(codecs), width, height, seconds)


def _seconds(file: BinaryIO, start: int) -> float:
    """Return the length that a movie header names: ISO/IEC 14496-12, 8.2.2."""
    file.seek(start)
    header = file.read(32)
    at, width = (20, 8) if header[:1] == b"\x01" else (12, 4)
    scale = int.from_bytes(header[at : at + 4], "big")
    seconds = int.from_bytes(header[at + 4 : at + 4 + width], "big") / scale if scale else 0.0
    # All bits set stand for an unknown length.
    return seconds if seconds < _SECONDS_MAX else 0.0


def _picture(file: BinaryIO, start: int) -> tuple[int, int]:
    """Return width and height of a visual sample entry: ISO/IEC 14496-12, 12.1.3."""
    file.seek(start + 24)
    size = file.read(4)
    return int.from_bytes(size[:2], "big"), int.from_bytes(size[2:], "big")


def _boxes(file: BinaryIO, start: int, end: int, budget: Iterator[int]) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of the content of each box. Stops at a malformed box and at the end of the budget."""
    while start + 8 <= end and next(budget, None) is not None:
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1:
            length, body = int.from_bytes(header[8:16], "big"), start + 16
        elif length == 0:
            length = end - start
        if length < body - start or start + length > end:
            return
        yield kind, body, start + length
        start += length
