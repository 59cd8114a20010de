"""Text between Twitter and CIM: escapes, links, marks, length, and the fingerprint that settles uncertain sends."""

from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import tests.property_settings  # noqa: F401 - properties are tried without a deadline
from twitter_connector.messages.markdown import plain_text
from twitter_connector.messages.text import (
    DM_MAX_CHARS,
    fingerprint,
    graphemes,
    holds_link,
    only_link,
    readable_text,
    sent_fingerprint,
    shortened,
    split_text,
)
from twitter_connector.model.event import Link

FAMILY = "👨‍👩‍👧‍👦"
FLAG = "🇨🇭"
CLUSTERS = [
    "a",
    "ß",
    "é",
    "e\u0301",
    "한",
    "\u1112\u1161\u11ab",
    FAMILY,
    FLAG,
    "👍🏽",
    "नि",
    "\r\n",
    " ",
    "\n",
    "1\ufe0f\u20e3",
]
clustered = st.lists(st.sampled_from(CLUSTERS), max_size=60).map("".join)
T1, T2 = "https://t.co/abcde12345", "https://t.co/fghij67890"


def escaped(text: str) -> str:
    """Escape as Twitter does: the three characters, and once."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class TestReadableText:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("Yes, you are!", "Yes, you are!"),
            ("Fish &amp; chips &lt;3 &gt;", "Fish & chips <3 >"),
            ("&amp;amp; &amp;lt;", "&amp; &lt;"),
            ("", ""),
            ("a\n b  c ", "a\n b  c "),
            ("😀 & é", "😀 & é"),
        ],
    )
    def test_escapes_are_undone_exactly_once(self, raw: str, expected: str) -> None:
        assert readable_text(raw) == expected

    @given(st.text())
    def test_whatever_was_typed_is_read_back(self, typed: str) -> None:
        assert readable_text(escaped(typed)) == typed

    def test_a_short_link_is_replaced_by_where_it_leads(self) -> None:
        link = Link(T1, "https://en.wikipedia.org/wiki/Frankenstein#Composition")
        assert readable_text(f"see {T1} ok", [link]) == f"see {link.expanded} ok"

    def test_a_link_that_stands_twice_is_replaced_twice(self) -> None:
        assert readable_text(f"{T1} {T1}", [Link(T1, "https://a.example")]) == "https://a.example https://a.example"

    @pytest.mark.parametrize(
        "expanded",
        [
            "https://example.com/?a=1&amp;b=2",
            "https://example.com/?a=1&b=2&lt=3",
            "https://example.com/?copy=1&reg=2",
            "https://example.com/a\\1\\g<0>",
            f"https://example.com/?next={T2}",
        ],
    )
    def test_where_it_leads_is_copied_letter_by_letter(self, expanded: str) -> None:
        links = [Link(T1, expanded), Link(T2, "https://other.example/")]
        assert readable_text(f"&amp; {T1} &amp;", links) == f"& {expanded} &"

    def test_a_link_that_begins_like_another_is_not_taken_for_it(self) -> None:
        links = [Link("https://t.co/abc", "https://short.example"), Link("https://t.co/abcd", "https://long.example")]
        assert (
            readable_text("https://t.co/abcd https://t.co/abc", links) == "https://long.example https://short.example"
        )
        assert readable_text("https://t.co/abcde", links[:1]) == "https://t.co/abcde"
        assert readable_text("https://t.co/abc.", links[:1]) == "https://short.example."

    def test_a_link_nobody_explains_stays(self) -> None:
        assert readable_text(f"{T1} {T2}", [Link(T2, "https://b.example")]) == f"{T1} https://b.example"

    @pytest.mark.parametrize(
        "before", ["", "これは", "请看", "여기", "ดู", "انظر", "смотри", "é", "_", "（", "「", "“", "😀", "x"]
    )
    @pytest.mark.parametrize(
        "after",
        [
            "",
            "を見てください",
            "吧",
            "를",
            "นะ",
            "هنا",
            "здесь",
            "é",
            "_",
            "）。",
            "」",
            "”",
            "😀",
            "/",
            "-",
            "'s",
            "!",
        ],
    )
    def test_a_short_link_ends_with_its_id_whatever_script_stands_beside_it(self, before: str, after: str) -> None:
        links = [Link(T1, "https://example.com/a")]
        assert readable_text(f"{before}{T1}{after}", links) == f"{before}https://example.com/a{after}"
        assert readable_text(f"{before}{T1}{after}", [], drop=T1) == f"{before}{after}"

    @given(st.text(max_size=8), st.text(max_size=8))
    def test_a_short_link_is_written_out_between_any_two_texts(self, before: str, after: str) -> None:
        assume(not after[:1].isalnum() or not after[:1].isascii())
        shown = escaped(before) + T1 + escaped(after)
        assert readable_text(shown, [Link(T1, "https://example.com/a")]) == f"{before}https://example.com/a{after}"

    def test_the_link_of_an_attachment_is_dropped_with_the_space_before_it(self) -> None:
        media = Link(T1, "https://twitter.com/messages/media/1")
        assert readable_text(f" {T1}", [media], drop=T1) == ""
        assert readable_text(f"Look! {T1}", [media], drop=T1) == "Look!"
        assert (
            readable_text(f"{T2} and {T1}", [media, Link(T2, "https://b.example")], drop=T1) == "https://b.example and"
        )

    @given(st.lists(st.sampled_from(["&amp;", "&lt;", " ", T1, T2, "x", "\n"]), max_size=20))
    def test_links_and_escapes_do_not_disturb_each_other(self, parts: list[str]) -> None:
        links = [Link(T1, "https://a.example/?x=1&amp;y"), Link(T2, "https://b.example/&lt;")]
        # A link is only one where it ends.
        raw = " ".join(parts)
        expected = " ".join({T1: links[0].expanded, T2: links[1].expanded}.get(p, html.unescape(p)) for p in parts)
        assert readable_text(raw, links) == expected


class TestPlainText:
    @pytest.mark.parametrize(
        ("marked", "plain"),
        [
            ("Your order leaves *today*.", "Your order leaves today."),
            ("_it_ ~gone~ !new!", "it gone new"),
            ("**bold** __em__", "bold em"),
            ("*_both_*", "both"),
            ("*two words* and *more*", "two words and more"),
            ("2*3*4 = 24", "2*3*4 = 24"),
            ("snake_case_name", "snake_case_name"),
            ("Hi! Yes! Sure!", "Hi! Yes! Sure!"),
            ("a * b * c", "a * b * c"),
            ("* point\n* point", "* point\n* point"),
            ("*open", "*open"),
            ("[our page](https://example.com/a_b_c)", "our page (https://example.com/a_b_c)"),
            ("https://example.com/_a_/*b*", "https://example.com/_a_/*b*"),
            ("see *https://example.com/x*", "see https://example.com/x"),
            ("", ""),
            ("\u00fcn*\u00efc\u00f6*d\u00eb", "ün*ïcö*dë"),
        ],
    )
    def test_marks_go_and_words_stay(self, marked: str, plain: str) -> None:
        assert plain_text(marked) == plain

    @given(st.text(alphabet="ab *_~!\n", max_size=40))
    def test_only_marks_ever_go(self, text: str) -> None:
        kept = [c for c in text if c not in "*_~!"]
        assert [c for c in plain_text(text) if c not in "*_~!"] == kept

    @given(st.text(max_size=60))
    def test_a_text_without_marks_is_left_alone(self, text: str) -> None:
        assume(not set(text) & set("*_~![]()"))
        assert plain_text(text) == text


class TestSplitText:
    def test_the_limit_is_twitters(self) -> None:
        assert DM_MAX_CHARS == 10_000
        assert [len(p) for p in split_text("x" * 10_000)] == [10_000]
        assert [len(p) for p in split_text("x" * 10_001)] == [10_000, 1]

    @pytest.mark.parametrize("text", ["", " ", "a", "x" * 10])
    def test_what_fits_stays_whole(self, text: str) -> None:
        assert split_text(text, 10) == [text]

    def test_it_is_cut_behind_white_space_where_there_is_some(self) -> None:
        assert split_text("one two three four", 10) == ["one two ", "three four"]
        assert split_text("aaaa\nbbbb\ncccc", 10) == ["aaaa\nbbbb\n", "cccc"]

    def test_white_space_far_ahead_is_no_reason_for_a_tiny_part(self) -> None:
        assert split_text("a " + "x" * 20, 10)[0] == "a " + "x" * 8

    @pytest.mark.parametrize("cluster", [FAMILY, FLAG, "e\u0301", "👍🏽", "\r\n"])
    def test_no_character_is_torn_apart(self, cluster: str) -> None:
        for lead in range(12):
            parts = split_text("x" * lead + cluster * 6, 12)
            assert "".join(parts) == "x" * lead + cluster * 6
            assert all(list(graphemes(p)) == [g for g in graphemes(p) if g in (cluster, "x")] for p in parts)

    @given(clustered, st.integers(16, 40))
    @example(FAMILY * 5, 16)
    @example("\r\n" * 20, 17)
    def test_parts_join_to_the_whole_fit_the_limit_and_break_no_grapheme(self, text: str, limit: int) -> None:
        parts = split_text(text, limit)
        assert "".join(parts) == text
        assert all(0 < len(p) <= limit for p in parts) or text == ""
        assert [g for p in parts for g in graphemes(p)] == list(graphemes(text))

    @given(st.text(max_size=200), st.integers(1, 30))
    def test_whatever_the_text_no_character_is_lost(self, text: str, limit: int) -> None:
        parts = split_text(text, limit)
        assert "".join(parts) == text
        assert all(len(p) <= limit for p in parts)
        # Never more parts than characters, so a text always comes to an end.
        assert len(parts) <= max(1, len(text))

    def test_one_endless_grapheme_is_cut_all_the_same(self) -> None:
        zalgo = "e" + "\u0301" * 300
        parts = split_text(zalgo, 100)
        assert "".join(parts) == zalgo
        assert all(len(p) <= 100 for p in parts)

    def test_a_very_long_text_takes_no_longer_than_its_length(self) -> None:
        text = ("word " * 2000 + FAMILY) * 20
        assert "".join(split_text(text)) == text


class TestShortened:
    @given(clustered, st.integers(1, 30))
    def test_it_fits_and_tears_nothing(self, text: str, limit: int) -> None:
        short = shortened(text, limit)
        assert len(short) <= limit
        if len(text) > limit:
            assert short.endswith("…")
            assert text.startswith(short[:-1])
            assert [*graphemes(short[:-1])] == [*graphemes(text)][: len([*graphemes(short[:-1])])]
        else:
            assert short == text


# What people write around links, without anything that is a link or a bare domain itself.
prose = st.text(alphabet=st.sampled_from("abcXYZ äöüßé 한 & < > \" ' , ! ? 😀 \n \t 1 2"), max_size=80)
url = st.builds(
    "{}://{}.{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.text(alphabet="abcdefgh", min_size=1, max_size=8),
    st.sampled_from(["example", "com", "org"]),
    st.text(alphabet="abc123-_?=&#/", max_size=20),
)


class TestFingerprint:
    """A text we sent must be known again in whatever way Twitter shows it."""

    @given(prose)
    def test_escaping_keeps_it(self, text: str) -> None:
        assert fingerprint(escaped(text)) == sent_fingerprint(text)

    @pytest.mark.parametrize(
        "text", ["Tom &amp; Jerry", "&lt;b&gt;", "5 &nbsp;€", "&copy now", "&amp;amp;", "1 < 2 & 3"]
    )
    def test_a_text_that_x_shows_without_escapes_keeps_it(self, text: str) -> None:
        """API v2 does not say whether it escapes the texts of its lists."""
        assert fingerprint(text) == sent_fingerprint(text)
        assert fingerprint(escaped(text)) == sent_fingerprint(text)

    @given(prose)
    def test_the_unicode_form_keeps_it(self, text: str) -> None:
        for form in ("NFC", "NFD"):
            assert fingerprint(escaped(unicodedata.normalize(form, text))) == sent_fingerprint(text)

    @given(prose, url, prose)
    def test_a_link_become_short_keeps_it(self, before: str, link: str, after: str) -> None:
        sent = f"{before} {link} {after}"
        shown = f"{escaped(before)} {T1} {escaped(after)}"
        assert fingerprint(shown, [Link(T1, link)]) == sent_fingerprint(sent)
        assert fingerprint(shown) == sent_fingerprint(sent)

    @given(prose, prose)
    def test_a_scheme_added_to_a_bare_domain_keeps_it(self, before: str, after: str) -> None:
        sent = f"{before} example.com/help {after}"
        shown = f"{escaped(before)} {T1} {escaped(after)}"
        assert fingerprint(shown, [Link(T1, "http://example.com/help")]) == sent_fingerprint(sent)
        assert fingerprint(shown, [Link(T1, "https://example.com/help")]) == sent_fingerprint(sent)

    @pytest.mark.parametrize("sent", ["“Is it example.com”", "(see example.com)", "example.com."])
    def test_what_stands_right_behind_a_bare_domain_keeps_it(self, sent: str) -> None:
        shown = sent.replace("example.com", T1)
        assert fingerprint(shown, [Link(T1, "http://example.com")]) == sent_fingerprint(sent)
        assert fingerprint(shown) == sent_fingerprint(sent)

    @pytest.mark.parametrize("link", ["https://example.com/a", "example.com/a", "example.com"])
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("これは", "を見てください"),
            ("详情请看", "。谢谢"),
            ("여기 ", "에서"),
            ("ดู", "นะ"),
            ("(", ")."),
            ("「", "」"),
            ("_", "_"),
        ],
    )
    def test_a_link_between_letters_of_any_script_keeps_it(self, before: str, link: str, after: str) -> None:
        sent, shown = f"はい {before}{link}{after} ok", f"はい {before}{T1}{after} ok"
        expanded = link if link.startswith("https") else f"http://{link}"
        assert fingerprint(shown, [Link(T1, expanded)]) == sent_fingerprint(sent)
        assert fingerprint(shown) == sent_fingerprint(sent)

    @given(prose)
    def test_white_space_at_the_ends_and_its_kind_keep_it(self, text: str) -> None:
        assert fingerprint(f"  {escaped(text)}\n") == sent_fingerprint(text)
        assert fingerprint(escaped(text).replace(" ", "\u00a0")) == sent_fingerprint(text)

    @pytest.mark.parametrize(
        ("one", "other"), [("yes", "no"), ("a b", "ab"), ("Yes", "yes"), ("1", "2"), ("😀", "😃"), ("é", "e")]
    )
    def test_another_text_is_another(self, one: str, other: str) -> None:
        assert fingerprint(one) != fingerprint(other)

    @pytest.mark.parametrize("text", ["a &amp; b", "&lt;b&gt;", "AT&amp;amp;T"])
    def test_a_text_that_looks_escaped_was_typed_so(self, text: str) -> None:
        """An agent may write `&amp;`; Twitter shows it with the ampersand escaped once more."""
        assert fingerprint(escaped(text)) == sent_fingerprint(text)

    def test_half_a_surrogate_pair_has_one_too(self) -> None:
        assert fingerprint("a \ud83d b")

    @given(st.text())
    def test_it_says_nothing_of_the_text(self, text: str) -> None:
        digest = fingerprint(text)
        assert len(digest) == 64
        assert set(digest) <= set("0123456789abcdef")


class TestOnlyLink:
    def test_one_link_and_nothing_else(self) -> None:
        links = [Link(T1, "https://example.com/help")]
        assert only_link(T1, links) == "https://example.com/help"
        assert only_link(f" {T1}\n", links) == "https://example.com/help"
        assert only_link(f"see {T1}", links) is None
        assert only_link(T2, links) is None
        assert only_link("", links) is None
        assert only_link(T1, [Link(T1, "ftp://example.com")]) is None

    @pytest.mark.parametrize("around", ["{}。", "「{}」", "{}を見て", "{}!", "({})", "{} {}"])
    def test_a_link_with_anything_beside_it_is_a_text(self, around: str) -> None:
        assert only_link(around.replace("{}", T1), [Link(T1, "https://example.com/help")]) is None


class TestHoldsLink:
    """X's own examples: https://github.com/twitter/twitter-text/tree/master/conformance"""

    @pytest.mark.parametrize(
        "text",
        [
            "text http://google.com/#foo",
            "http://✪df.ws/ejp",
            "foo.co.jp",
            "t.co/abcde",
            "これは日本語です。example.com/path/index.html中国語",
            "中国語example.com/path한국",
            "twitter.comこれは日本語です。",
            "example.com中国語",
            "한국twitter.com example2",
            "twitter.jp日本語it.so",
            "MLB.tv",
            "ELPAÍS.com",
            "Find my page at name.al-lastname.com",
        ],
    )
    def test_what_x_takes_for_a_link_is_one(self, text: str) -> None:
        assert holds_link(text)

    @pytest.mark.parametrize(
        "text", ["", "Yes", "3.5", "v2.0", "1.000,50 CHF", "はい。いいえ", "Ja. Nein.", "a…b", "z.B."]
    )
    def test_what_is_none_stays_on_a_label(self, text: str) -> None:
        assert not holds_link(text)
