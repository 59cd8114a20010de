"""Thrift's binary protocol, as far as X Chat's events need it: structures of text, numbers and other structures.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
"""

import base64
import binascii
import struct
from typing import Any

STOP = b"\x00"
_BOOL, _BYTE, _I16, _I32, _I64, _TEXT, _STRUCT, _LIST = 2, 3, 6, 8, 10, 11, 12, 15
_NUMBERS = {_BOOL: ">?", _BYTE: ">b", _I16: ">h", _I32: ">i", _I64: ">q"}


class Malformed(ValueError):
    """Raised for bytes that are no structure, and for text that is no Base64."""


def text(field: int, value: str) -> bytes:
    """Return a field of text."""
    data = value.encode()
    return struct.pack(">bhi", _TEXT, field, len(data)) + data


def inner(field: int, members: bytes) -> bytes:
    """Return a field with a structure. `members` are its fields, its end included."""
    return struct.pack(">bh", _STRUCT, field) + members


def inner_list(field: int, entries: list[bytes]) -> bytes:
    """Return a field with a list of structures."""
    return struct.pack(">bhbi", _LIST, field, _STRUCT, len(entries)) + b"".join(entries)


def read(data: bytes) -> dict[int, Any]:
    """Return the fields of a structure by number: bytes, numbers, lists, and structures as dicts. Raises Malformed."""
    try:
        fields, end = _read_struct(data, 0)
    except (struct.error, IndexError, RecursionError):
        raise Malformed("the structure ends too early") from None
    if end != len(data):
        raise Malformed("there are bytes after the structure")
    return fields


def decoded(value: str) -> bytes:
    """Return the bytes of a Base64 text, with or without padding. Raises Malformed."""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("it is not Base64") from None


def encoded(data: bytes) -> str:
    """Return bytes as Base64."""
    return base64.b64encode(data).decode()


def _read_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    while (kind := data[at]) != 0:
        (field,) = struct.unpack_from(">h", data, at + 1)
        fields[field], at = _read_value(data, at + 3, kind)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in _NUMBERS:
        (number,) = struct.unpack_from(_NUMBERS[kind], data, at)
        return number, at + struct.calcsize(_NUMBERS[kind])
    if kind == _TEXT:
        (size,) = struct.unpack_from(">i", data, at)
        if not 0 <= size <= len(data) - at - 4:
            raise Malformed("a text is longer than the structure")
        return data[at + 4 : at + 4 + size], at + 4 + size
    if kind == _STRUCT:
        return _read_struct(data, at)
    if kind == _LIST:
        member, size = struct.unpack_from(">bi", data, at)
        at, entries = at + 5, []
        for _ in range(size):
            entry, at = _read_value(data, at, member)
            entries.append(entry)
        return entries, at
    raise Malformed(f"a field has the unknown type {kind}")
