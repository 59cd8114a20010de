"""Small sample files: a picture, an animated GIF, and the beginning of an MP4."""

import struct
import zlib
from pathlib import Path


def png(width: int = 32, height: int = 20) -> bytes:
    """Return a PNG with a colour gradient."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 160)) for x in range(width)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


_FRAME = b"\x21\xf9\x04\x04\x0a\x00\x00\x00" + b"\x2c\x00\x00\x00\x00\x02\x00\x02\x00\x00" + b"\x02\x03\x44\x02\x05\x00"
GIF = (
    b"GIF89a\x02\x00\x02\x00\x80\x00\x00\xff\x00\x00\x00\x00\xff"
    + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    + _FRAME * 2
    + b"\x3b"
)
# The file into which the sandbox turns every GIF.
GIF_AS_FILM = (Path(__file__).parents[2] / "sandbox" / "twitter" / "gif.mp4").read_bytes()
# A file type box and random-looking data: a video to everybody who looks at the first bytes only.
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(range(256)) * 64
