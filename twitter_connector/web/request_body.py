"""Reads request bodies up to a limit, and refuses JSON that is malformed, too deep or out of range.

RFC 8259, section 9: a parser may set limits on size, depth and
range.
"""

from __future__ import annotations

import json
import logging
import math
import re
from typing import Any

from flask import g, request
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from twitter_connector.model.json_fields import DEPTH_MAX, is_too_deep

from .middleware import BODY_READ

log = logging.getLogger(__name__)

INTERNAL_BODY_MAX_BYTES = 64 * 1024
# X's and CIM's numbers have at most twenty digits.
DIGITS_MAX = 4300

_LONE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """The body is not acceptable JSON. The text is a sentence that quotes nothing of the body."""


def read_body(most: int) -> bytes:
    """Return the request's body, at most `most` bytes.

    Raises RequestEntityTooLarge (413) before more than that is read, and BadRequest (400) if the body breaks off.
    """
    declared = request.environ.get("CONTENT_LENGTH", "")
    if declared.isascii() and declared.isdecimal() and 0 < int(declared) <= most:
        # The common case skips werkzeug's checks: they cost as much as parsing the body.
        return _whole(int(declared))
    g.body_limit = most
    # werkzeug refuses a declared length by itself. Without one it stops at the limit without an error, so we allow
    # one byte more: it tells a body that is too long from one that just fits.
    request.max_content_length = most + 1
    try:
        body = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - each server raises its own for broken chunks and lost callers
        log.info("body_unreadable", extra={"error": type(error).__name__})
        raise BadRequest("The body could not be read to its end.") from None
    if len(body) > most:
        raise RequestEntityTooLarge
    request.environ[BODY_READ] = True
    return body


def _whole(size: int) -> bytes:
    try:
        body: bytes = request.environ["wsgi.input"].read(size)
    except Exception as error:  # noqa: BLE001 - as above
        log.info("body_unreadable", extra={"error": type(error).__name__})
        body = b""
    if len(body) != size:
        raise BadRequest("The body could not be read to its end.")
    request.environ[BODY_READ] = True
    return body


def json_body(most: int) -> Any:
    """Return the JSON value of the request, read from at most `most` bytes. Raises ValidationError."""
    try:
        return read_json(read_body(most))
    except NotJson as error:
        compressed = request.headers.get("Content-Encoding", "identity") != "identity"
        raise ValidationError({"_schema": [_COMPRESSED if compressed else str(error)]}) from None


def read_json(raw: bytes, *, unambiguous: bool = True) -> Any:
    """Return the JSON value of UTF-8 bytes. Raises NotJson.

    unambiguous: refuse an object that has a key twice with different values, because another reader may have used the
    other one. A repetition with the same value is accepted: Jackson writes `type` twice.

    Halves of surrogate pairs become U+FFFD, because no encoding can carry them.
    """
    try:
        text = raw.decode("utf-8-sig")
        if is_too_deep(text):
            raise NotJson(_TOO_DEEP)
        # Not json.loads(raw): it also accepts UTF-16 and UTF-32, which a gateway before us would not understand.
        value = (_UNAMBIGUOUS if unambiguous else _LAST_WINS).decode(text)
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8.") from None
    except ValueError:
        raise NotJson("The body is not JSON.") from None
    return _repaired_surrogates(value) if b"\\ud" in raw or b"\\uD" in raw else value


_COMPRESSED = "The body is compressed (header Content-Encoding). Send it uncompressed."
_TOO_DEEP = f"The body is nested more than {DEPTH_MAX} levels deep."


def _constant(name: str) -> Any:
    raise NotJson(f"The body contains {name}, which is not JSON.")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJson("The body contains a number that is too large.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value_by_key = dict(pairs)
    if len(value_by_key) != len(pairs):
        for key, value in pairs:
            if value_by_key[key] != value:
                raise NotJson("The body contains an object that has a key twice, with different values.")
    return value_by_key


def _integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise NotJson("The body contains a number that is too long.")
    return int(text)


_LAST_WINS = json.JSONDecoder(parse_constant=_constant, parse_float=_number, parse_int=_integer)
_UNAMBIGUOUS = json.JSONDecoder(
    parse_constant=_constant, parse_float=_number, parse_int=_integer, object_pairs_hook=_object
)


def _repaired_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_repaired_surrogates(key): _repaired_surrogates(item) for key, item in value.items()}
    return value
