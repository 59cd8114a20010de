"""Reads JSON that others write: fields may be missing, null or of any type, and texts nested too deep. Never raises.

X and CIM add and change fields without notice, and that must not stop a message.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

Fields = Mapping[str, Any]

# X's events and CIM's messages are at most ten levels deep. Decoders have limits of their own, which differ between
# versions of Python.
DEPTH_MAX = 64

_BRACKETS = re.compile(r"[\[\]{}]")
# A string that does not end reaches to the end of the text, so that nothing is searched twice.
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)?', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Return whether more than DEPTH_MAX brackets are open at once, not counting strings. The text need not be JSON."""
    # Most texts have fewer brackets than the limit.
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    brackets = _BRACKETS.findall(_STRINGS.sub("", text))
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > DEPTH_MAX


def text_of(value: object) -> str:
    """Return a value as text, a whole number too; "" for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def integer_of(value: object) -> int | None:
    """Return a whole number, or digits as text, as an integer; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping_of(value: object) -> Fields:
    """Return an object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text_in(fields: Fields, *names: str) -> str:
    """Return the first of these fields that has text or a number, as stripped text; "" if none has."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def mapping_in(fields: Fields, *names: str) -> Fields:
    """Return the first of these fields that is an object; an empty one if none is."""
    return next((value for name in names if isinstance(value := fields.get(name), Mapping)), {})


def items_in(fields: Fields, *names: str) -> list[Any]:
    """Return the first of these fields that is a list with entries, without its nulls."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list) and (entries := [item for item in value if item is not None]):
            return entries
    return []


def mappings_in(fields: Fields, *names: str) -> list[Fields]:
    """Return the objects in the first of these fields that is a list."""
    return [item for item in items_in(fields, *names) if isinstance(item, Mapping)]


def number_in(fields: Fields, *names: str) -> float | None:
    """Return the first of these fields that is a finite number, or text of one; None if none is."""
    numbers = (number_of(fields.get(name)) for name in names)
    return next((number for number in numbers if number is not None), None)


def number_of(value: object) -> float | None:
    """Return a finite number, or text of one, as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def spelling(value: object) -> str:
    """Return an enumeration's word in one spelling: `Quick_Replies`, `quick-replies` and `QUICK_REPLIES` are one."""
    return "".join(c for c in value.casefold() if c.isalnum()) if isinstance(value, str) else ""
