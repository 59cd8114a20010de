"""What a file is, and whether Twitter takes it."""

from __future__ import annotations

import io
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.files import JPEG, PNG, WEBP, box, film, gif
from twitter_connector.errors import MediaTooLarge, Permanent
from twitter_connector.media import file_kind
from twitter_connector.media import gif as gif_module
from twitter_connector.media.file_kind import HEAD_BYTES, MEGABYTE, MediaKind, claimed_kind, inspect, kind_of

H264 = film(b"avc1", b"mp4a")


def look(data: bytes) -> MediaKind:
    return inspect(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (JPEG, file_kind.JPEG),
        (PNG, file_kind.PNG),
        (WEBP, file_kind.WEBP),
        (gif(frames=2), file_kind.ANIMATED_GIF),
        (gif().replace(b"GIF89a", b"GIF87a"), file_kind.ANIMATED_GIF),
        (H264, file_kind.MP4),
        (film(b"avc1", brand=b"mp42"), file_kind.MP4),
        (film(b"avc1", brand=b"M4V "), file_kind.MP4),
        (film(b"avc1", brand=b"qt  "), file_kind.MOV),
        (box(b"moov", bytes(40)), file_kind.MOV),
        (box(b"wide") + box(b"mdat", bytes(40)), file_kind.MOV),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(head: bytes, kind: MediaKind) -> None:
    assert kind_of(head[:HEAD_BYTES], 1000) is kind


def test_each_kind_goes_to_its_own_category() -> None:
    categories = {k.category for k in (file_kind.JPEG, file_kind.PNG, file_kind.WEBP, file_kind.STATIC_GIF)}
    assert categories == {"dm_image"}
    assert file_kind.ANIMATED_GIF.category == "dm_gif"
    assert (file_kind.MP4.category, file_kind.MOV.category) == ("dm_video", "dm_video")
    assert file_kind.MOV.mime_type == "video/quicktime"


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.7",
        b"<!DOCTYPE html><html>",
        b"PK\x03\x04",
        b"\x1aE\xdf\xa3webm",
        b"RIFF\x24\x00\x00\x00WAVE",
        b"RIFF",
        b"ID3\x04",
        b"II*\x00",
        b"BM",
        b"<svg xmlns=",
        b"\xff\xd8",
        b"GIF8",
        box(b"ftyp", b"heic", bytes(8)),
        box(b"ftyp", b"avif", bytes(8)),
        box(b"ftyp", b"M4A ", bytes(8)),
        b"\x00" * 64,
    ],
)
def test_what_twitter_does_not_carry_is_refused_by_its_content(head: bytes) -> None:
    with pytest.raises(Permanent) as refusal:
        kind_of(head, 1000)
    assert refusal.value.reason == "media_refused"
    assert "JPEG" in refusal.value.detail


def test_an_empty_file_is_refused_as_such() -> None:
    with pytest.raises(Permanent, match="empty"):
        look(b"")


@given(st.binary(max_size=200))
def test_no_bytes_at_all_lead_to_anything_but_a_kind_or_a_refusal(data: bytes) -> None:
    for beginning in (b"", b"GIF89a", box(b"ftyp", b"isom"), box(b"moov")[:8], b"\x00\x00\x00\x00moov"):
        with suppress(Permanent):
            assert isinstance(look(beginning + data), MediaKind)


@pytest.mark.parametrize(
    ("head", "megabytes"),
    [(JPEG, 5), (PNG, 5), (WEBP, 5), (gif(frames=2), 15), (H264, 25), (film(b"avc1", brand=b"qt  "), 25)],
)
def test_the_limit_of_each_kind_holds_to_the_byte(head: bytes, megabytes: int) -> None:
    limit = megabytes * 1024 * 1024
    assert kind_of(head, limit).max_bytes == limit
    with pytest.raises(MediaTooLarge) as refusal:
        kind_of(head, limit + 1)
    assert f"{limit + 1:,} bytes" in refusal.value.detail
    assert f"{megabytes} MB ({limit:,} bytes)" in refusal.value.detail


def test_a_gif_with_one_frame_is_an_image_and_one_with_two_is_animated() -> None:
    assert look(gif(frames=1)) is file_kind.STATIC_GIF
    assert look(gif(frames=2)) is file_kind.ANIMATED_GIF


