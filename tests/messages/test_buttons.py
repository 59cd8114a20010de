"""BUTTON: quick replies, links on buttons, numbered lists, and both sides of each of Twitter's limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.kinds.buttons import NO_PROMPT
from twitter_connector.messages.text import graphemes, one_line, split_lines
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.plan import Choice, Plan

FAMILY = "👩‍👩‍👧‍👦"


def options_of(plan: Plan) -> list[dict[str, str]]:
    """Return the quick replies at the end of a plan."""
    quick = t.extras_of(plan.steps[-1])["quick_reply"]
    assert quick["type"] == "options"
    options: list[dict[str, str]] = quick["options"]
    return options


def ctas_of(plan: Plan) -> list[dict[str, str]]:
    found: list[dict[str, str]] = t.extras_of(plan.steps[-1])["ctas"]
    return found


def is_list(plan: Plan) -> bool:
    return all(not t.extras_of(step) for step in plan.steps) and "1. " in plan.steps[0].text


def link(title: str, url: str = "https://example.com", type_: str = "url") -> dict[str, Any]:
    return {"title": title, "payload": url, "type": type_}


# Quick replies


def test_a_label_may_have_36_characters() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("x" * 36))))
    assert option["label"] == "x" * 36
    assert "description" not in option


def test_a_label_of_37_characters_is_cut_and_stands_in_full_in_the_description() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("x" * 37))))
    assert option["label"] == "x" * 35 + "…"
    assert option["description"] == "x" * 37


def test_a_label_is_cut_between_what_a_reader_sees_as_characters() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("abcde" + FAMILY * 5))))
    assert option["label"] == "abcde" + FAMILY * 4 + "…", "the fifth family would need two characters more"


def test_a_description_may_have_72_characters() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("Agent", additionalButtonDetails={"description": "d" * 72}))))
    assert option["description"] == "d" * 72


def test_a_description_of_73_characters_is_cut() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("Agent", additionalButtonDetails={"description": "d" * 73}))))
    assert option["description"] == "d" * 71 + "…"


def test_one_description_gives_every_option_one() -> None:
    plan = t.plan(t.menu(t.button("Track", additionalButtonDetails={"description": "Where is it"}), t.button("Agent")))
    assert [option["description"] for option in options_of(plan)] == ["Where is it", "Agent"]


def test_no_description_gives_none_to_any_option() -> None:
    plan = t.plan(t.menu(t.button("Track"), t.button("Agent", additionalButtonDetails={"description": ""})))
    assert [option for option in options_of(plan) if "description" in option] == []


def test_twenty_options_are_quick_replies() -> None:
    plan = t.plan(t.menu(*(t.button(f"Option {n}") for n in range(20))))
    assert len(options_of(plan)) == 20
    assert plan.asked is not None
    assert not plan.asked.numbered


def test_twenty_one_options_are_a_numbered_list() -> None:
    plan = t.plan(t.menu(*(t.button(f"Option {n}") for n in range(21))))
    assert is_list(plan)
    assert plan.steps[0].text.endswith("\n21. Option 20")
    assert plan.asked is not None
    assert plan.asked.numbered
    assert len(plan.asked.choices) == 21


@pytest.mark.parametrize(
    "title", ["https://example.com", "See www.example.com", "example.com", "Mail to a.b@shop.co.uk"]
)
def test_a_link_in_a_label_makes_it_a_numbered_list(title: str) -> None:
    plan = t.plan(t.menu(t.button(title), t.button("Agent")))
    assert is_list(plan)
    assert f"1. {title}\n2. Agent" in plan.steps[0].text


@pytest.mark.parametrize(
    "title", ["Version 2.0", "10.30 Uhr", "z.B. das", "3.5", "Ja.", "Hm... what?", "v1.2.3", "A/B"]
)
def test_a_dot_alone_makes_no_link(title: str) -> None:
    assert options_of(t.plan(t.menu(t.button(title))))[0]["label"] == title


def test_titles_lose_marks_and_line_breaks() -> None:
    (option,) = options_of(t.plan(t.menu(t.button("*Track*\n my  order"))))
    assert option["label"] == "Track my order"


def test_the_text_above_options_is_split_and_the_last_part_has_the_options() -> None:
    plan = t.plan(t.menu(t.button("Agent"), text="x" * 10_001))
    assert [len(step.text) for step in plan.steps] == [10_000, 1]
    assert t.extras_of(plan.steps[0]) == {}
    assert options_of(plan)


def test_ten_thousand_characters_above_options_are_one_message() -> None:
    assert len(t.plan(t.menu(t.button("Agent"), text="x" * 10_000)).steps) == 1


def test_options_without_a_question_get_a_sign_above_them() -> None:
    assert t.plan(t.menu(t.button("Agent"), text=" ")).steps[0].text == NO_PROMPT


def test_the_question_of_another_channels_form_stands_in_where_there_is_no_other() -> None:
    interactive = {"header": {"type": "text", "text": "Menu"}, "body": {"text": "How?"}, "footer": {"text": ""}}
    plan = t.plan(t.menu(t.button("Agent"), text="", additionalDetails={"interactive": interactive}))
    assert plan.steps[0].text == "Menu\nHow?"


def test_a_question_without_options_is_a_text() -> None:
    plan = t.plan(t.menu())
    assert [step.text for step in plan.steps] == ["How can I help?"]
    assert plan.asked is None


def test_neither_question_nor_options_is_refused() -> None:
    with pytest.raises(UnsupportedKind, match="empty_buttons"):
        to_plan(t.cim(t.menu(text="")))


def test_the_text_is_decoded_where_the_header_says_so() -> None:
    assert t.plan(t.menu(t.button("Agent"), text="aGVsbG8="), encoded=True).steps[0].text == "hello"


# Spellings


@pytest.mark.parametrize(
    "spelled", ["QUICK_REPLIES", "Quick_Replies", "quick-replies", "BUTTON", "Button", "", None, 7]
)
def test_every_spelling_of_the_message_type_means_the_same(spelled: object) -> None:
    body = t.menu(t.button("Track"), t.button("Agent"), buttonMessageType=spelled)
    assert t.plan(body) == t.plan(t.menu(t.button("Track"), t.button("Agent")))


@pytest.mark.parametrize("type_", ["url", "URL", "web_url", "WEB_URL", "weburl", "web-url", "Link"])
def test_every_spelling_of_a_link_button_opens_the_link(type_: str) -> None:
    assert ctas_of(t.plan(t.menu(link("Shop", type_=type_)))) == [
        {"type": "web_url", "label": "Shop", "url": "https://example.com"}
    ]


@pytest.mark.parametrize("type_", ["text", "TEXT", "reply", "postback", "", None])
def test_any_other_type_answers(type_: object) -> None:
    assert options_of(t.plan(t.menu({"title": "Agent", "payload": "/agent", "type": type_})))


@pytest.mark.parametrize(
    "place", [{"url": "https://example.com/a"}, {"additionalButtonDetails": {"url": "https://example.com/a"}}]
)
def test_a_link_may_stand_beside_the_payload(place: dict[str, Any]) -> None:
    plan = t.plan(t.menu({"title": "Shop", "payload": "/shop", "type": "web_url", **place}))
    assert ctas_of(plan)[0]["url"] == "https://example.com/a"


# Links


def test_three_links_are_buttons() -> None:
    plan = t.plan(t.menu(*(link(f"Page {n}", f"https://example.com/{n}") for n in range(3))))
    assert [cta["url"] for cta in ctas_of(plan)] == [f"https://example.com/{n}" for n in range(3)]
    assert plan.asked is None


def test_four_links_are_a_list_with_their_addresses() -> None:
    plan = t.plan(t.menu(*(link(f"Page {n}", f"https://example.com/{n}") for n in range(4))))
    assert is_list(plan)
    assert "4. Page 3: https://example.com/3" in plan.steps[0].text
    assert plan.asked is None, "there is nothing to answer"


def test_the_label_of_a_link_may_have_36_characters() -> None:
    assert ctas_of(t.plan(t.menu(link("x" * 36))))[0]["label"] == "x" * 36
    assert ctas_of(t.plan(t.menu(link("x" * 37))))[0]["label"] == "x" * 35 + "…"


@pytest.mark.parametrize(
    "url", ["example.com/a", "ftp://example.com", "javascript:alert(1)", "https://", "https://a b.com"]
)
def test_what_is_no_web_address_is_shown_and_not_put_on_a_button(url: str) -> None:
    plan = t.plan(t.menu(link("Shop", url)))
    assert is_list(plan)
    assert f"1. Shop: {url}" in plan.steps[0].text


def test_a_mixture_is_a_list_in_which_only_what_answers_can_be_answered() -> None:
    plan = t.plan(
        t.menu(
            link("Shop"),
            t.button("Agent", "/agent"),
            {"title": "Call", "payload": "+12025550101", "type": "phone_number"},
        )
    )
    assert plan.steps[0].text.endswith("1. Shop: https://example.com\n2. Agent\n3. Call: +12025550101")
    assert plan.asked is not None
    assert plan.asked.choices == (Choice(2, "Agent", "/agent"),)


# Numbered lists


def section(title: str, name: str | None) -> dict[str, Any]:
    return t.button(title, additionalButtonDetails={"sectionNo": 1, "sectionTitle": name})


def test_sections_of_a_list_keep_their_titles() -> None:
    rows = [section(f"Dish {n}", "Warm" if n < 15 else "Cold") for n in range(30)]
    text = t.plan(t.menu(*rows)).steps[0].text
    assert "help?\n\nWarm\n1. Dish 0\n" in text
    assert "\n15. Dish 14\n\nCold\n16. Dish 15\n" in text


def test_sections_of_quick_replies_stand_in_their_descriptions() -> None:
    plan = t.plan(t.menu(section("Soup", "Warm"), section("Salad", "Cold"), section("Bread", None)))
    assert [option["description"] for option in options_of(plan)] == ["Warm", "Cold", "Bread"]


def test_a_section_title_of_72_characters_fits_a_description_and_one_of_73_makes_it_a_list() -> None:
    assert options_of(t.plan(t.menu(section("Soup", "s" * 72))))[0]["description"] == "s" * 72
    plan = t.plan(t.menu(section("Soup", "s" * 73)))
    assert is_list(plan)
    assert "s" * 73 in plan.steps[0].text


@pytest.mark.parametrize("spare", [0, 1])
def test_a_list_goes_on_in_a_second_message_where_the_first_is_full(spare: int) -> None:
    rows = [t.button("https://example.com/ " + "x" * 300) for _ in range(10)]
    bare = len(t.plan(t.menu(*rows, text="?")).steps[0].text)
    plan = t.plan(t.menu(*rows, text="?" * (10_000 - bare + 1 + spare)))
    assert len(plan.steps) == 1 + spare
    assert plan.steps[-1].text.endswith("x" * 300)
    assert all(len(step.text) <= 10_000 for step in plan.steps)


def test_a_list_is_cut_between_its_lines() -> None:
    plan = t.plan(t.menu(*(t.button(f"{n} " + "x" * 900) for n in range(40))))
    assert len(plan.steps) == 4
    assert [step.text.splitlines()[0].split(".")[0] for step in plan.steps[1:]] == ["12", "23", "34"]


titles = st.lists(st.text(min_size=1, max_size=400).map(one_line).filter(bool), min_size=21, max_size=60)


@given(titles)
def test_a_list_loses_no_character_of_its_titles_and_keeps_their_order(found: list[str]) -> None:
    plan = t.plan(t.menu(*(t.button(title, f"/p{n}") for n, title in enumerate(found))))
    assert plan.asked is not None
    shown = [choice.title for choice in plan.asked.choices]
    lines = "\n".join(step.text for step in plan.steps).split("\n")
    expected = [f"{n}. {title}" for n, title in enumerate(shown, start=1)]
    # A title may be longer than a message only in theory; here every entry stands on its own line.
    assert lines[2:] == expected
    assert [choice.payload for choice in plan.asked.choices] == [f"/p{n}" for n in range(len(found))]


@given(st.text(max_size=3000), st.integers(min_value=1, max_value=200))
def test_lines_are_split_so_that_they_join_again_and_break_no_grapheme(text: str, limit: int) -> None:
    parts = split_lines(text, limit)
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)
    if all(len(grapheme) <= limit for grapheme in graphemes(text)):
        assert [g for part in parts for g in graphemes(part)] == list(graphemes(text))


@given(st.text(min_size=1, max_size=200), st.text(max_size=200))
def test_labels_and_descriptions_are_whole_graphemes_within_their_limits(title: str, description: str) -> None:
    plan = t.plan(t.menu(t.button(title, additionalButtonDetails={"description": description})))
    if is_list(plan):
        return
    (option,) = options_of(plan)
    assert plan.asked is not None
    full = plan.asked.choices[0].title
    label = option["label"]
    assert 1 <= len(label) <= 36
    assert len(option.get("description", "")) <= 72
    if label != full:
        kept = list(graphemes(label.removesuffix("…")))
        assert kept == list(graphemes(full))[: len(kept)]


# Bodies that are not as documented


def test_a_button_that_is_only_a_word_answers_with_nothing() -> None:
    plan = t.plan(t.menu("Yes", None, 7, "No"))  # type: ignore[arg-type]
    assert plan.asked is not None
    assert [(c.number, c.title, c.payload) for c in plan.asked.choices] == [(1, "Yes", ""), (2, "No", "")]


def test_a_payload_that_is_an_object_travels_as_json() -> None:
    plan = t.plan(t.menu({"title": "Yes", "payload": {"a": "ü"}, "type": "text"}))
    assert plan.asked is not None
    assert plan.asked.choices[0].payload == '{"a":"ü"}'


def test_a_button_without_a_title_shows_what_it_has() -> None:
    plan = t.plan(t.menu(t.button("", additionalButtonDetails={"description": "Talk to us"}), t.button("")))
    assert [option["label"] for option in options_of(plan)] == ["Talk to us", "2"]
