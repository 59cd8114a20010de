"""Reads fields of X's events that may be missing, null or of another type. Never raises.

X adds and changes fields without notice, and that must not stop a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text_of(value: object) -> str:
    """Return a value as text, a number too; "" for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def integer_of(value: object) -> int | None:
    """Return a whole number, or digits as text, as an integer; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return an object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings_of(value: Mapping[str, Any], parent: str, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list `name` of the object `parent`."""
    entries = mapping_of(value.get(parent)).get(name)
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
