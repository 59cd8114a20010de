"""Remove the marks that agents' desks and bots put into text, and change nothing else. Pure.

The marks are *bold*, _italic_, ~strike~ and !highlight!, each also doubled, links with a label, and backslash escapes.
A Direct Message shows them as plain characters. Why this is no CommonMark parser: docs/decisions/0014-marks-in-text.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

from . import markdown_tokens as tokens

_MAX_OPEN = 32
# How far to look for the `=` of a formula: 縦*横*高さ=体積.
_FORMULA_CHARS = 40
_scheme = regex.compile(r"(?:https?://|mailto:|tel:)?(?:www\.)?", regex.IGNORECASE)


@dataclass
class _Opener:
    """A run of marks that may begin something.

    inside: where the text behind it begins. depth: in how many brackets it stands. glued: a letter stands before it.
    """

    start: int
    count: int
    inside: int
    depth: int
    glued: bool


def plain_text(text: str) -> str:
    """Return the text as a customer should read it: without marks, and with a link's address behind its label."""
    return _Reader(text).plain()


class _Reader:
    """Reads one text from its beginning to its end and collects what is to be replaced."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._edits: list[tuple[int, int, str]] = []
        self._open: dict[str, list[_Opener]] = {mark: [] for mark in "*_~!"}
        self._depth = 0

    def plain(self) -> str:
        position = 0
        while special := tokens.SPECIAL.search(self._text, position):
            # A token may begin before its first special character, but not before the word.
            position = max(position, self._word_start(position, special.start()))
            while position <= special.start():
                token = tokens.TOKEN.search(self._text, position)
                position = self._read(token) if token else len(self._text)
        return "".join(self._result()) if self._edits else self._text

    def _word_start(self, position: int, start: int) -> int:
        while start > position and not self._text[start - 1].isspace():
            start -= 1
        return start

    def _result(self) -> Iterator[str]:
        position = 0
        for start, end, instead in sorted(self._edits):
            yield self._text[position:start] + instead
            position = end
        yield self._text[position:]

    def _read(self, token: Any) -> int:
        """Note what the token changes and return where to read on."""
        start, end, kind = token.start(), int(token.end()), token.lastgroup
        if kind == "marks":
            self._marks(start, end)
        elif kind == "newline":
            self._end_line()
        elif kind == "bracket":
            self._bracket(token[0])
        elif kind == "escape":
            self._edits.append((start, start + 1, ""))
        elif kind == "shrug":
            self._edits.append((start, end, _without_escapes(token[0])))
        elif kind == "link":
            self._edits.append((start, end, _written_out(token["label"], token["target"])))
        elif kind == "address":
            return self._end_of(start, end, touching=False)
        elif kind == "name":
            lead = len(token[0]) - len(token[0].lstrip("_"))
            if lead and self._text.startswith("_" * lead, end) and tokens.AFTER["_", 1].match(self._text, end + lead):
                self._marks(start, start + lead)
                return int(start + lead)
            return self._end_of(start, end, touching=True)
        return end

    def _end_line(self) -> None:
        self._depth = 0
        self._open = {mark: [] for mark in self._open}

    def _bracket(self, bracket: str) -> None:
        if bracket in "([{":
            self._depth += 1
        elif self._depth:
            self._depth -= 1
            for openers in self._open.values():
                while openers and openers[-1].depth > self._depth:
                    openers.pop()

    def _marks(self, start: int, end: int) -> None:
        """Read marks that stand together, `*_` for instance. All of them have the same neighbours."""
        before = self._char_before(start)
        for run in tokens.RUN.finditer(self._text, start, end):
            mark, count = run[0][0], len(run[0])
            if count > (3 if mark in "*_" else 2):
                continue
            may_close = not tokens.OPENING_ONLY.fullmatch(before) and tokens.AFTER[mark, count].match(self._text, end)
            if may_close and self._close(mark, run.start(), count, end):
                continue
            if tokens.BEFORE[mark, count].fullmatch(before) and tokens.FIRST.match(self._text, end):
                glued = tokens.UNSPACED.fullmatch(before) is not None
                self._open[mark].append(_Opener(run.start(), count, end, self._depth, glued))
                del self._open[mark][:-_MAX_OPEN]

    def _close(self, mark: str, start: int, count: int, end: int) -> bool:
        """Remove this run and the run that opens it, and say whether there is one."""
        closed = False
        while count and (opener := self._partner(mark, count)):
            if opener.glued and self._in_formula(opener.start, end):
                break
            closed, both = True, min(opener.count, count)
            opener.count -= both
            inner = opener.start + opener.count
            self._edits += [(inner, inner + both, ""), (start, start + both, "")]
            start, count = start + both, count - both
            if not opener.count:
                self._open[mark].remove(opener)
        return closed

    def _partner(self, mark: str, count: int) -> _Opener | None:
        """Return the nearest opener of as many marks, or one of three marks, which may close one after the other."""
        openers = self._open[mark]
        for place in range(len(openers) - 1, -1, -1):
            opener = openers[place]
            if opener.depth == self._depth and (opener.count == count or 3 in (opener.count, count)):
                del openers[place + 1 :]
                return opener
        return None

    def _end_of(self, start: int, end: int, *, touching: bool) -> int:
        """Return where an address or a name ends: before a mark that closes what was opened before it.

        Marks that the address opens itself belong to it. touching: only a mark right before the name counts.
        """
        own: set[str] = set()
        for cluster in tokens.CLUSTER.finditer(self._text, start + 1, end):
            after = cluster.end()
            if tokens.AFTER_ADDRESS.match(self._text, after):
                for run in tokens.RUN.finditer(self._text, cluster.start(), after):
                    if run[0][0] not in own and self._is_open(run[0][0], len(run[0]), start if touching else None):
                        return int(run.start())
            if not self._text[cluster.start() - 1].isalnum() and self._text[after : after + 1].isalnum():
                own.update(cluster[0])
        return end

    def _is_open(self, mark: str, count: int, inside: int | None) -> bool:
        return any(
            o.depth == self._depth and o.count in (count, 3) and inside in (None, o.inside) for o in self._open[mark]
        )

    def _char_before(self, start: int) -> str:
        while start and tokens.INVISIBLE.fullmatch(self._text[start - 1]):
            start -= 1
        return self._text[start - 1] if start else ""

    def _in_formula(self, start: int, end: int) -> bool:
        if not tokens.UNSPACED.match(self._text, end):
            return False
        before, after = self._text[max(0, start - _FORMULA_CHARS) : start], self._text[end : end + _FORMULA_CHARS]
        return any(sign in part for part in before.split()[-1:] + after.split()[:1] for sign in "=＝")


def _written_out(label: str, target: str) -> str:
    """Return a link's label and its address, or the address alone where the label says nothing else."""
    words = plain_text(label)
    address = target.removeprefix("mailto:").removeprefix("tel:")
    if not words.strip() or _comparable(words) == _comparable(address):
        return address
    return words if address in words.split() else f"{words} ({address})"


def _comparable(address: str) -> str:
    return str(_scheme.sub("", address.strip(), count=1)).rstrip("/").casefold()


def _without_escapes(shrug: str) -> str:
    # ¯\\\_(ツ)\_/¯ is what people write so that Markdown shows ¯\_(ツ)_/¯.
    return shrug if shrug.startswith("\\_") else "\\" + shrug.lstrip("\\").replace("\\_", "_")
