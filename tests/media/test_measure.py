"""What a file measures, in the words of a refusal."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.files import JPEG, PNG, WEBP, box, film, gif, track
from twitter_connector.media.measure import measured

FRAME = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 480, 640) + bytes(10)
LONG = struct.pack(">II", 1000, 150_500)


def movie(header: bytes) -> bytes:
    boxes = (box(b"mvhd", header), track(b"mp4a", 9, 9), track(b"avc1", 1280, 720))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"moov", *boxes)


def in_words(data: bytes, mime_type: str) -> str:
    file = io.BytesIO(data)
    words = measured(file, len(data), mime_type)
    assert file.tell() == 0
    return words


@pytest.mark.parametrize(
    ("data", "mime_type", "words"),
    [
        (PNG[:16] + struct.pack(">II", 8193, 2) + bytes(9), "image/png", "8193 x 2 pixels"),
        (b"\xff\xd8\xff\xe0\x00\x04ab" + FRAME, "image/jpeg", "640 x 480 pixels"),
        (b"\xff\xd8\xff\xff" + FRAME, "image/jpeg", "640 x 480 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\xff\x07\x00\xd1\x02\x00", "image/webp", "2048 x 722 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x1f\xc0\x0e\x00" + bytes(9), "image/webp", "32 x 60 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 0x4280, 360), "image/webp", "640 x 360 pixels"),
        (gif(480, 270, frames=3), "image/gif", "480 x 270 pixels and 3 frames"),
        (movie(bytes(12) + LONG + bytes(80)), "video/mp4", "1280 x 720 pixels and 150 seconds"),
        (
            movie(b"\x01" + bytes(19) + struct.pack(">IQ", 600, 300) + bytes(80)),
            "video/quicktime",
            "1280 x 720 pixels and 0.5 seconds",
        ),
        (movie(bytes(12) + struct.pack(">II", 1000, 0xFFFFFFFF) + bytes(80)), "video/mp4", "1280 x 720 pixels"),
        # What the file does not say is left out.
        (film(b"avc1"), "video/mp4", ""),
        (JPEG, "image/jpeg", ""),
        (b"\x89PNG", "image/png", ""),
        (WEBP.replace(b"VP8 ", b"ALPH"), "image/webp", ""),
        (b"GIF89a", "image/gif", ""),
    ],
)
def test_a_file_in_words(data: bytes, mime_type: str, words: str) -> None:
    assert in_words(data, mime_type) == words


@given(
    st.sampled_from([b"", JPEG[:4], PNG[:8], WEBP[:16], gif()[:13], box(b"ftyp", b"isom"), movie(LONG)[:60]]),
    st.binary(max_size=300),
    st.sampled_from(["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4"]),
)
def test_no_bytes_at_all_are_an_error(start: bytes, rest: bytes, mime_type: str) -> None:
    assert len(in_words(start + rest, mime_type)) < 60
