"""What an X API cannot carry becomes words, and nothing of the message is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.property_settings  # noqa: F401 - properties are tried without a deadline
from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.kinds.button_click import typed_choice
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.plan import Plan, PostPlan, Skip

# API v2: texts and one file for each message, nothing below it.
TEXT_AND_MEDIA = Capabilities(quick_replies=False, link_buttons=False, location=False, typing=False, read_marks=False)


def plan(body: dict[str, Any], can: Capabilities = TEXT_AND_MEDIA) -> Plan:
    made = to_plan(t.cim(body), public_base=t.PUBLIC_BASE, can=can)
    assert isinstance(made, Plan)
    return made


def buttons(*titles: str) -> list[dict[str, str]]:
    return [{"type": "reply", "title": title, "payload": f"/p{n}"} for n, title in enumerate(titles, start=1)]


def test_quick_replies_become_a_numbered_list_whose_typed_answer_is_a_tap() -> None:
    made = plan({"type": "BUTTON", "markdownText": "Which?", "buttons": buttons("Red", "Blue")})
    assert [step.text for step in made.steps] == ["Which?\n\n1. Red\n2. Blue"]
    assert made.steps[0].quick_replies == ()
    assert made.asked is not None
    assert made.asked.numbered
    for typed in ("2", "2.", "Blue", "blue "[:4]):
        choice = typed_choice(typed, made.asked)
        assert (choice.payload if choice else None) == ("/p2" if typed != "blue" else None)


def test_link_buttons_become_lines_with_their_address() -> None:
    link = {"type": "web_url", "title": "Shop", "payload": "https://example.com/shop"}
    made = plan({"type": "BUTTON", "markdownText": "Look", "buttons": [link]})
    assert [step.text for step in made.steps] == ["Look\n\n1. Shop: https://example.com/shop"]
    assert made.steps[0].link_buttons == ()


def test_a_location_becomes_its_words_and_a_map() -> None:
    body = {"type": "LOCATION", "location": {"latitude": 47.37, "longitude": 8.54}}
    assert [s.text for s in plan(body).steps] == ["https://www.google.com/maps?q=47.37,8.54"]
    named = plan({**body, "additionalDetails": {"name": "Zürich", "address": "Bahnhofplatz"}})
    assert [s.text for s in named.steps] == ["Zürich\nBahnhofplatz\nhttps://www.google.com/maps?q=47.37,8.54"]
    assert all(step.location is None for step in named.steps)


def test_a_carousel_keeps_its_pictures_and_lists_its_buttons() -> None:
    card = {"text": "Shoe", "url": "https://example.com/1.jpg", "buttons": buttons("Buy")}
    made = plan({"type": "CAROUSEL", "elements": [card]})
    assert made.steps[0].media is not None
    assert "\n".join(step.text for step in made.steps) == "Shoe\n1. Buy"
    assert made.asked is not None
    assert made.asked.numbered
    bare = plan({"type": "CAROUSEL", "elements": [card]}, replace(TEXT_AND_MEDIA, media=False))
    assert bare.steps[0].media is None
    assert "https://example.com/1.jpg" in bare.steps[0].text


def test_a_picture_becomes_a_link_where_no_file_can_be_attached() -> None:
    body = {
        "type": "IMAGE",
        "attachment": {"mediaUrl": "https://cx.example.com/x?filename=1_a.jpg", "mimeType": "image/jpeg"},
    }
    made = plan(body, replace(TEXT_AND_MEDIA, media=False))
    assert made.steps[0].media is None
    assert f"{t.PUBLIC_BASE}/api/downloadFileStream?filename=1_a.jpg" in made.steps[0].text


def test_typing_and_read_marks_are_skipped_by_name() -> None:
    typing = {"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"}
    read = {"type": "DELIVERYNOTIFICATION", "status": "READ", "messageId": "m"}
    assert to_plan(t.cim(typing), can=TEXT_AND_MEDIA) == Skip("typing_not_possible")
    assert to_plan(t.cim(read), can=TEXT_AND_MEDIA) == Skip("read_marks_not_possible")


@given(st.text("ab \n漢", min_size=1, max_size=200).filter(str.strip), st.integers(10, 60))
def test_texts_are_divided_at_the_length_this_api_allows(text: str, limit: int) -> None:
    made = plan({"type": "PLAIN", "markdownText": text}, replace(TEXT_AND_MEDIA, text_max_chars=limit))
    assert all(0 < len(step.text) <= limit for step in made.steps)
    assert "".join("".join(s.text for s in made.steps).split()) == "".join(text.split())


def test_the_file_stays_above_and_the_options_below_a_divided_text() -> None:
    can = replace(EVERYTHING, text_max_chars=20)
    made = plan({"type": "BUTTON", "markdownText": "one two three four five six", "buttons": buttons("A")}, can)
    assert [bool(step.quick_replies) for step in made.steps] == [False, True]
    caption = {
        "type": "IMAGE",
        "caption": "one two three four five six",
        "attachment": {"mediaUrl": "https://e.com/a.jpg"},
    }
    made = plan(caption, can)
    assert [step.media is not None for step in made.steps] == [True, False]


@pytest.mark.parametrize("name", t.pair_names("outbound"))
def test_no_plan_asks_for_more_than_the_api_can_carry(name: str) -> None:
    message = t.load_message(t.payload(f"{name}.in"))
    try:
        made = to_plan(message, public_base=t.PUBLIC_BASE, can=TEXT_AND_MEDIA)
    except UnsupportedKind:
        return
    assert isinstance(made, Plan | PostPlan | Skip)
    for step in made.steps if isinstance(made, Plan) else ():
        assert (step.quick_replies, step.link_buttons, step.location) == ((), (), None)
        assert step.text or step.media
