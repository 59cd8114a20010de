"""Reads the lists in X's answers. An error must not pass for an empty list: an uncertain send would go out twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .http import errors_in, odd_answer


def rows_of(body: object, name: str, endpoint: str) -> list[Any]:
    """Return the list of this name in an answer, [] if it has none; a single object counts as a list of one.

    Raises ServiceUnavailable(twitter_odd_answer) for anything else, and if X names errors instead of entries.
    """
    value = body.get(name) if isinstance(body, Mapping) else ""
    rows = [value] if isinstance(value, Mapping) else value or [] if isinstance(value, list | type(None)) else None
    if rows is None or (not rows and errors_in(body)):
        raise odd_answer("X's list cannot be read, or has errors instead of entries. It is asked again.", endpoint)
    return rows
