"""The HTTP server: one thread per connection, HTTP/1.1 with keep-alive, loopback only.

Werkzeug's own handler closes every connection and waits ten milliseconds for each. Benchmarks would then measure the
sandbox instead of the connector, which keeps its connections.
"""

import io
import logging
import selectors
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

log = logging.getLogger(__name__)

# The rest of a body after an early answer is read up to this size; then the connection is closed.
_DRAIN_BYTES = 64 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Readable(Protocol):
    """The part of a stream that is used here."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class RequestBody(io.RawIOBase):
    """The bytes of one request, up to its length."""

    def __init__(self, stream: Readable, length: int) -> None:
        self._stream = stream
        self.left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self.left))
        if self.left and buffer and not data:
            raise ConnectionResetError("the caller went away in the middle of a request")
        self.left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class Handler(WSGIRequestHandler):
    """Serves one connection until either side closes it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    # Long, so that a pooled connection of a client is never closed at the moment it is used again.
    timeout = 600

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Log nothing: GET /_sandbox/requests has more."""

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        # The caller sends nothing more until it has seen this.
        self.wfile.flush()
        return answered

    def finish(self) -> None:
        try:
            super().finish()
        except ConnectionError:
            # The caller has gone; drop what was not sent yet.
            self.rfile.close()

    def make_environ(self) -> dict[str, Any]:
        environ = super().make_environ()
        if "wsgi.input_terminated" not in environ:
            length = environ.get("CONTENT_LENGTH", "")
            environ["wsgi.input"] = RequestBody(self.rfile, int(length) if length.isdigit() else 0)
            environ["wsgi.input_terminated"] = True
        return environ

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        answer = _Answer(self)
        try:
            chunks = self.server.app(environ, answer.start)
            try:
                answer.send(chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
            self._drain(environ["wsgi.input"])
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            self.close_connection = True
            log.exception("request_failed", extra={"path": environ["PATH_INFO"]})
            answer.fail()

    def _drain(self, body: Readable) -> None:
        left = _DRAIN_BYTES
        while left > 0:
            data = body.read(65_536)
            if not data:
                return
            left -= len(data)
        self.close_connection = True


class _Answer:
    """Writes one response in as few packets as it can."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._begun = False
        self._chunked = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        self._status, self._headers = status, headers
        return self._write

    def send(self, chunks: Iterable[bytes]) -> None:
        for data in chunks:
            self._write(data)
        if not self._begun:
            self._begin()
        if self._chunked:
            self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.wfile.flush()

    def fail(self) -> None:
        """Answer 500 if no answer has begun."""
        if not self._begun:
            self._status, self._headers = "500 Internal Server Error", [("Content-Length", "0")]
            self._begin()
            self._handler.wfile.flush()

    def _begin(self) -> None:
        self._begun = True
        code, _, reason = self._status.partition(" ")
        self._handler.send_response(int(code), reason)
        names = {name.lower() for name, _ in self._headers}
        for name, value in self._headers:
            self._handler.send_header(name, value)
        bare = self._handler.command == "HEAD" or int(code) in {204, 304}
        self._chunked = not bare and "content-length" not in names
        if self._chunked:
            self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def _write(self, data: bytes) -> None:
        if not self._begun:
            self._begin()
        out = self._handler.wfile
        if data:
            out.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        if self._chunked:
            out.flush()


class Server(ThreadedWSGIServer):
    """A threaded server that can also reset connections."""

    daemon_threads = True
    block_on_close = False

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one marked by `reset` is closed without a shutdown."""
        if request.fileno() >= 0:
            linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE))
            if linger == _RESET_ON_CLOSE:
                self.close_request(request)
                return
        super().shutdown_request(request)


def reset(environ: dict[str, Any]) -> None:
    """Reset the TCP connection. Always raises ConnectionResetError, which ends the request without an answer."""
    environ["werkzeug.socket"].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    raise ConnectionResetError("reset by a fault")


def caller_has_gone(environ: dict[str, Any]) -> bool:
    """Whether the caller has closed the connection while waiting for an answer."""
    connection: socket.socket = environ["werkzeug.socket"]
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if not selector.select(timeout=0):
            return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
