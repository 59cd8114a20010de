"""The form of a journal file. A damaged file is read as far as possible.

A record has a head of 16 bytes: length, checksum (CRC-32) and the moment it was received, in nanoseconds. Version 0.1.0
writes the same form.
"""

from __future__ import annotations

import heapq
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

_HEAD = struct.Struct(">IIQ")
# What a head looks like: a length from 1 byte to 16 MiB, 4 bytes of checksum, and a moment before 2115. Only such
# places are checked by their checksum, so that a search through megabytes takes seconds.
_LIKE_A_HEAD = re.compile(rb"\x00(?:[^\x00]..|\x00[^\x00].|\x00\x00[^\x00]).{4}[\x00\x10-\x3f]", re.DOTALL)

Record = tuple[int, bytes]


@dataclass
class Contents:
    """The records of one file, (moment in ns, bytes) each, in the order in which they were written.

    places: how many parts of the file are damaged. bytes_lost: how many bytes belong to no readable record.
    detail: why the file could not be read at all; "" if it could.
    """

    records: list[Record] = field(default_factory=list)
    places: int = 0
    bytes_lost: int = 0
    detail: str = ""

    @property
    def whole(self) -> bool:
        """Return whether every byte of the file belongs to a record that was read."""
        return not self.places


def encoded(record: bytes, moment: int) -> bytes:
    """Return a record with its head. moment: when it was received, in nanoseconds."""
    return _HEAD.pack(len(record), zlib.crc32(record), moment) + record


def read(path: Path) -> Contents:
    """Return what can be read of a file."""
    try:
        return _decoded(path.read_bytes())
    except OSError as error:
        return Contents(places=1, detail=error.strerror or type(error).__name__)


def _decoded(data: bytes) -> Contents:
    contents = Contents()
    position = 0
    while position < len(data):
        record = _record_at(data, position)
        if record is not None:
            contents.records.append(record)
            position += _HEAD.size + len(record[1])
            continue
        contents.places += 1
        end = _next_record(data, position + 1)
        record = _record_between(data, position, end)
        if record is not None:
            contents.records.append(record)
        else:
            contents.bytes_lost += end - position
        position = end
    return contents


def _record_at(data: bytes, position: int) -> Record | None:
    """Return the record that starts here, or None if there is no whole one."""
    if len(data) - position < _HEAD.size:
        return None
    length, checksum, moment = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    # No record is empty, and zeros would look like empty ones: their checksum is 0.
    if not 0 < length <= len(data) - start:
        return None
    with memoryview(data) as view:
        return (moment, data[start : start + length]) if zlib.crc32(view[start : start + length]) == checksum else None


def _next_record(data: bytes, position: int) -> int:
    """Return where the next whole record starts, or the end of the data."""
    while match := _LIKE_A_HEAD.search(data, position):
        if _record_at(data, match.start()) is not None:
            return match.start()
        position = match.start() + 1
    return len(data)


def _record_between(data: bytes, position: int, end: int) -> Record | None:
    """Return the record that fills this range, or None. Only its length may be wrong."""
    start = position + _HEAD.size
    if end <= start:
        return None
    _, checksum, moment = _HEAD.unpack_from(data, position)
    record = data[start:end]
    return (moment, record) if zlib.crc32(record) == checksum else None


Passed = tuple[Path, Contents]


def merged(contents: Mapping[Path, Contents], passed: list[Passed]) -> Iterator[bytes]:
    """Yield the records of all files, the oldest first.

    A file is added to `passed` when a record is asked for behind its last one.
    """

    def noted(path: Path) -> Iterator[Record]:
        yield from contents[path].records
        passed.append((path, contents[path]))

    # Merged, not sorted: each file keeps its order even if a moment in it is wrong.
    return (record for _, record in heapq.merge(*map(noted, contents), key=itemgetter(0)))
