"""A payload's way to Twitter and back: metadata, intent and entities, and typed answers to numbered lists."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import message_builders as t
from twitter_connector.messages.kinds.button_click import intent_of, metadata, payload_in, question_in
from twitter_connector.messages.to_cim import may_be_choice, named_question
from twitter_connector.model.event import CustomerTyping, Media, Place, QuickReplyAnswer
from twitter_connector.model.plan import Asked, Choice

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128)


def asked(*choices: tuple[str, str], numbered: bool = True) -> Asked:
    listed = tuple(Choice(n, title, payload) for n, (title, payload) in enumerate(choices, start=1))
    return Asked(t.QUESTION_ID, listed, numbered)


QUESTION = asked(("Track order", '/track_order{"channel":"dm"}'), ("Agent", "/agent"), ("Grüße", "hello there"))


def tapped(data: str | None, label: str = "Track order") -> Any:
    return t.dm(label, answer=QuickReplyAnswer(data))


# Metadata


@given(ids, st.text(max_size=1500), st.integers(min_value=1, max_value=99))
def test_any_payload_comes_back_unchanged(message_id: str, payload: str, number: int) -> None:
    choice = Choice(number, "Title", payload)
    data = metadata(message_id, choice)
    assert len(data) <= 1000
    assert question_in(data) == message_id
    assert payload_in(data, Asked(message_id, (Choice(number + 1, "Other", "/other"), choice))) == payload


@given(ids, st.text(max_size=700).map(str.rstrip).filter(bool))
def test_a_payload_that_fits_comes_back_without_any_memory_of_it(message_id: str, payload: str) -> None:
    assert payload_in(metadata(message_id, Choice(1, "Title", payload)), None) == payload


def test_metadata_of_1000_characters_holds_the_payload_and_a_longer_one_only_the_number() -> None:
    limit = 1000 - len(t.QUESTION_ID) - len(" :: ")
    assert metadata(t.QUESTION_ID, Choice(7, "T", "p" * limit)) == f"{t.QUESTION_ID} :: {'p' * limit}"
    assert metadata(t.QUESTION_ID, Choice(7, "T", "p" * (limit + 1))) == f"{t.QUESTION_ID} ## 7"


@pytest.mark.parametrize("payload", ["", "/agent ", "/agent\n"])
def test_a_payload_that_could_be_trimmed_on_its_way_does_not_travel(payload: str) -> None:
    assert metadata(t.QUESTION_ID, Choice(7, "T", payload)) == f"{t.QUESTION_ID} ## 7"


def test_a_payload_that_was_too_long_and_is_forgotten_is_none() -> None:
    assert payload_in(f"{t.QUESTION_ID} ## 1", None) is None
    assert payload_in(f"{t.QUESTION_ID} ## 1", Asked("another-question", QUESTION.choices)) is None
    assert payload_in(f"{t.QUESTION_ID} ## 9", QUESTION) is None


@pytest.mark.parametrize(
    "data", ["external_id_2", "speak_agent?_previous_intent=greetings", "/track_order", "a  b", " :: x"]
)
def test_metadata_of_others_names_no_question_and_is_a_payload_itself(data: str) -> None:
    assert question_in(data) is None
    assert payload_in(data, QUESTION) == data


def test_the_question_is_named_by_the_answer() -> None:
    assert named_question(tapped(f"{t.QUESTION_ID} :: /agent")) == t.QUESTION_ID
    assert named_question(tapped(f"{t.QUESTION_ID} ## 2")) == t.QUESTION_ID
    assert named_question(tapped(None)) is None
    assert named_question(tapped("external_id_2")) is None
    assert named_question(t.dm("Agent")) is None
    assert named_question(CustomerTyping("1", "2", t.AT)) is None


# Intent and entities


@pytest.mark.parametrize(
    ("payload", "intent", "entities"),
    [
        ('/track_order{"channel":"dm"}', "track_order", {"channel": "dm"}),
        ("/agent", "agent", {}),
        ("/agent{}", "agent", {}),
        ('/a{"b":{"c":[1,null,"ü"]}}', "a", {"b": {"c": [1, None, "ü"]}}),
        ("/an intent with words", "an intent with words", {}),
        ("hello there", "hello there", {"payload": "hello there"}),
        ("/broken{not json}", "broken", {"payload": "/broken{not json}"}),
        ("/list{[1]}", "list", {"payload": "/list{[1]}"}),
        ('/nan{"x":NaN}', "nan", {"payload": '/nan{"x":NaN}'}),
        ('/huge{"x":1e999}', "huge", {"payload": '/huge{"x":1e999}'}),
        ("/deep" + '{"a":' * 3000 + "1" + "}" * 3000, "deep", {"payload": "/deep" + '{"a":' * 3000 + "1" + "}" * 3000}),
        ("/", "/", {"payload": "/"}),
        ("", None, {}),
        ("  ", None, {}),
        (None, None, {}),
    ],
)
def test_a_payload_is_split_into_intent_and_entities(payload: str | None, intent: str | None, entities: Any) -> None:
    assert intent_of(payload) == (intent, entities)


@given(st.text())
def test_any_payload_makes_a_header_that_can_be_sent(payload: str) -> None:
    intent, entities = intent_of(payload)
    assert intent is None or intent.strip()
    json.dumps(entities, allow_nan=False)


# Taps


def test_a_tap_is_a_click_even_where_the_question_is_no_longer_known() -> None:
    message = t.message_of(tapped(f'{t.QUESTION_ID} :: /track_order{{"channel":"dm"}}'))
    assert message.body == {"type": "PLAIN", "markdownText": "Track order"}
    assert (message.header.intent, message.header.entities) == ("track_order", {"channel": "dm"})
    assert message.header.original_message_id == t.QUESTION_ID


def test_a_tap_of_an_option_without_metadata_is_only_its_label() -> None:
    message = t.message_of(tapped(None))
    assert message.body["markdownText"] == "Track order"
    assert (message.header.intent, message.header.entities, message.header.original_message_id) == (None, {}, None)


def test_the_same_words_typed_are_no_click() -> None:
    message = t.message_of(t.dm("Track order"), asked(("Track order", "/track_order"), numbered=False))
    assert (message.header.intent, message.header.original_message_id) == (None, None)


def test_what_a_plan_asks_understands_the_answer_to_it() -> None:
    long = "/track_order" + json.dumps({"note": "x" * 2000})
    plan = t.plan(t.menu(t.button("Track order", long), t.button("Agent", "/agent")))
    for option, payload in zip(t.extras_of(plan.steps[0])["quick_reply"]["options"], (long, "/agent"), strict=True):
        message = t.message_of(tapped(option["metadata"], option["label"]), plan.asked)
        assert (message.header.intent, message.header.entities) == intent_of(payload)
        assert message.header.original_message_id == t.QUESTION_ID


# Typed answers


@pytest.mark.parametrize("text", ["1", " 1 ", "1.", "1)", "١", "１", "Track order", "\nTrack  order "])
def test_a_number_or_exactly_a_title_answers_a_numbered_list(text: str) -> None:
    message = t.message_of(t.dm(text), QUESTION)
    assert message.body["markdownText"] == "Track order"
    assert (message.header.intent, message.header.entities) == ("track_order", {"channel": "dm"})
    assert message.header.original_message_id == t.QUESTION_ID


@pytest.mark.parametrize(
    "text", ["4", "0", "-1", "1.5", "1 2", "track order", "Track", "Track order!", "No. 1", "1 please"]
)
def test_anything_else_is_what_it_is(text: str) -> None:
    message = t.message_of(t.dm(text), QUESTION)
    assert message.body["markdownText"] == text
    assert (message.header.intent, message.header.original_message_id) == (None, None)


def test_a_title_in_another_unicode_form_is_the_same_title() -> None:
    assert t.message_of(t.dm("Gru\u0308ße"), QUESTION).header.intent == "hello there"


def test_an_escaped_title_is_compared_as_it_was_typed() -> None:
    assert t.message_of(t.dm("Q &amp; A"), asked(("Q & A", "/faq"))).header.intent == "faq"


def test_titles_that_are_numbers_go_before_places() -> None:
    question = asked(("5", "/five"), ("1", "/one"))
    assert t.message_of(t.dm("1"), question).header.intent == "one"
    assert t.message_of(t.dm("2"), question).header.intent == "one"


def test_a_title_that_two_options_have_answers_neither() -> None:
    question = asked(("Buy", "/buy1"), ("Buy", "/buy2"))
    assert t.message_of(t.dm("Buy"), question).header.intent is None
    assert t.message_of(t.dm("2"), question).header.intent == "buy2"


def test_a_list_as_it_was_sent_is_answered_by_every_number_in_it() -> None:
    plan = t.plan(t.menu(*(t.button(f"Dish {n}", f"/dish{n}") for n in range(1, 31))))
    for n in range(1, 31):
        assert t.message_of(t.dm(str(n)), plan.asked).header.intent == f"dish{n}"


def test_without_a_question_a_number_is_a_number() -> None:
    assert t.message_of(t.dm("1")).body["markdownText"] == "1"


@pytest.mark.parametrize(
    ("activity", "maybe"),
    [
        (t.dm("2"), True),
        (t.dm("x" * 500), True),
        (t.dm("x" * 501), False),
        (t.dm(" "), False),
        (t.dm("2", media=Media("1", "photo", "https://ton.twitter.com/x.jpg")), False),
        (t.dm("2", place=Place(1.0, 2.0)), False),
        (t.dm("2", answer=QuickReplyAnswer(None)), False),
        (CustomerTyping("1", "2", t.AT), False),
    ],
)
def test_only_a_short_text_alone_may_be_a_choice(activity: Any, maybe: bool) -> None:
    assert may_be_choice(activity) is maybe
