"""What is left of a body that was refused: read and thrown away, so that the connection can be used again.

A server that closes a connection with unread bytes in it resets it, and whoever sends the next request down the same
one, a gateway with other callers' messages, loses it: gunicorn answers "keep-alive" and closes beyond 64 KiB.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from werkzeug.wsgi import ClosingIterator

# More than the gateway lets through (6 MiB). Beyond it, and for those who are slow, the connection is closed.
DRAIN_MAX_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 3.0
_CHUNK = 64 * 1024
# socket.SHUT_RD, which is the same everywhere; the web side opens no sockets and so imports none.
_INCOMING = 0
# Set by whoever has read the body to its end: then there is nothing left, and nothing to be done for it.
# The API gateway strips the prefix; a plain reverse proxy does not.
PREFIX = "/twitter-connector"
BODY_READ = "twitter_connector.body_read"


class StripPrefix:
    """WSGI middleware: every route answers with and without the prefix and a trailing slash, without a redirect."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in ("", "/"):
            path = path[len(PREFIX) :]
        environ["PATH_INFO"] = path.rstrip("/") or "/"
        return self._app(environ, start_response)


class DiscardUnreadBody:
    """WSGI middleware. It reads only once the answer is out, so nobody waits for it but the thread."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._app(environ, start_response)
        if BODY_READ in environ:
            return answer
        # Without either, the body has no end that could be reached.
        if not (environ.get("wsgi.input_terminated") or environ.get("CONTENT_LENGTH")):
            return answer
        return ClosingIterator(answer, [lambda: _drain(environ)])


def _drain(environ: dict[str, Any]) -> None:
    end = time.monotonic() + DRAIN_SECONDS
    line = environ.get("gunicorn.socket")
    source = environ["wsgi.input"]
    # A read waits for all it was asked for, and time-outs count from each byte: a caller that sends one now and then
    # would keep the thread. Once the line's incoming half is closed, a read ends with what has come.
    too_late = threading.Timer(DRAIN_SECONDS, _close_incoming, [line])
    too_late.daemon = True
    too_late.start()
    try:
        for _ in range(DRAIN_MAX_BYTES // _CHUNK):
            if time.monotonic() > end or not source.read(_CHUNK):
                return
    except Exception:  # noqa: BLE001 - gone, slow or malformed: the server closes the connection, whatever it raised
        return
    finally:
        too_late.cancel()


def _close_incoming(line: Any) -> None:
    if line is not None:
        with suppress(OSError):
            line.shutdown(_INCOMING)
