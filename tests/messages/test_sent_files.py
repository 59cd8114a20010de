"""Pictures and videos as attachments, everything else as a link, and captions that say something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.kinds.file import readable_size
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.plan import Plan

FILE_ENGINE = "https://FQDN/file-engine/api/downloadFileStream?filename="


def body(type_: str, name: str = "83120_a.png", mime: Any = "image/png", **more: Any) -> dict[str, Any]:
    attachment = {"mediaUrl": FILE_ENGINE + name, "mimeType": mime, "size": 2048, **more.pop("attachment", {})}
    return {"type": type_, "attachment": attachment, **more}


def is_attachment(plan: Plan) -> bool:
    return plan.steps[0].media is not None


# What goes as an attachment


@pytest.mark.parametrize("type_", ["IMAGE", "VIDEO", "STICKER", "MULTIMEDIA"])
@pytest.mark.parametrize(
    "mime",
    ["image/jpeg", "image/png", "image/webp", "IMAGE/GIF", "video/mp4", "video/quicktime", "image/png; charset=x"],
)
def test_what_twitter_carries_is_an_attachment(type_: str, mime: str) -> None:
    assert is_attachment(t.plan(body(type_, mime=mime)))


@pytest.mark.parametrize("type_", ["IMAGE", "VIDEO", "STICKER", "MULTIMEDIA"])
@pytest.mark.parametrize("mime", ["image/svg+xml", "image/bmp", "video/webm", "audio/mpeg", "application/pdf"])
def test_what_twitter_cannot_carry_is_a_link(type_: str, mime: str) -> None:
    plan = t.plan(body(type_, "83120_a.bin", mime))
    assert not is_attachment(plan)
    assert plan.steps[0].text.endswith("filename=83120_a.bin")


@pytest.mark.parametrize("mime", ["", None, "application/octet-stream", "nonsense", 7])
def test_a_picture_of_no_certain_type_is_tried_since_its_bytes_decide(mime: object) -> None:
    assert is_attachment(t.plan(body("IMAGE", "83120_a", mime)))


@pytest.mark.parametrize(("name", "attached"), [("a.JPG", True), ("a.mp4", True), ("a.pdf", False), ("a", False)])
def test_multimedia_of_no_certain_type_goes_by_its_ending(name: str, attached: bool) -> None:
    assert is_attachment(t.plan(body("MULTIMEDIA", name, None))) is attached


@pytest.mark.parametrize("type_", ["AUDIO", "FILE"])
def test_audio_and_files_are_links_even_where_they_are_pictures(type_: str) -> None:
    assert not is_attachment(t.plan(body(type_)))


def test_a_size_is_a_claim_and_refuses_nothing() -> None:
    assert is_attachment(t.plan(body("VIDEO", "a.mp4", "video/mp4", attachment={"size": 10**12})))


@pytest.mark.parametrize(
    ("size", "outcome"), [("2048", 2048), (0, None), (-5, None), (None, None), ("?", None), (True, None)]
)
def test_a_size_may_be_written_in_any_way(size: object, outcome: int | None) -> None:
    media = t.plan(body("IMAGE", attachment={"size": size})).steps[0].media
    assert media is not None
    assert media.size_bytes == outcome


def test_a_sticker_has_its_address_in_the_body() -> None:
    media = t.plan({"type": "STICKER", "mediaUrl": "https://example.com/stickers/7.webp"}).steps[0].media
    assert media is not None
    assert (media.url, media.name) == ("https://example.com/stickers/7.webp", "7.webp")


def test_a_sticker_without_an_address_is_its_text() -> None:
    assert t.plan({"type": "STICKER", "markdownText": "🎉"}).steps[0].text == "🎉"


# Captions


@pytest.mark.parametrize(
    "caption",
    ["83120_my map.png", "my map.png", "my_map.png", "MY MAP.PNG", "my%20map.png", FILE_ENGINE + "83120_my%20map.png"],
)
def test_a_caption_that_is_only_the_files_name_is_not_sent(caption: str) -> None:
    assert t.plan(body("IMAGE", "83120_my%20map.png", caption=caption)).steps[0].text == ""


@pytest.mark.parametrize("caption", ["my map", "This is my map.png", "map.jpg"])
def test_any_other_caption_is_sent(caption: str) -> None:
    assert t.plan(body("IMAGE", "83120_my%20map.png", caption=caption)).steps[0].text == caption


def test_the_name_an_uploader_gave_is_a_name_too() -> None:
    named = body("IMAGE", caption="Zürich.png", attachment={"mediaName": "Zürich.png"})
    assert t.plan(named).steps[0].text == ""


def test_text_and_caption_are_both_said_and_each_once() -> None:
    assert t.plan(body("IMAGE", markdownText="*Look*", caption="The way")).steps[0].text == "Look\nThe way"
    assert t.plan(body("IMAGE", markdownText="Look", caption="Look")).steps[0].text == "Look"


def test_a_long_caption_goes_on_after_the_picture() -> None:
    plan = t.plan(body("IMAGE", caption="x" * 10_001))
    assert [(len(step.text), step.media is not None) for step in plan.steps] == [(10_000, True), (1, False)]


# Links


def test_a_link_names_the_file_and_its_size() -> None:
    plan = t.plan(
        body("FILE", "83120_a%20b%26c.pdf", "application/pdf", additionalDetails={"fileName": "83120_a b&c.pdf"})
    )
    assert plan.steps[0].text == (
        f"📎 83120_a b&c.pdf (2 KB)\n{t.PUBLIC_BASE}/api/downloadFileStream?filename=83120_a%20b%26c.pdf"
    )


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd", "a%3Fb%23c", "a%0Ab"])
def test_a_name_cannot_lead_out_of_the_download_path(name: str) -> None:
    link = t.plan(body("FILE", name)).steps[0].text.splitlines()[-1]
    assert link == f"{t.PUBLIC_BASE}/api/downloadFileStream?filename={name}"


@pytest.mark.parametrize("type_", ["AUDIO", "FILE"])
def test_without_a_public_address_a_file_is_refused_with_the_way_out(type_: str) -> None:
    with pytest.raises(UnsupportedKind) as refusal:
        to_plan(t.cim(body(type_, "83120_secret-name.pdf", "application/pdf")))
    assert refusal.value.reason == "no_file_link"
    for outcome in ("application/pdf", "2 KB", "PUBLIC_FILE_ENGINE_URL", "pictures, GIFs and MP4 videos"):
        assert outcome in refusal.value.detail
    assert "secret" not in refusal.value.detail


def test_a_picture_needs_no_public_address() -> None:
    made = to_plan(t.cim(body("IMAGE")))
    assert isinstance(made, Plan)
    assert is_attachment(made)


@pytest.mark.parametrize(
    "url", ["https://example.com/a.pdf", "http://files.example.com/a.pdf?x=1", "https://8.8.8.8/a.pdf"]
)
def test_a_file_on_the_public_web_is_linked_where_it_is(url: str) -> None:
    made = to_plan(t.cim({"type": "FILE", "attachment": {"mediaUrl": url, "mimeType": "application/pdf"}}))
    assert isinstance(made, Plan)
    assert made.steps[0].text == f"📎 a.pdf\n{url}"


@pytest.mark.parametrize(
    "url",
    [
        "http://ef-file-engine-svc:8080/a.pdf",
        "http://ef-cx-file-engine-svc.expertflow.svc:8080/a.pdf",
        "http://files.svc.cluster.local/a.pdf",
        "http://10.0.0.1/a.pdf",
        "http://127.0.0.1/a.pdf",
        "http://[::1]/a.pdf",
        "file:///etc/passwd",
        "a.pdf",
        "https://[::1/a.pdf",
    ],
)
def test_an_address_that_no_customer_can_open_is_not_sent(url: str) -> None:
    with pytest.raises(UnsupportedKind, match="no_file_link"):
        to_plan(
            t.cim({"type": "FILE", "attachment": {"mediaUrl": url, "mimeType": "application/pdf"}}),
            public_base=t.PUBLIC_BASE,
        )


@pytest.mark.parametrize("type_", ["IMAGE", "VIDEO", "MULTIMEDIA", "AUDIO", "FILE", "STICKER"])
@pytest.mark.parametrize("attachment", [None, {}, {"mediaUrl": " "}, {"mediaUrl": None}, "file.pdf"])
def test_a_message_without_a_file_is_refused(type_: str, attachment: object) -> None:
    with pytest.raises(UnsupportedKind, match="no_file_address"):
        to_plan(t.cim({"type": type_, "attachment": attachment}), public_base=t.PUBLIC_BASE)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "1 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KB"),
        (1024 * 1024 - 1, "1024 KB"),
        (1024 * 1024, "1.0 MB"),
        (26_214_401, "25.0 MB"),
        (3 * 1024**3, "3.0 GB"),
        (5 * 1024**4, "5120.0 GB"),
    ],
)
def test_sizes_are_readable(size: int, words: str) -> None:
    assert readable_size(size) == words
