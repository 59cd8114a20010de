"""Removes secrets from log lines, at a cost that does not grow with the number of secrets.

A line is not searched for each secret. Of every secret, one window of eight characters counts: the four blocks of five
characters in it are in one index. A line that contains the secret has one of these blocks at a position that is a
multiple of four, so it is enough to look up the blocks at those positions.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from itertools import islice

# Shorter strings would blank out ordinary words. No credential of X's or ours is that short.
MIN_LENGTH = 8
HIDDEN = "[hidden]"
_BLOCK = 5
_STEP = MIN_LENGTH - _BLOCK + 1


def _place(at: int) -> slice:
    return slice(at, at + _BLOCK)


_PLACES_LENGTH = 4096
_PLACES = tuple(map(_place, range(0, _PLACES_LENGTH + 1, _STEP)))


class Redaction:
    """Secrets by their owner, and the lines without them. Every method may be called by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_owner: dict[str, tuple[str, ...]] = {}
        self._uses: Counter[str] = Counter()
        self._blocks_of: dict[str, tuple[str, ...]] = {}
        # Block -> the forms to look for. The tuples are replaced and never changed, so that redact needs no lock.
        self._index: dict[str, tuple[str, ...]] = {}

    def hide(self, owner: str, secrets: tuple[str, ...]) -> None:
        """Hide these secrets from now on, in place of those that the owner had before. Strings shorter than eight
        characters are left out."""
        if self._by_owner.get(owner, ()) == secrets:
            return
        with self._lock:
            for form in _forms(secrets):
                self._uses[form] += 1
                if self._uses[form] == 1:
                    self._add(form)
            for form in _forms(self._by_owner.pop(owner, ())):
                self._uses[form] -= 1
                if self._uses[form] == 0:
                    del self._uses[form]
                    self._remove(form)
            if secrets:
                self._by_owner[owner] = secrets

    def redact(self, line: str) -> str:
        """Return the line with "[hidden]" in the place of every secret."""
        index = self._index
        if not index:
            return line
        # Written so that the loop runs in C: this is most of what a line costs.
        places = _PLACES if len(line) <= _PLACES_LENGTH else map(_place, range(0, len(line), _STEP))
        known = set(filter(index.__contains__, map(line.__getitem__, islice(places, len(line) // _STEP + 1))))
        if not known:
            return line
        forms = {form for block in known for form in index.get(block, ()) if form in line}
        # The longest first: one secret may be a part of another.
        for form in sorted(forms, key=len, reverse=True):
            line = line.replace(form, HIDDEN)
        return line

    def _add(self, form: str) -> None:
        # Many secrets may begin alike, as X's bearer tokens do. Take the window whose blocks the fewest others share.
        starts = {0, (len(form) - MIN_LENGTH) // 2, len(form) - MIN_LENGTH}
        windows = [tuple(form[s + i : s + i + _BLOCK] for i in range(_STEP)) for s in sorted(starts)]
        blocks = min(windows, key=lambda window: max(len(self._index.get(block, ())) for block in window))
        self._blocks_of[form] = blocks
        for block in set(blocks):
            self._index[block] = (*self._index.get(block, ()), form)

    def _remove(self, form: str) -> None:
        for block in set(self._blocks_of.pop(form)):
            left = tuple(other for other in self._index[block] if other != form)
            if left:
                self._index[block] = left
            else:
                del self._index[block]


def _forms(secrets: tuple[str, ...]) -> set[str]:
    """Return each secret as it is, and as JSON and Python write it."""
    long = {secret for secret in secrets if len(secret) >= MIN_LENGTH}
    return long | {json.dumps(secret)[1:-1] for secret in long} | {repr(secret)[1:-1] for secret in long}
