"""The line above an agent's reply: of which message it is, and what of that message's words stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import message_builders as t
from twitter_connector.messages.kinds.reply_quote import QUOTE_MAX_CHARS, quote_of, quoted_id, with_quote
from twitter_connector.messages.text import fingerprint, graphemes, sent_fingerprint
from twitter_connector.model.event import DmEchoed, Link, Media

T1 = "https://t.co/aaaaaaaaaa"
PAGE = "https://twitter.com/messages/media/1750853984134090753"
PLAIN = {"type": "PLAIN", "markdownText": "Yes, *that* one"}


def own(text: str, *links: tuple[str, str]) -> DmEchoed:
    return DmEchoed("732739706", "210375291", "1750853984134090753", t.AT, text, tuple(Link(*pair) for pair in links))


@pytest.mark.parametrize("intent", ["REPLY_TO", "reply_to", "ReplyTo", "reply-to"])
def test_a_reply_quotes_the_message_its_header_names(intent: str) -> None:
    assert quoted_id(t.cim(PLAIN, intent=intent, original_message_id="c-1")) == "c-1"


@pytest.mark.parametrize("intent", ["UPDATE", "NONE", "track_order", "", None])
def test_no_other_intent_quotes(intent: str | None) -> None:
    assert quoted_id(t.cim(PLAIN, intent=intent, original_message_id="c-1")) == ""


@pytest.mark.parametrize("body", [{**PLAIN, "type": "IMAGE"}, {**PLAIN, "type": "URL"}, {**PLAIN, "isWhisper": True}])
def test_no_other_kind_quotes(body: dict[str, object]) -> None:
    assert quoted_id(t.cim(body, intent="REPLY_TO", original_message_id="c-1")) == ""


def test_a_reply_that_names_no_message_quotes_none() -> None:
    assert quoted_id(t.cim(PLAIN, intent="REPLY_TO")) == ""


def test_a_short_text_is_quoted_whole_on_one_line() -> None:
    assert quote_of(t.dm("Where is\nmy  order?\u2028😀")) == "“Where is my order? 😀”"
    whole = "x" * QUOTE_MAX_CHARS
    assert quote_of(t.dm(whole)) == f"“{whole}”"


def test_a_long_text_is_cut_between_graphemes_and_says_so() -> None:
    family = "👨‍👩‍👧‍👦"
    quote = quote_of(t.dm("x" * (QUOTE_MAX_CHARS - 2) + family + " and more"))
    assert quote == f"“{'x' * (QUOTE_MAX_CHARS - 2)}…”"


@given(st.text(max_size=300))
def test_any_text_makes_a_bounded_line_of_its_own_beginning(text: str) -> None:
    quote = quote_of(t.dm(text.replace("&", "")))
    assert len(quote) <= QUOTE_MAX_CHARS + 2
    assert len(quote.splitlines()) <= 1
    words = quote[1:-1]
    if quote and not words.endswith("…"):
        assert words == " ".join(text.replace("&", "").encode("utf-8", "ignore").decode().split())
    quote.encode("utf-8")


def test_a_quote_is_read_as_events_are() -> None:
    dm = t.dm(f"Fish &amp;amp; chips &lt;3 {T1}", links=[(T1, "https://example.com/a?b=1&c=2")])
    assert quote_of(dm) == "“Fish &amp; chips <3 https://example.com/a?b=1&c=2”"


def test_a_link_that_does_not_fit_is_left_out_rather_than_halved() -> None:
    long = "https://example.com/" + "a" * QUOTE_MAX_CHARS
    assert quote_of(t.dm(f"See {T1} please", links=[(T1, long)])) == "“See…”"
    assert quote_of(t.dm(T1, links=[(T1, long)])) == ""


def test_a_picture_is_quoted_by_its_words_and_not_at_all_without_any() -> None:
    picture = Media("1", "photo", "https://ton.twitter.com/x.jpg", link=T1)
    assert quote_of(t.dm(f"Look {T1}", links=[(T1, PAGE)], media=picture)) == "“Look”"
    assert quote_of(t.dm(T1, links=[(T1, PAGE)], media=picture)) == ""
    assert quote_of(own(f"Your map {T1}", (T1, PAGE))) == "“Your map”"
    assert quote_of(own(T1, (T1, PAGE))) == ""
    assert quote_of(t.dm("")) == ""


def test_an_agents_reply_is_quoted_by_its_own_words() -> None:
    assert quote_of(own("“Where is my order?”\nOn its way.")) == "“On its way.”"
    assert quote_of(own("“Where is my order?”")) == "““Where is my order?””"
    # A customer's quotation marks are the customer's words.
    assert quote_of(t.dm("“Soon”\nyou said")) == "““Soon” you said”"


def test_the_reply_stands_beneath_its_quote_which_keeps_its_marks() -> None:
    reply = t.cim(PLAIN, intent="REPLY_TO", original_message_id="c-1")
    assert [step.text for step in with_quote(reply, "“*this* one?”").steps] == ["“*this* one?”\nYes, that one"]
    assert with_quote(reply, "") == t.plan(PLAIN, intent="REPLY_TO")


def test_the_quote_of_a_base64_reply_is_not_decoded() -> None:
    reply = t.cim({"type": "PLAIN", "markdownText": "WWVz"}, intent="REPLY_TO", original_message_id="c", encoded=True)
    assert with_quote(reply, "“WWVz”").steps[0].text == "“WWVz”\nYes"


def test_the_quote_counts_to_the_length() -> None:
    quote = "“Where?”"
    room = 10_000 - len(quote) - 1
    for length, parts in ((room, [10_000]), (room + 1, [10_000, 1])):
        reply = t.cim({"type": "PLAIN", "markdownText": "x" * length}, intent="REPLY_TO", original_message_id="c")
        assert [len(step.text) for step in with_quote(reply, quote).steps] == parts


def test_a_quoted_bare_domain_is_known_again_when_twitter_made_it_a_link() -> None:
    sent = f"{quote_of(t.dm('Is it example.com'))}\nYes"
    shown = sent.replace("example.com", T1)
    assert fingerprint(shown, [Link(T1, "http://example.com")]) == sent_fingerprint(sent)
    assert fingerprint(shown) == sent_fingerprint(sent)


def test_no_grapheme_of_a_cut_quote_is_new() -> None:
    text = "नमस्ते क्षत्रिय " * 20
    assert set(graphemes(quote_of(t.dm(text))[1:-2])) <= set(graphemes(text))
