"""Text between X and CIM: links and escapes of X's texts, the length of a message, and fingerprints of texts. Pure."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator

import regex

from twitter_connector.model.event import Link

# https://docs.x.com/x-api/direct-messages: the limit of one message, in characters.
DM_MAX_CHARS = 10_000

# How often escapes may be nested in a text that is to be recognised.
_ESCAPES = 3

_grapheme = regex.compile(r"\X")
_url = re.compile(r"https?://\S+")
_url_or_domain = re.compile(r"https?://\S+|\b[\w-]+(?:\.[\w-]+)+(?:/\S*)?", re.IGNORECASE)
# What X may take for a link: with a scheme, with www, or a bare domain. Its last word is of letters, so that "3.5" and
# "v2.0" are none. A domain of ASCII letters is one beside letters of other scripts too: これはexample.comです
# https://github.com/twitter/twitter-text/tree/master/conformance
_link = re.compile(
    r"https?://|\bwww\.\S|(?<![\w.-])(?:[^\W_][\w-]*\.)+[^\W\d_]{2,}(?!\w)"
    r"|(?<![a-z0-9_.@#$-])(?:[a-z0-9][a-z0-9_-]*\.)+[a-z]{2,}(?![a-z0-9_])",
    re.IGNORECASE,
)
# A t.co link ends where its id of ASCII letters and digits ends, whatever script goes on there.
_tco = re.compile(r"https?://t\.co/[A-Za-z0-9]+")


def readable_text(text: str, links: Iterable[Link] = (), drop: str = "") -> str:
    """Return a text as the customer typed it: unescaped once, short links expanded, the link `drop` removed.

    Links are replaced by their text, not by their indices: the units of those are not documented for Direct
    Messages. https://docs.x.com/x-api/direct-messages
    """
    # Divide at the known links first, so that an expanded URL with "&amp;" in it is not unescaped.
    known = {link.short: link.expanded for link in links if link.short}
    if drop:
        known[drop] = ""
    if not known:
        return html.unescape(text)
    pattern = "|".join(map(_in_text, sorted(known, key=len, reverse=True)))
    parts = re.split(f"({pattern})", text)
    whole = "".join(known[part] if i % 2 else html.unescape(part) for i, part in enumerate(parts))
    return whole.strip() if drop else whole


def _in_text(short: str) -> str:
    return re.escape(short) + (r"(?![A-Za-z0-9])" if _tco.fullmatch(short) else r"(?![A-Za-z0-9_/])")


def split_text(text: str, limit: int = DM_MAX_CHARS) -> list[str]:
    """Return the text in parts of at most `limit` characters, which join to the whole text again.

    Cut behind white space where there is some in the second half, else between graphemes; a single grapheme
    longer than the limit, which no script has, is cut by characters.
    """
    parts = []
    while len(text) > limit:
        cut = _last_break(text, limit)
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def split_lines(text: str, limit: int = DM_MAX_CHARS) -> list[str]:
    """Return the same as split_text, divided between lines. Only a line longer than the limit is divided itself."""
    parts, part = [], ""
    for line in re.split(r"(?<=\n)", text):
        if len(part) + len(line) > limit:
            if part:
                parts.append(part)
            *whole, part = split_text(line, limit)
            parts.extend(whole)
        else:
            part += line
    return [*parts, part]


def _last_break(text: str, limit: int) -> int:
    # A grapheme may begin before the limit and end behind it. Read far enough to see all of it.
    ends = [m.end() for m in _grapheme.finditer(text, 0, min(len(text), limit + 64)) if m.end() <= limit]
    if not ends:
        return limit
    for end in reversed(ends):
        if end <= limit // 2:
            break
        if text[end - 1].isspace():
            return int(end)
    return int(ends[-1])


def graphemes(text: str) -> Iterator[str]:
    """Yield the graphemes: what a reader sees as one character."""
    return (m.group() for m in _grapheme.finditer(text))


def shortened(text: str, limit: int) -> str:
    """Return the text within `limit` characters, cut between graphemes. A text that was cut ends with an ellipsis."""
    if len(text) <= limit:
        return text
    kept = ""
    for grapheme in graphemes(text):
        if len(kept) + len(grapheme) > limit - 1:
            break
        kept += grapheme
    return kept.rstrip() + "…"


def fingerprint(text: str, links: Iterable[Link] = (), drop: str = "") -> str:
    """Return a digest that recognises a text we sent when X shows it again.

    X turns links, and bare domains too, into t.co links and may add a scheme, so both sides are compared
    without them, in one Unicode form and with one kind of white space. They are also compared without escapes: API v2
    does not say whether it escapes its texts, and an agent's text may contain `&amp;` itself.
    """
    text = readable_text(text, links, drop)
    for _ in range(_ESCAPES):
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text)
    # Leave out the whole word: X decides whether a closing bracket or quotation mark belongs to a link.
    words = [word for word in text.split() if not _url_or_domain.search(word)]
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def sent_fingerprint(text: str) -> str:
    """Return the fingerprint of a text as we send it. X shows it with `&`, `<` and `>` escaped."""
    return fingerprint(html.escape(text, quote=False))


def only_link(text: str, links: Iterable[Link]) -> str | None:
    """Return the expanded link if the text is one link and nothing else, otherwise None."""
    stripped = text.strip()
    return next((link.expanded for link in links if link.short == stripped and _url.fullmatch(link.expanded)), None)


def one_line(text: str) -> str:
    """Return the text on one line: every stretch of white space becomes one space, none at the ends."""
    return " ".join(text.split())


def holds_link(text: str) -> bool:
    """Return whether X may take something in this text for a link. In doubt True: X refuses a whole message if a
    label in it has a link."""
    return _link.search(text) is not None
