"""WSGI middleware: one form for every path, and reading the rest of a refused body.

A server that closes a connection with unread bytes resets it. A gateway that reuses the connection would lose the next
request: gunicorn answers "keep-alive" and closes if more than 64 KiB are unread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from werkzeug.wsgi import ClosingIterator

# More than the gateway lets through (6 MiB). For larger or slower bodies the connection is closed.
DRAIN_MAX_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 3.0
_CHUNK = 64 * 1024
# socket.SHUT_RD. The web side opens no sockets, so it does not import the module.
_INCOMING = 0
# The API gateway strips the prefix; a plain reverse proxy does not.
PREFIX = "/twitter-connector"
# Set in the WSGI environment after the body was read to its end.
BODY_READ = "twitter_connector.body_read"


class StripPrefix:
    """Lets every route answer with and without the prefix and a trailing slash, without a redirect.

    Several slashes at the start count as one: a public base that ends in a slash makes two of them.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = "/" + environ.get("PATH_INFO", "").lstrip("/")
        if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in ("", "/"):
            path = path[len(PREFIX) :]
        environ["PATH_INFO"] = path.rstrip("/") or "/"
        return self._app(environ, start_response)


class DiscardUnreadBody:
    """Reads the rest of the body after the answer was sent. Only the thread waits for it."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._app(environ, start_response)
        if BODY_READ in environ:
            return answer
        # Without one of these the body has no known end.
        if not (environ.get("wsgi.input_terminated") or environ.get("CONTENT_LENGTH")):
            return answer
        return ClosingIterator(answer, [lambda: _drain(environ)])


def _drain(environ: dict[str, Any]) -> None:
    end = time.monotonic() + DRAIN_SECONDS
    line = environ.get("gunicorn.socket")
    source = environ["wsgi.input"]
    # A read waits for all bytes it asked for, and each byte restarts the time-out. Closing the incoming half of the
    # connection ends the read, so that a slow sender does not block the thread.
    too_late = threading.Timer(DRAIN_SECONDS, _close_incoming, [line])
    too_late.daemon = True
    too_late.start()
    try:
        for _ in range(DRAIN_MAX_BYTES // _CHUNK):
            if time.monotonic() > end or not source.read(_CHUNK):
                return
    except Exception:  # noqa: BLE001 - the server closes the connection, whatever it raised
        return
    finally:
        too_late.cancel()


def _close_incoming(line: Any) -> None:
    if line is not None:
        with suppress(OSError):
            line.shutdown(_INCOMING)
