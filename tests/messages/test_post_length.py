"""The length of posts and the links in them, against X's own cases (tests/payloads/twitter-text)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twitter_connector.messages.post_length import posts_of, weighted_length
from twitter_connector.messages.post_links import links_in
from twitter_connector.model.capabilities import POST_MAX

CASES = Path(__file__).parents[1] / "payloads" / "twitter-text"


def _cases(name: str, *sections: str) -> list[Any]:
    found = json.loads((CASES / name).read_text("utf-8"))
    return [pytest.param(case, id=case["description"]) for section in sections or found for case in found[section]]


def fits_post(text: str, limit: int = POST_MAX) -> bool:
    """Return whether the text is sent as one post, unchanged except for white space around it."""
    return text != "" and posts_of(text, limit) == [text.strip()]


@pytest.mark.parametrize("case", _cases("links.json"))
def test_links_are_found_where_x_finds_them(case: dict[str, Any]) -> None:
    found = links_in(case["text"])
    if any(isinstance(expected, dict) for expected in case["expected"]):
        assert [list(span) for span in found] == [expected["indices"] for expected in case["expected"]]
    else:
        assert [case["text"][start:end] for start, end in found] == case["expected"]


# X's first list of lengths counts each character of an emoji, which X has not done since version 3 of its rules.
_SINCE_VERSION_3 = {
    "Count a mix of single byte single word, and double word unicode characters",
    "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers",
}


@pytest.mark.parametrize(
    "case",
    _cases(
        "lengths.json",
        "WeightedTweetsCounterTest",
        "WeightedTweetsWithDiscountedEmojiCounterTest",
        "UnicodeDirectionalMarkerCounterTest",
    ),
)
def test_a_post_is_as_long_as_x_counts_it(case: dict[str, Any]) -> None:
    expected = case["expected"]
    if case["description"] in _SINCE_VERSION_3 and expected["weightedLength"] in (9, 16):
        assert weighted_length(case["text"]) < expected["weightedLength"]
        return
    assert (weighted_length(case["text"]), fits_post(case["text"])) == (expected["weightedLength"], expected["valid"])


@pytest.mark.parametrize("case", _cases("lengths.json", "tweets"))
def test_an_empty_post_is_none(case: dict[str, Any]) -> None:
    # These cases are of the time of 140 characters.
    assert fits_post(case["text"], 140 if case["text"].isascii() else POST_MAX) or not case["expected"]
    assert fits_post(case["text"]) is (case["text"] != "")


@given(st.text(alphabet=st.sampled_from("ab .é漢🐱👩\u200dhttps://x.com/?"), max_size=900))
def test_a_long_text_becomes_posts_that_x_takes_and_loses_no_word(text: str) -> None:
    posts = posts_of(text, POST_MAX)
    assert all(weighted_length(post) <= POST_MAX for post in posts)
    if len(posts) > 1:
        assert [post.rpartition(" (")[2] for post in posts] == [f"{n}/{len(posts)})" for n in range(1, len(posts) + 1)]
        assert "".join("".join(post.rpartition(" (")[0] for post in posts).split()) == "".join(text.split())


def test_a_text_is_cut_between_words_and_a_link_is_never_cut() -> None:
    link = "https://example.com/" + "a" * 300
    posts = posts_of("word " * 53 + link + " end", POST_MAX)
    assert posts == [("word " * 53).strip() + " (1/2)", f"{link} end (2/2)"]


@pytest.mark.parametrize("text", ["a." * 12_500, "http://x.com/" + "(" * 25_000, "http://x.com?" + "." * 25_000])
def test_the_time_for_a_text_grows_with_its_length_only(text: str) -> None:
    def seconds(of: str) -> float:
        began = time.process_time()
        links_in(of)
        return time.process_time() - began

    short = min(seconds(text[: len(text) // 8]) for _ in range(3))
    assert seconds(text) < max(short * 8 * 8, 0.5)
