"""A problem answer (RFC 9457) as bytes, for a request that never reaches the application."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http import HTTPStatus

from .request_bytes import REQUEST_SECONDS


def problem_bytes(status: HTTPStatus, detail: str) -> bytes:
    """Return a whole answer that ends the connection."""
    title = "Request-URI Too Long" if status.value == 414 else status.phrase  # Python 3.13 has other words
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    head = (
        f"HTTP/1.1 {status.value} {title}\r\nConnection: close\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode("ascii")


TOO_SLOW = problem_bytes(
    HTTPStatus.REQUEST_TIMEOUT, f"The request did not arrive within {REQUEST_SECONDS:g} s. Send it again as a whole."
)
TOO_MUCH = problem_bytes(HTTPStatus.SERVICE_UNAVAILABLE, "Too many long requests arrive at this moment. Send it again.")


def refuse(sock: socket.socket, problem: bytes) -> None:
    """Send an answer without waiting. A caller who takes none gets none."""
    with suppress(OSError):
        sock.send(problem, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
