"""Files of every kind as bytes, made on the spot so that each test says what is special about its own."""

from __future__ import annotations

import struct

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(32)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(32)


def gif(width: int = 2, height: int = 2, frames: int = 1, *, trailer: bool = True, padding: int = 0) -> bytes:
    """Return a GIF with that many frames; each has its own table of colours, an extension and a comment."""
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x91, 0, 0) + bytes(3 * 4)
    data += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    data += sub_blocks(b"\x21\xfe", bytes(padding)) if padding else b""
    for _ in range(frames):
        data += b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
        data += b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0x80) + bytes(3 * 2)
        data += b"\x02\x02\x4c\x01\x00"
    return data + (b"\x3b" if trailer else b"")


def sub_blocks(start: bytes, content: bytes) -> bytes:
    """Return a block of a GIF: its start, then the content in chunks of 255 bytes at most."""
    raw_events = [content[i : i + 255] for i in range(0, len(content), 255)]
    return start + b"".join(bytes((len(raw_event),)) + raw_event for raw_event in raw_events) + b"\x00"


def box(kind: bytes, *content: bytes) -> bytes:
    """Return one box of an MP4 file."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def track(codec: bytes, width: int = 0, height: int = 0) -> bytes:
    """Return a track whose samples are encoded that way."""
    entries = bytes(4) + struct.pack(">I", 1) + box(codec, bytes(24) + struct.pack(">HH", width, height) + bytes(42))
    stbl = box(b"stbl", box(b"stsd", entries), box(b"stts", bytes(8)))
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"mdhd", bytes(24)), box(b"minf", stbl)))


def film(*codecs: bytes, brand: bytes = b"isom", before: bytes = b"", width: int = 0, height: int = 0) -> bytes:
    """Return a film with one track for each codec. before: boxes between the brand and the index."""
    ftyp = box(b"ftyp", brand, bytes(4), b"isommp42")
    return ftyp + before + box(b"moov", box(b"mvhd", bytes(100)), *(track(codec, width, height) for codec in codecs))
