"""What customers send: text, links, media and places, notes for what cannot be shown, typing and reading."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.ccm.validation import complaints
from tests.messages import message_builders as t
from twitter_connector.cim.envelope import dump_message
from twitter_connector.errors import ConnectorError, MediaTooLarge, Permanent
from twitter_connector.messages.kinds.delivery_report import delivered
from twitter_connector.messages.kinds.read_receipt import read_reports
from twitter_connector.messages.to_cim import media_message, media_note, message_id, to_cim, typing_notice
from twitter_connector.model.event import (
    AccessRevoked,
    CustomerTyping,
    DmEchoed,
    DmRead,
    Media,
    Person,
    Place,
    UnknownActivity,
    Variant,
)
from twitter_connector.model.message import CimMessage, MediaPart, StoredFile
from twitter_connector.model.plan import Skip

PHOTO = Media("1", "photo", "https://ton.twitter.com/1.1/ton/data/dm/2/1/a.jpg", link="https://t.co/mmmmmmmmmm")
MP4 = Variant("https://video.twimg.com/a.mp4", "video/mp4", 832000)
PLAYLIST = Variant("https://video.twimg.com/a.m3u8", "application/x-mpegURL")


def part_of(**facts: Any) -> MediaPart:
    (part,) = t.made_of(t.dm(**facts))
    assert isinstance(part, MediaPart)
    return part


# Text and links


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "  kept as it is \n",
        "👩‍👩‍👧‍👦🇨🇭❤️",
        "Ελληνικά русский עברית العربية हिन्दी 日本語",
        "a\u0000b",
        "*not* _marks_",
        "1",
    ],
)
def test_a_text_arrives_unharmed(text: str) -> None:
    assert t.message_of(t.dm(text)).body == {"type": "PLAIN", "markdownText": text}


def test_a_link_in_a_text_is_expanded() -> None:
    message = t.message_of(t.dm("See https://t.co/a", links=[("https://t.co/a", "https://example.com/?a=1&amp;b")]))
    assert message.body == {"type": "PLAIN", "markdownText": "See https://example.com/?a=1&amp;b"}


def test_a_link_alone_is_a_url() -> None:
    message = t.message_of(t.dm(" https://t.co/a ", links=[("https://t.co/a", "https://example.com/")]))
    assert message.body == {
        "type": "URL",
        "markdownText": "https://example.com/",
        "mediaUrl": "https://example.com/",
        "additionalDetails": {},
    }


@pytest.mark.parametrize("expanded", ["ftp://example.com", "https://example.com/a b", "example.com"])
def test_what_is_no_web_address_stays_text(expanded: str) -> None:
    assert t.message_of(t.dm("https://t.co/a", links=[("https://t.co/a", expanded)])).body["type"] == "PLAIN"


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_message_with_nothing_in_it_does_not_disappear(text: str) -> None:
    note = t.message_of(t.dm(text)).body["markdownText"]
    assert note.startswith("[The customer sent something")
    assert "X app" in note


def test_what_opened_the_conversation_is_kept() -> None:
    message = t.message_of(t.dm("Hi", welcome_message_id="456789"))
    assert message.header.entities == {"initiated_via_welcome_message_id": "456789"}
    assert message.header.intent is None


# Media


def test_a_photo_alone_is_one_part_with_the_events_own_id() -> None:
    part = part_of(
        text=" https://t.co/mmmmmmmmmm", media=PHOTO, links=[(PHOTO.link, "https://twitter.com/messages/media/2")]
    )
    assert part.id == message_id("732739706", "1750853984134090753")
    assert part.media == PHOTO


def test_text_beside_a_photo_comes_first_and_without_the_photos_link() -> None:
    links = [(PHOTO.link, "https://twitter.com/messages/media/2"), ("https://t.co/a", "https://example.com")]
    words, part = t.made_of(t.dm("Broken: https://t.co/a https://t.co/mmmmmmmmmm", media=PHOTO, links=links))
    assert isinstance(words, CimMessage)
    assert words.body == {"type": "PLAIN", "markdownText": "Broken: https://example.com"}
    assert isinstance(part, MediaPart)
    assert (words.id, part.id) == tuple(message_id("732739706", "1750853984134090753", n) for n in (0, 1))


@pytest.mark.parametrize("host", ["twitter.com", "x.com", "mobile.twitter.com", "www.x.com"])
def test_a_media_link_is_known_by_where_it_leads_where_the_medium_does_not_name_it(host: str) -> None:
    unnamed = Media("1", "photo", PHOTO.url)
    part_of(text=" https://t.co/z", media=unnamed, links=[("https://t.co/z", f"https://{host}/messages/media/2")])


def test_a_media_link_is_dropped_wherever_it_leads_where_the_medium_names_it() -> None:
    part_of(text=" https://t.co/mmmmmmmmmm", media=PHOTO)
    part_of(text=" https://t.co/mmmmmmmmmm", media=PHOTO, links=[(PHOTO.link, "https://example.com")])


def test_a_link_beside_a_photo_stays_text() -> None:
    words, _ = t.made_of(t.dm("https://t.co/a", media=PHOTO, links=[("https://t.co/a", "https://example.com")]))
    assert isinstance(words, CimMessage)
    assert words.body["type"] == "PLAIN"


@pytest.mark.parametrize(
    ("media", "fetched"),
    [
        (PHOTO, True),
        (Media("1", "photo", ""), False),
        (Media("1", "video", "https://pbs.twimg.com/p.jpg", variants=(PLAYLIST, MP4)), True),
        (Media("1", "video", "https://pbs.twimg.com/p.jpg", variants=(PLAYLIST,)), False),
        (Media("1", "animated_gif", "https://pbs.twimg.com/p.jpg", variants=(MP4,)), True),
        (Media("1", "animated_gif", "https://pbs.twimg.com/p.jpg"), False),
        (Media("1", "voice", "https://video.twimg.com/v.mp4"), True),
        (Media("1", "voice", ""), False),
    ],
)
def test_a_medium_without_a_file_becomes_a_note_at_once(media: Media, fetched: bool) -> None:
    (made,) = t.made_of(t.dm("", media=media))
    assert isinstance(made, MediaPart) is fetched
    if isinstance(made, CimMessage):
        assert "X names no file for it" in made.body["markdownText"]
        assert made.id == message_id("732739706", "1750853984134090753")


@pytest.mark.parametrize(
    ("mime", "type_"),
    [
        ("image/jpeg", "IMAGE"),
        ("image/png; q=1", "IMAGE"),
        ("IMAGE/GIF", "IMAGE"),
        ("video/mp4", "VIDEO"),
        ("audio/mpeg", "AUDIO"),
        ("application/pdf", "FILE"),
        ("", "FILE"),
    ],
)
def test_a_stored_file_is_shown_by_its_true_type(mime: str, type_: str) -> None:
    stored = StoredFile("83120_a", f"{t.PUBLIC_BASE}/api/downloadFileStream?filename=83120_a", mime, 7)
    part = part_of(media=PHOTO)
    message = media_message(part, stored)
    assert (message.id, message.header) == (part.id, part.header)
    assert message.body["type"] == type_
    assert message.body["attachment"]["size"] == 7
    assert list(complaints(dump_message(message))) == []
    if type_ == "FILE":
        assert message.body["additionalDetails"]["fileName"] == "83120_a", "the desk reads it unguarded"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("photo", "a photo"), ("animated_gif", "an animated GIF"), ("video", "a video"), ("voice", "an attachment")],
)
def test_a_note_names_what_was_sent(kind: str, words: str) -> None:
    note = media_note(
        part_of(media=Media("1", kind, "https://ton.twitter.com/a", variants=(MP4,))), Permanent("media_gone")
    )
    assert note.body["markdownText"].startswith(f"[The customer sent {words} that cannot be shown here. ")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (
            MediaTooLarge("media_too_large", "It has 26.0 MB; the limit is 25.0 MB."),
            ["26.0 MB", "25.0 MB", "smaller one"],
        ),
        (Permanent("media_gone", "Twitter does not have it any more."), ["any more.", "send it again"]),
        (Permanent("file_engine_missing", "No file engine is set.", ours=True), ["No file engine", "administrator"]),
        (Permanent("media_refused"), ["media refused", "send it again"]),
    ],
)
def test_a_note_says_why_and_what_to_do(error: ConnectorError, outcome: list[str]) -> None:
    part = part_of(media=PHOTO)
    note = media_note(part, error)
    assert (note.id, note.header, note.type) == (part.id, part.header, "PLAIN")
    for words in outcome:
        assert words in note.body["markdownText"]
    assert note.body["markdownText"].endswith("]")


# Places


def test_a_point_is_a_location_with_its_name() -> None:
    message = t.message_of(t.dm("", place=Place(24.8607, 67.0011, "Karachi", "Karachi, Pakistan")))
    assert message.body["location"] == {"latitude": 24.8607, "longitude": 67.0011}
    assert message.body["additionalDetails"] == {"name": "Karachi", "address": "Karachi, Pakistan", "url": ""}


@pytest.mark.parametrize(
    ("latitude", "longitude", "located"),
    [
        (90.0, 180.0, True),
        (-90.0, -180.0, True),
        (0.0, 0.0, True),
        (90.001, 0.0, False),
        (0.0, 180.001, False),
        (None, 1.0, False),
    ],
)
def test_only_a_point_on_earth_is_a_location(latitude: float | None, longitude: float, located: bool) -> None:
    message = t.message_of(t.dm("", place=Place(latitude, longitude, "Karachi")))
    assert (message.type == "LOCATION") is located
    assert located or message.body["markdownText"] == "📍 Karachi"


def test_text_and_place_are_two_messages() -> None:
    words, place = t.made_of(t.dm("I am here", place=Place(1.0, 2.0)))
    assert isinstance(words, CimMessage)
    assert isinstance(place, CimMessage)
    assert (words.type, place.type) == ("PLAIN", "LOCATION")
    assert words.id != place.id


# Everything else


@pytest.mark.parametrize(
    ("activity", "reason"),
    [
        (DmEchoed("1", "2", "3", t.AT, "from the Twitter app"), "ignored_dmechoed"),
        (DmRead("1", "2", "3", t.AT), "ignored_dmread"),
        (CustomerTyping("1", "2", t.AT), "ignored_customertyping"),
        (AccessRevoked("1", "2"), "ignored_accessrevoked"),
        (UnknownActivity("follow_events"), "ignored_unknownactivity"),
    ],
)
def test_what_is_no_message_of_a_customer_is_skipped(activity: Any, reason: str) -> None:
    assert to_cim(activity) == Skip(reason)


def test_typing_is_a_notice_with_an_id_of_its_moment() -> None:
    typing = CustomerTyping("732739706", "210375291", t.AT, Person("210375291", "Ada Lovelace"))
    notice = typing_notice(typing)
    dumped = dump_message(notice)
    assert dumped["body"] == {
        "type": "NOTIFICATION",
        "markdownText": "",
        "notificationType": "TYPING_STARTED",
        "notificationData": {},
    }
    assert dumped["header"]["providerMessageId"] is None
    assert dumped["header"]["timestamp"] == t.at_ms(notice) == 1706273984134
    assert dumped["header"]["channelData"]["customerLastName"] == "Lovelace"
    assert list(complaints(dumped)) == []
    later = CustomerTyping("732739706", "210375291", t.AT + timedelta(milliseconds=1))
    assert notice.id == typing_notice(typing).id != typing_notice(later).id


# Read receipts

NOW = t.AT + timedelta(minutes=1)


def read_up_to(event_id: str) -> DmRead:
    return DmRead("732739706", "210375291", event_id, t.AT, Person("210375291", "Ada Lovelace"))


def test_everything_sent_up_to_the_last_read_event_is_read_once_and_in_order() -> None:
    sent = {"30": "cim-c", "9": "cim-a", "10": "cim-b", "31": "cim-d"}
    reports = read_reports(read_up_to("30"), sent, NOW, {})
    assert [report.body["messageId"] for report in reports] == ["cim-a", "cim-b", "cim-c"]
    assert {
        (r.body["status"], r.body["reasonCode"], r.header.provider_message_id == r.body["messageId"]) for r in reports
    } == {("READ", "200", True)}
    assert all(list(complaints(dump_message(report))) == [] for report in reports)


def test_a_message_of_several_parts_is_read_with_its_last_part() -> None:
    sent = {"10": "cim-a", "11": "cim-a", "12": "cim-a"}
    assert read_reports(read_up_to("11"), sent, NOW, {}) == ()
    assert [report.body["messageId"] for report in read_reports(read_up_to("12"), sent, NOW, {})] == ["cim-a"]


def test_a_second_receipt_gives_the_same_report_and_not_the_id_of_another_status() -> None:
    (first,) = read_reports(read_up_to("10"), {"10": "cim-a"}, NOW, {})
    (second,) = read_reports(read_up_to("12"), {"10": "cim-a"}, NOW + timedelta(hours=1), {})
    assert first.id == second.id
    assert first.id != delivered(CimMessage("cim-a", first.header, {}), NOW).id


def test_nothing_read_is_no_report() -> None:
    assert read_reports(read_up_to(""), {"10": "cim-a"}, NOW, {}) == ()
    assert read_reports(read_up_to("10"), {}, NOW, {}) == ()
