"""Reads CIM bodies, whose fields may be missing, null, or of a type the documents do not name. Never raises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def text_of(body: Body, *names: str) -> str:
    """Return the first of these fields that holds something to read, without white space around it."""
    for name in names:
        value = body.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def mapping_of(body: Body, *names: str) -> Body:
    """Return the first of these fields that is an object; an empty one where none is."""
    return next((value for name in names if isinstance(value := body.get(name), Mapping)), {})


def items_of(body: Body, *names: str) -> list[Any]:
    """Return the first of these fields that is a list with something in it, without its nulls."""
    for name in names:
        value = body.get(name)
        if isinstance(value, list) and (found := [item for item in value if item is not None]):
            return found
    return []


def mappings_of(body: Body, *names: str) -> list[Body]:
    """Return the objects in the first of these fields that is a list."""
    return [item for item in items_of(body, *names) if isinstance(item, Mapping)]


def number_of(body: Body, *names: str) -> float | None:
    """Return the first of these fields that is a finite number, or reads as one."""
    for name in names:
        value = body.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            number = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return number
    return None


def spelling(value: object) -> str:
    """Return a word of an enumeration in one spelling: `Quick_Replies`, `quick-replies` and `QUICK_REPLIES` are one."""
    return "".join(c for c in value.casefold() if c.isalnum()) if isinstance(value, str) else ""
