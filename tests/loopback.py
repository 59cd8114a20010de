"""A small HTTP server on loopback, for tests in which bytes, limits and time matter and a mock would prove nothing."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Seen:
    """A request that arrived, its body as length and digest so that a large one is not kept."""

    method: str
    target: str
    headers: Message
    size: int
    digest: str
    start: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True)
class Reply:
    """What to answer. length: the announced one; None announces the truth where it is known. pause: called before
    each chunk of the body."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    pause: Callable[[], Any] | None = None


class Loopback(ThreadingHTTPServer):
    """Answers every request with what `answer` returns and remembers it in `seen`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.tls = tls is not None
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], Reply] = lambda seen: Reply(404)
        self.keep_bytes = CHUNK

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def stop_listening(self) -> None:
        """Refuse connections from now on. A closed socket goes on accepting them while the thread waits for one."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers hang up on purpose in many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = cast(Loopback, self.server)
        seen = self._seen(server.keep_bytes)
        server.seen.append(seen)
        reply = server.answer(seen)
        self.send_response(reply.status)
        whole = reply.body if isinstance(reply.body, bytes) else None
        length = reply.length if reply.length is not None else len(whole) if whole is not None else None
        for name, value in reply.headers:
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        sent = 0
        with suppress(OSError):
            for raw_event in [whole] if whole is not None else cast(Iterable[bytes], reply.body):
                if reply.pause is not None:
                    reply.pause()
                self.wfile.write(raw_event)
                sent += len(raw_event)
        if length is not None and sent != length:
            self.close_connection = True

    do_POST = do_GET  # noqa: N815 - the name http.server looks for
    do_DELETE = do_GET  # noqa: N815

    def _seen(self, keep: int) -> Seen:
        left = int(self.headers.get("Content-Length") or 0)
        size, digest, start = 0, hashlib.sha256(), b""
        while left and (raw_event := self.rfile.read(min(CHUNK, left))):
            left -= len(raw_event)
            size += len(raw_event)
            digest.update(raw_event)
            start += raw_event[: keep - len(start)]
        return Seen(self.command, self.path, self.headers, size, digest.hexdigest(), start)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def loopback(tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Serve until the block ends."""
    server = Loopback(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop_listening()
        thread.join(5)


@contextmanager
def raw_server(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve with a function that gets each connected socket and may break every rule of HTTP; yields `host:port`."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            handle(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def zeros(size: int, head: bytes = b"") -> Iterator[bytes]:
    """Yield a body of that many bytes which begins with head, without ever holding it."""
    yield head
    left = size - len(head)
    raw_event = bytes(CHUNK)
    while left > 0:
        yield raw_event[:left]
        left -= CHUNK
