"""Reads the JSON of request bodies, and refuses JSON that is malformed, too deep or out of range.

access.py decides who may send and how many bytes. RFC 8259, section 9: a parser may set limits on size, depth and
range.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from marshmallow import ValidationError

from .access import read_body

# CIM's messages and X's events are at most ten levels deep. Far below Python's own limit, so that the value can also
# be written and compared.
DEPTH_MAX = 64

_LONE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """The body is not acceptable JSON. The text is a sentence that quotes nothing of the body."""


def json_body(most: int) -> Any:
    """Return the JSON value of the request, read from at most `most` bytes. Raises ValidationError."""
    try:
        return read_json(read_body(most))
    except NotJson as error:
        raise ValidationError({"_schema": [str(error)]}) from None


def read_json(raw: bytes, *, unambiguous: bool = True) -> Any:
    """Return the JSON value of UTF-8 bytes. Raises NotJson.

    unambiguous: refuse an object that has a key twice with different values, because another reader may have used the
    other one. A repetition with the same value is accepted: Jackson writes `type` twice.

    Halves of surrogate pairs become U+FFFD, because no encoding can carry them.
    """
    try:
        # Not json.loads(raw): it also accepts UTF-16 and UTF-32, which a gateway before us would not understand.
        value = (_UNAMBIGUOUS if unambiguous else _LAST_WINS).decode(raw.decode("utf-8-sig"))
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8.") from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError:
        # Also raised for an integer of more than 4300 digits, which is Python's own limit.
        raise NotJson("The body is not JSON.") from None
    # Most bodies have fewer brackets than the limit, so only the others are walked through.
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _deeper_than(value, DEPTH_MAX):
        raise NotJson(_TOO_DEEP)
    return _repaired_surrogates(value) if b"\\ud" in raw or b"\\uD" in raw else value


_TOO_DEEP = f"The body is nested more than {DEPTH_MAX} levels deep."


def _constant(name: str) -> Any:
    raise NotJson(f"The body holds {name}, which is not JSON.")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJson("The body holds a number that is too large.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise NotJson("The body holds an object that names a key twice, with different values.")
    return found


_LAST_WINS = json.JSONDecoder(parse_constant=_constant, parse_float=_number)
_UNAMBIGUOUS = json.JSONDecoder(parse_constant=_constant, parse_float=_number, object_pairs_hook=_object)


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _repaired_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_repaired_surrogates(key): _repaired_surrogates(item) for key, item in value.items()}
    return value
