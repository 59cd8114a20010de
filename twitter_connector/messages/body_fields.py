"""Reads fields of CIM bodies that may be missing, null or of any type. Never raises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def text_of(body: Body, *names: str) -> str:
    """Return the first of these fields that has text or a number, as stripped text; "" if none has."""
    for name in names:
        value = body.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def mapping_of(body: Body, *names: str) -> Body:
    """Return the first of these fields that is an object; an empty one if none is."""
    return next((value for name in names if isinstance(value := body.get(name), Mapping)), {})


def items_of(body: Body, *names: str) -> list[Any]:
    """Return the first of these fields that is a list with entries, without its nulls."""
    for name in names:
        value = body.get(name)
        if isinstance(value, list) and (entries := [item for item in value if item is not None]):
            return entries
    return []


def mappings_of(body: Body, *names: str) -> list[Body]:
    """Return the objects in the first of these fields that is a list."""
    return [item for item in items_of(body, *names) if isinstance(item, Mapping)]


def number_of(body: Body, *names: str) -> float | None:
    """Return the first of these fields that is a finite number, or text of one; None if none is."""
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
    """Return an enumeration's word in one spelling: `Quick_Replies`, `quick-replies` and `QUICK_REPLIES` are one."""
    return "".join(c for c in value.casefold() if c.isalnum()) if isinstance(value, str) else ""
