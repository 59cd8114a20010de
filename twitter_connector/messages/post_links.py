"""The links that X finds in a post, by the rules of its library twitter-text. Reads a text once, however long it is.

https://github.com/twitter/twitter-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import regex

_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_INVALID = r"\uFFFE\uFEFF\uFFFF"
_DIRECTION = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
# A letter of a domain, of any script.
_LETTER = rf"[^!'#%&()*+,\\\-./:;<=>?@\[\]^_{{|}}~${_SPACES}{_INVALID}{_DIRECTION}]"
# The same with the characters between labels.
_NO_RUN = rf"!'#%&()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}{_INVALID}{_DIRECTION}"
_ACCENTS = (
    r"\xC0-\xD6\xD8-\xF6\xF8-\xFF\u0100-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289\u028B"
    r"\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_PATH = rf"[a-z\u0400-\u04FF0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_ACCENTS}]"
_PARENS = rf"\((?:{_PATH}++|{_PATH}*+\({_PATH}++\){_PATH}*+)\)"
_FLAGS = regex.IGNORECASE | regex.VERSION0

# A run of labels, with or without a scheme. The first character of a link cannot follow one of these.
_run = regex.compile(
    rf"(?<![A-Za-z0-9@＠$#＃{_INVALID}])(?P<scheme>https?://)?(?P<labels>(?:[^hH{_NO_RUN}]++|h(?!ttps?://))++)", _FLAGS
)
_label = regex.compile(rf"{_LETTER}(?:(?:{_LETTER}|[_-])*+(?<![_-]))?+", _FLAGS)
_ascii_domain = regex.compile(rf"(?:[-a-z0-9{_ACCENTS}]++\.)++", _FLAGS)
_port = regex.compile(r":[0-9]++")
_path = regex.compile(rf"/(?:{_PATH}|{_PARENS})*+", _FLAGS)
_path_end = regex.compile(rf"(?:[+\-a-z\u0400-\u04FF0-9=_#/{_ACCENTS}]|{_PARENS})\Z", _FLAGS)
_query = regex.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]++", _FLAGS)
_query_end = regex.compile(r"[a-z0-9\-_&=#/]\Z", _FLAGS)
_tco = re.compile(r"https?://t\.co/(?P<slug>[a-z0-9]+)(?P<query>\?\S*)?", re.IGNORECASE)
_TCO_SLUG_MAX = 40
_URL_MAX = 4096


@cache
def _top_level() -> tuple[frozenset[str], int]:
    """Return the top-level domains that X links, in lower case, and the length of the longest."""
    names = files(__package__).joinpath("top_level_domains.txt").read_text("utf-8").split()
    return frozenset(name.lower() for name in names), max(map(len, names))


def links_in(text: str, *, bare: bool = True) -> list[tuple[int, int]]:
    """Return start and end of each link in a text, in its order. bare: also domains without a scheme."""
    return list(_links(text, bare=bare))


def _links(text: str, *, bare: bool) -> Iterator[tuple[int, int]]:
    at = consumed = 0
    while (run := _run.search(text, at)) is not None:
        start, end = run.span("labels")
        at = end
        if "." not in run["labels"]:
            continue
        domain = _domain(text, start, end)
        if domain is None:
            continue
        first, last = domain
        if run["scheme"] and first == start:
            whole = _end_of_link(text, last)
            link = _shortened(text, run.start(), whole)
            if link is not None and _is_valid(text[first:last], link[1] - link[0]):
                yield link
            at = consumed = max(end, whole)
            continue
        at = last
        if not bare or not _is_valid(text[first:last], last - first):
            continue
        # A character that belongs to the link before does not count.
        if first and first != consumed and text[first - 1] in "-_./":
            continue
        found = list(_ascii_domains(text, first, last))
        if found:
            whole = _end_of_link(text, last)
            # What follows the domain belongs to the last one.
            yield from found[:-1]
            yield (found[-1][0], whole if text[last:whole].lstrip(":0123456789") else found[-1][1])
            at = consumed = max(at, whole)


def _domain(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return start and end of the first domain in a run of labels; None without one.

    It has at least one label before its top-level domain, and ends as far to the right as it can.
    """
    first, last = start, 0
    position = start
    while position < end:
        label = _label.match(text, position, end)
        if label is None:
            if last:
                break
            position += 1
            first = position
            continue
        if position > first and (stop := _top_level_end(text, position, end)):
            last = stop
        position = label.end()
        if position < end and text[position] == ".":
            # The label before the top-level domain has no underscore, which any other may have.
            position += 1
            continue
        if last or position >= end:
            break
        first = position = position + 1
    return (first, last) if last else None


def _top_level_end(text: str, start: int, end: int) -> int:
    """Return where a top-level domain that begins here ends; 0 if none does."""
    if "_" in text[text.rfind(".", 0, start - 1) + 1 : start - 1]:
        return 0
    known, longest = _top_level()
    if text[start : start + 4].lower() == "xn--":
        stop = start + 4
        while stop < end and (text[stop] == "-" or (text[stop].isascii() and text[stop].isalnum())):
            stop += 1
        return stop if stop > start + 4 else 0
    for stop in range(min(end, start + longest), start, -1):
        follows = text[stop : stop + 1]
        if text[start:stop].lower() in known and not (follows.isascii() and (follows.isalnum() or follows in "@+-")):
            return stop
        if text[start:stop].lower() in known and not follows:
            return stop
    return 0


def _ascii_domains(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the domains of Latin letters in a domain. Only they are links without a scheme."""
    position = first
    while (labels := _ascii_domain.search(text, position, last)) is not None:
        stop = _top_level_end(text, labels.end(), last)
        if not stop:
            # The last label before the end may be the top-level domain itself.
            cut = text.rfind(".", labels.start(), labels.end() - 1)
            while cut > labels.start() and not (stop := _top_level_end(text, cut + 1, last)):
                cut = text.rfind(".", labels.start(), cut)
        if stop:
            yield labels.start(), stop
        position = max(labels.end(), stop)


def _end_of_link(text: str, position: int) -> int:
    """Return where the link ends whose domain ends here: after its port, path and query."""
    if (port := _port.match(text, position)) is not None:
        position = port.end()
    if (path := _path.match(text, position)) is not None:
        position = _trimmed(text, path.start() + 1, path.end(), _path_end)
    if (query := _query.match(text, position)) is not None:
        end = _trimmed(text, query.start() + 1, query.end(), _query_end)
        position = end if end > query.start() + 1 else position
    return position


def _trimmed(text: str, start: int, end: int, last: regex.Pattern[str]) -> int:
    """Return the end of the longest part of a stretch whose last character may end a link."""
    while end > start:
        # Only a bracket has to be compared with what is before it; X allows brackets in brackets once.
        begin = text.rfind("(", start, end - 1) if text[end - 1] == ")" else end - 1
        begin = max(start, text.rfind("(", start, begin) if text[end - 2 : end] == "))" else begin)
        if last.search(text, begin, end) is not None:
            return end
        end -= 1
    return end


def _shortened(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span of a link. X's own short links end with their id, and are none if that is too long."""
    own = _tco.match(text, start, end)
    if own is None:
        return start, end
    return None if len(own["slug"]) > _TCO_SLUG_MAX else (start, own.end())


def _is_valid(domain: str, length: int) -> bool:
    try:
        encoded = domain.encode("idna")
    except UnicodeError:
        return False
    return bool(encoded) and length + len(encoded) - len(domain) <= _URL_MAX