def test_a_static_gif_has_the_limit_of_an_image() -> None:
    base = len(gif(padding=255)) - 256
    room = 5 * MEGABYTE - base
    exact = gif(padding=room - -(-room // 256))
    assert len(exact) == 5 * MEGABYTE
    assert look(exact) is file_kind.STATIC_GIF
    one_more = gif(padding=room - -(-room // 256) + 1)
    with pytest.raises(MediaTooLarge, match="limit is 5 MB"):
        look(one_more)


def test_an_animated_gif_may_be_larger_than_an_image() -> None:
    assert look(gif(frames=2, padding=6 * MEGABYTE)) is file_kind.ANIMATED_GIF


def test_350_frames_are_taken_and_351_are_not() -> None:
    assert look(gif(frames=350)) is file_kind.ANIMATED_GIF
    with pytest.raises(Permanent, match="more than 350 frames"):
        look(gif(frames=351))


@pytest.mark.parametrize(("width", "height"), [(1281, 1080), (1280, 1081)])
def test_an_animated_gif_larger_than_1280_x_1080_is_refused(width: int, height: int) -> None:
    assert look(gif(1280, 1080, frames=2)) is file_kind.ANIMATED_GIF
    with pytest.raises(Permanent, match=f"{width} x {height}.*1280 x 1080"):
        look(gif(width, height, frames=2))


def test_a_static_gif_may_have_any_size_in_pixels() -> None:
    assert look(gif(4000, 4000)) is file_kind.STATIC_GIF


def test_300_million_pixels_are_taken_and_a_frame_more_is_not() -> None:
    assert look(gif(1000, 1000, frames=300)) is file_kind.ANIMATED_GIF
    with pytest.raises(Permanent, match=r"301,000,000 pixels.*300,000,000"):
        look(gif(1000, 1000, frames=301))


def test_a_gif_without_its_end_counts_as_far_as_it_goes() -> None:
    assert look(gif(frames=3, trailer=False)) is file_kind.ANIMATED_GIF
    assert look(gif(frames=2, trailer=False)[:-2]) is file_kind.STATIC_GIF


def test_a_gif_without_a_picture_is_refused() -> None:
    with pytest.raises(Permanent, match="no picture"):
        look(b"GIF89a" + bytes(7) + b"\x3b")
    with pytest.raises(Permanent, match="no picture"):
        look(b"GIF89a")


def test_frames_are_found_across_every_boundary_of_the_buffer() -> None:
    for padding in range(65_000, 65_700, 7):
        assert look(gif(frames=2, padding=padding)) is file_kind.ANIMATED_GIF


@pytest.mark.parametrize("codec", [b"avc1", b"avc3"])
def test_h264_is_taken(codec: bytes) -> None:
    assert look(film(b"mp4a", codec)) is file_kind.MP4


@pytest.mark.parametrize(
    ("codec", "name"), [(b"hvc1", "H.265"), (b"hev1", "H.265"), (b"vp09", "VP9"), (b"av01", "AV1"), (b"apch", "ProRes")]
)
def test_a_video_that_is_surely_not_h264_is_refused_by_name(codec: bytes, name: str) -> None:
    with pytest.raises(Permanent, match=name) as refusal:
        look(film(codec, b"mp4a"))
    assert "H.264" in refusal.value.detail


def test_the_index_is_found_behind_the_pictures_and_behind_a_box_with_a_long_length() -> None:
    long_box = b"\x00\x00\x00\x01mdat" + (16 + 5000).to_bytes(8, "big") + bytes(5000)
    with pytest.raises(Permanent, match=r"H\.265"):
        look(film(b"hvc1", before=long_box + box(b"free", bytes(99))))


def test_a_video_that_does_not_say_how_it_is_encoded_is_left_to_twitter() -> None:
    assert look(film()) is file_kind.MP4
    assert look(film(b"zzzz")) is file_kind.MP4
    assert look(box(b"ftyp", b"isom", bytes(4)) + b"\x00\x00\x00\x02moov" + bytes(50)) is file_kind.MP4
    assert look(H264[:-100]) is file_kind.MP4


def test_a_film_made_of_countless_boxes_costs_no_more_than_a_glance() -> None:
    many = box(b"ftyp", b"isom", bytes(4)) + box(b"free") * 200_000

    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            Counting.reads += 1
            return super().read(size)

    assert inspect(Counting(many), len(many)) is file_kind.MP4
    assert Counting.reads < 2000


def test_a_file_that_has_been_looked_at_is_at_its_beginning_again() -> None:
    for data in (gif(frames=2), H264, JPEG):
        file = io.BytesIO(data)
        inspect(file, len(data))
        assert file.tell() == 0


@pytest.mark.parametrize(
    ("mime_type", "name", "kind"),
    [
        ("image/gif", "", "animated GIF"),
        ("IMAGE/JPEG", "x.png", "JPEG image"),
        ("", "party.GIF", "animated GIF"),
        ("application/octet-stream", "clip.mov", "QuickTime video"),
        ("", "", None),
        ("application/pdf", "a.pdf", None),
    ],
)
def test_a_file_that_is_not_at_hand_is_called_what_it_claims_to_be(mime_type: str, name: str, kind: str | None) -> None:
    claimed = claimed_kind(mime_type, name)
    assert (claimed.name if claimed else None) == kind
    assert claimed is None or ("H.264" in claimed.limits) == (claimed.category == "dm_video")


TINY_BLOCKS = {
    "sub-blocks of one byte": b"\x21\xfe" + b"\x01a" * (7 * MEGABYTE) + b"\x00",
    "empty extensions": b"\x21\xf9\x00" * (4 * MEGABYTE),
    "pictures without data": b"\x2c" + bytes(8) + b"\x00\x02\x00",
}


@pytest.mark.parametrize("name", TINY_BLOCKS)
def test_a_gif_of_tiny_blocks_costs_no_seconds_of_computing(name: str) -> None:
    data = gif().removesuffix(b"\x3b") + TINY_BLOCKS[name] * (1 if len(TINY_BLOCKS[name]) > 100 else MEGABYTE)
    started = time.process_time()
    facts = gif_module.measure(io.BytesIO(data), 350)
    spent = time.process_time() - started
    assert facts is not None
    # Against the time in which this machine finds the end of the data byte by byte: half a second to two.
    started = time.process_time()
    assert sum(1 for _ in data[: 2 * MEGABYTE]) == 2 * MEGABYTE
    assert spent < 5 * (time.process_time() - started) + 0.1


def test_the_largest_gif_of_ordinary_blocks_is_read_to_its_end() -> None:
    data = gif(frames=1, padding=15 * MEGABYTE).removesuffix(b"\x3b") + gif(frames=300)[13 + 12 + 19 :]
    facts = gif_module.measure(io.BytesIO(data), 350)
    assert facts is not None
    assert facts.frames == 301
