"""The bytes of one connection, collected until a request is whole.

Knows enough of HTTP/1.1 to see where a request ends. gunicorn reads the same bytes afterwards and has the last word, so
a wrong guess costs time and never correctness. https://www.rfc-editor.org/rfc/rfc9112.html#section-6.3
"""

from __future__ import annotations

import re
import select
import socket
import time
from contextlib import suppress
from enum import Enum

# The largest body that a route accepts (web/twitter_webhook.py, web/cim_webhook.py).
BODY_MAX_BYTES = 1024 * 1024
# Above this, gunicorn's own limits refuse most heads.
HEAD_MAX_BYTES = 64 * 1024
# The lines between chunks may double a body that comes in small chunks.
CHUNKED_MAX_BYTES = 2 * BODY_MAX_BYTES
# The whole of head and body. A gateway sends a megabyte in less than a second.
REQUEST_SECONDS = 5.0

_READ_BYTES = 64 * 1024
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*(?:;[^\r\n]*)?")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Progress(Enum):
    """NOTHING: no byte of a request. PARTIAL: more has to come. WHOLE: the parser can read it without waiting.
    LONG: longer than any route accepts; reading it may take long."""

    NOTHING = 1
    PARTIAL = 2
    WHOLE = 3
    LONG = 4


class RequestBytes:
    """The unread bytes of a connection. gunicorn's parser reads them with `recv`, as it would read the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ended = False
        self._start(bytearray())

    def _start(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self._searched = 0
        self._body_at = 0  # 0: the head has not ended yet
        self._length = 0
        self._chunk_at = 0  # where the next line with a chunk's size starts; 0: the body is not chunked
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def __len__(self) -> int:
        return len(self._buffer)

    def next_request(self, read_ahead: bytes) -> Progress:
        """Start the next request of the connection with the bytes that the parser did not use."""
        self._start(bytearray(read_ahead) + self._buffer)
        return self._progress()

    def receive(self) -> Progress:
        """Take what has arrived, without waiting. Raises OSError if the connection is broken."""
        try:
            data = self._sock.recv(_READ_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return Progress.PARTIAL if self._buffer else Progress.NOTHING
        if not self._buffer:
            self.deadline = time.monotonic() + REQUEST_SECONDS
        self._ended = not data
        self._buffer += data
        return self._progress()

    @property
    def ended(self) -> bool:
        """Return whether the caller has closed its side."""
        return self._ended

    def writable(self) -> bool:
        """Return whether the connection takes an answer without waiting."""
        waiting = select.poll()
        waiting.register(self._sock, select.POLLOUT)
        return bool(waiting.poll(0))

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end of the connection or after the deadline. For gunicorn's parser."""
        if not self._buffer and not self._ended:
            waiting = select.poll()
            waiting.register(self._sock, select.POLLIN)
            left = self.deadline - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                return b""
            return self._sock.recv(size)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _progress(self) -> Progress:
        if self._ended:
            # The parser decides what an unfinished request is.
            return Progress.WHOLE if self._buffer else Progress.NOTHING
        if not self._buffer:
            return Progress.NOTHING
        if not self._body_at:
            end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0:
                self._searched = len(self._buffer)
                return Progress.LONG if len(self._buffer) > HEAD_MAX_BYTES else Progress.PARTIAL
            self._body_at = end + 4
            self._read_framing()
        if self._chunk_at:
            return self._chunked()
        if self._length > BODY_MAX_BYTES:
            return Progress.LONG
        return Progress.WHOLE if len(self._buffer) >= self._body_at + self._length else Progress.PARTIAL

    def _read_framing(self) -> None:
        """Read from the head how the body ends. A head that gunicorn refuses counts as one without a body."""
        head = bytes(self._buffer[: self._body_at - 2])
        expects = None
        for field in _FRAMING.finditer(head):
            name, value = field[1].lower(), field[2].strip()
            if name == b"content-length":
                self._length = int(value) if re.fullmatch(rb"[0-9]{1,18}", value) else 0
            elif name == b"transfer-encoding":
                self._chunk_at = self._body_at
            elif value.lower() == b"100-continue":
                expects = field
        if self._chunk_at and self._length:
            self._chunk_at = self._length = 0  # refused: https://www.rfc-editor.org/rfc/rfc9112.html#section-6.1
        waits = self._chunk_at or 0 < self._length <= BODY_MAX_BYTES
        if expects and waits and len(self._buffer) == self._body_at:
            self._ask_for_body(expects.start(), expects.end())

    def _ask_for_body(self, start: int, end: int) -> None:
        """Answer `Expect: 100-continue`, and remove the field: gunicorn would answer it again."""
        with suppress(OSError):
            self._sock.send(_CONTINUE, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        del self._buffer[start:end]
        self._body_at -= end - start
        if self._chunk_at:
            self._chunk_at = self._body_at

    def _chunked(self) -> Progress:
        while True:
            line_end = self._buffer.find(b"\r\n", self._chunk_at, self._chunk_at + HEAD_MAX_BYTES)
            if line_end < 0:
                break
            size = _CHUNK_SIZE.fullmatch(self._buffer, self._chunk_at, line_end)
            if size is None:
                return Progress.WHOLE  # gunicorn refuses it
            length = int(size[0].split(b";")[0], 16)
            if length > BODY_MAX_BYTES:
                return Progress.LONG
            if not length:
                # Trailers, of which there are none, end with an empty line.
                if self._buffer.find(b"\r\n\r\n", line_end) >= 0:
                    return Progress.WHOLE
                break
            if line_end + 2 + length + 2 > len(self._buffer):
                break
            self._chunk_at = line_end + 2 + length + 2
        return Progress.LONG if len(self._buffer) > self._body_at + CHUNKED_MAX_BYTES else Progress.PARTIAL
