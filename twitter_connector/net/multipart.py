"""A multipart/form-data body that is read from an open file while it is sent, with a length known beforehand.

`requests` would build such a body whole in memory. https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024
_UNFIT_NAME = re.compile(r'[^ -~]|["\\]')
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")


@dataclass(frozen=True)
class FilePart:
    """The part with the file: `size_bytes` from `start` on. Sending reads the file, so only one body may use it at a
    time."""

    field_name: str
    file_name: str
    mime_type: str
    file: BinaryIO = field(repr=False)
    size_bytes: int
    start: int = 0


class Multipart:
    """A body for the `data` argument of requests. Set `headers` with it; may be sent again."""

    def __init__(self, fields: Mapping[str, str], part: FilePart, boundary: str | None = None) -> None:
        # Long and random enough that it does not occur in the file.
        self._boundary = boundary or secrets.token_hex(16)
        self._part = part
        mime_type = part.mime_type if _MIME_TYPE.fullmatch(part.mime_type) else "application/octet-stream"
        file_name = _UNFIT_NAME.sub("_", part.file_name)
        text = "".join(
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        text += (
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{part.field_name}"; filename="{file_name}"'
            f"\r\nContent-Type: {mime_type}\r\n\r\n"
        )
        self._before = text.encode()
        self._after = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}

    def __len__(self) -> int:
        return len(self._before) + self._part.size_bytes + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        self._part.file.seek(self._part.start)
        left = self._part.size_bytes
        while left:
            chunk = self._part.file.read(min(CHUNK_BYTES, left))
            if not chunk:
                # The length was sent already, so the body cannot be completed.
                raise EOFError("the file is shorter than announced")
            left -= len(chunk)
            yield chunk
        yield self._after
