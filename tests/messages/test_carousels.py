"""CAROUSEL: cards as a bounded, ordered series of messages, with options that can be answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.kinds.buttons import NO_PROMPT
from twitter_connector.messages.to_twitter import to_plan


def carousel(*cards: Any, **more: Any) -> dict[str, Any]:
    return {"type": "CAROUSEL", "elements": list(cards), **more}


def card(text: str = "", *buttons: dict[str, Any], url: str = "", **details: Any) -> dict[str, Any]:
    return {"text": text, "url": url, "buttons": list(buttons), "additionalCarouselElementDetails": details}


def test_cards_follow_one_another_each_with_its_picture() -> None:
    plan = t.plan(carousel(*(card(f"Card {n}", url=f"https://example.com/{n}.jpg") for n in range(3))))
    assert [(step.text, step.media and step.media.url) for step in plan.steps] == [
        (f"Card {n}", f"https://example.com/{n}.jpg") for n in range(3)
    ]
    assert plan.asked is None


@pytest.mark.parametrize("form", ["GENERIC_RICH_MEDIA", "Generic_Rich_Media", "MEDIA", "", None])
def test_every_spelling_of_the_carousel_type_means_the_same(form: object) -> None:
    body = carousel(card("Blue shoe", url="https://example.com/shoe.jpg"), carouselMessageType=form)
    assert t.plan(body).steps[0].media is not None


def test_cards_may_stand_in_data() -> None:
    cards = [card("Blue shoe")]
    assert t.plan({"type": "CAROUSEL", "elements": None, "data": cards}) == t.plan(carousel(*cards))


def test_ten_cards_are_ten_messages_and_the_rest_follows_as_text() -> None:
    cards = [card(f"Card {n}", url=f"https://example.com/{n}.jpg") for n in range(12)]
    assert [step.media is not None for step in t.plan(carousel(*cards[:10])).steps] == [True] * 10
    plan = t.plan(carousel(*cards))
    assert len(plan.steps) == 11
    assert plan.steps[-1].text == "Card 10\n\nCard 11"
    assert plan.steps[-1].media is None


def test_options_are_numbered_through_all_cards_and_offered_once_more_at_the_end() -> None:
    plan = t.plan(carousel(card("A", t.button("Buy", "/buy1")), card("B", t.button("Buy", "/buy2"), t.button("Why"))))
    assert [step.text for step in plan.steps] == ["A\n1. Buy", "B\n2. Buy\n3. Why"]
    assert t.extras_of(plan.steps[0]) == {}
    options = t.extras_of(plan.steps[1])["quick_reply"]["options"]
    assert [(option["label"], option["description"]) for option in options] == [
        ("Buy", "A"),
        ("Buy", "B"),
        ("Why", "B"),
    ]
    assert t.message_of(t.dm("2"), plan.asked).header.intent == "buy2"


def test_options_that_are_too_many_for_quick_replies_are_answered_by_their_numbers() -> None:
    cards = [card(f"Card {c}", *(t.button(f"Option {c}{o}", f"/o{c}{o}") for o in range(3))) for c in range(7)]
    plan = t.plan(carousel(*cards))
    assert all("quick_reply" not in t.extras_of(step) for step in plan.steps)
    assert plan.steps[-1].text.endswith("21. Option 62")
    assert t.message_of(t.dm("21"), plan.asked).header.intent == "o62"


def test_a_single_card_has_its_options_as_quick_replies_only() -> None:
    plan = t.plan(carousel(card("Blue shoe", t.button("Buy"), url="https://example.com/shoe.jpg")))
    assert [step.text for step in plan.steps] == ["Blue shoe"]
    assert t.extras_of(plan.steps[0])["quick_reply"]["options"][0]["label"] == "Buy"
    assert plan.asked is not None
    assert not plan.asked.numbered


def test_a_card_of_options_only_has_a_sign_above_them() -> None:
    assert [step.text for step in t.plan(carousel(card("", t.button("Buy")))).steps] == [NO_PROMPT]


def test_up_to_three_links_of_a_card_are_on_buttons_and_more_are_lines() -> None:
    links = [{"title": f"Page {n}", "payload": f"https://example.com/{n}", "type": "web_url"} for n in range(4)]
    three, four = t.plan(carousel(card("A", *links[:3]))), t.plan(carousel(card("A", *links)))
    assert len(t.extras_of(three.steps[0])["ctas"]) == 3
    assert t.extras_of(four.steps[0]) == {}
    assert four.steps[0].text.splitlines()[1] == "• Page 0: https://example.com/0"


def test_a_card_opens_where_its_default_action_leads() -> None:
    opened = {"type": "web_url", "url": "https://example.com/shoe"}
    assert t.plan(carousel({**card("Shoe"), "defaultAction": opened})).steps[0].text == "Shoe\nhttps://example.com/shoe"
    same = {"title": "Open", "payload": "https://example.com/shoe", "type": "url"}
    assert t.plan(carousel({**card("Shoe", same), "defaultAction": opened})).steps[0].text == "Shoe"


def test_a_title_that_stands_in_the_text_is_said_once() -> None:
    assert t.plan(carousel(card("Blue shoe", title="Shoe"))).steps[0].text == "Blue shoe"
    assert t.plan(carousel(card("Light", title="Shoe", subtitle="€ 50"))).steps[0].text == "Shoe\nLight\n€ 50"


def test_a_card_longer_than_a_message_loses_nothing() -> None:
    plan = t.plan(carousel(card("x" * 10_001, t.button("Buy"), url="https://example.com/shoe.jpg")))
    assert "".join(step.text for step in plan.steps) == "x" * 10_001
    assert [step.media is not None for step in plan.steps] == [True, False]
    assert "quick_reply" in t.extras_of(plan.steps[-1])


def test_empty_cards_are_left_out() -> None:
    plan = t.plan(carousel(card(""), None, "card", card("A"), markdownText="Look"))
    assert [step.text for step in plan.steps] == ["Look", "A"]


def test_a_carousel_without_cards_is_its_text_or_refused() -> None:
    assert [step.text for step in t.plan(carousel(markdownText="Look")).steps] == ["Look"]
    with pytest.raises(UnsupportedKind, match="empty_carousel"):
        to_plan(t.cim(carousel(card(""))))
