"""How long X counts a post, and a long text in posts of the length that X takes.

X counts by weight: 1 for a letter of most alphabets, 2 for any other character and for an emoji, 23 for a link.
https://docs.x.com/fundamentals/counting-characters
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import regex

from .post_links import links_in
from .text import graphemes

_LINK_WEIGHT = 23
# Characters that count once. https://github.com/twitter/twitter-text/blob/master/config/v3.json
_ONCE = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_emoji = regex.compile(
    r"\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|[0-9#*]\uFE0F?\u20E3|\p{Regional_Indicator}{2}"
    r"|\p{Extended_Pictographic}.*?(?:\u200D|\p{Emoji_Modifier})"
)
# X refuses a post that contains one of these.
_refused = regex.compile(r"[\uFFFE\uFEFF\uFFFF]")


def weighted_length(text: str) -> int:
    """Return how long X counts a text."""
    return sum(weight for _, weight in _units(unicodedata.normalize("NFC", text)))


def posts_of(text: str, limit: int) -> list[str]:
    """Return a text in posts of at most `limit`, in its order; several are numbered: "… (1/3)".

    Cut at white space where there is some in the second half of a post, else between graphemes, and never in a link.
    """
    text = _refused.sub("", text).strip()
    if weighted_length(text) <= limit:
        return [text]
    known = 2
    while True:
        width = len(f" ({known}/{known})")
        parts = _cut(text, limit - width)
        if len(parts) <= known:
            return [f"{part} ({number}/{len(parts)})" for number, part in enumerate(parts, 1)]
        known = max(len(parts), 10 ** len(str(known)) - 1) if len(str(len(parts))) > len(str(known)) else len(parts)


def _cut(text: str, limit: int) -> list[str]:
    parts: list[str] = []
    units: list[tuple[str, int]] = []
    weight = 0
    for unit, weighs in _units(unicodedata.normalize("NFC", text)):
        if weight + weighs > limit:
            end = _last_break(units)
            parts.append("".join(text for text, _ in units[:end]).strip())
            units = units[end:]
            weight = sum(weighs for _, weighs in units)
        units.append((unit, weighs))
        weight += weighs
    parts.append("".join(text for text, _ in units).strip())
    return [part for part in parts if part]


def _last_break(units: list[tuple[str, int]]) -> int:
    for end in range(len(units), len(units) // 2, -1):
        if units[end - 1][0].isspace():
            return end
    return len(units)


def _units(text: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of a text that are never divided, with their weights: links and graphemes."""
    at = 0
    for start, end in links_in(text):
        yield from _characters(text[at:start])
        yield text[start:end], _LINK_WEIGHT
        at = end
    yield from _characters(text[at:])


def _characters(text: str) -> Iterator[tuple[str, int]]:
    for grapheme in graphemes(text):
        if _emoji.match(grapheme):
            yield grapheme, 2
        else:
            yield grapheme, sum(1 if _counts_once(ord(character)) else 2 for character in grapheme)


def _counts_once(code: int) -> bool:
    return any(first <= code <= last for first, last in _ONCE)
