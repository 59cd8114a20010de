"""Connections that wait for the caller to close its side, so that it receives the whole answer.

https://www.rfc-editor.org/rfc/rfc9112.html#section-9.6. gunicorn does the same, and blocks its main loop meanwhile.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from .waiting_connections import WaitingConnections

LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * 1024


class ClosingConnections:
    """forget: closes a connection for good."""

    def __init__(self, poller: selectors.BaseSelector, forget: Callable[[Any], None]) -> None:
        self._waiting = WaitingConnections(poller)
        self._forget = forget

    def close(self, conn: Any) -> None:
        """Close our side now, and the connection once the caller has closed its side or LINGER_SECONDS are over."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
            return
        conn.discarded = 0
        self._waiting.add(conn, selectors.EVENT_READ, self._discard, time.monotonic() + LINGER_SECONDS)

    def forget_expired(self, now: float) -> None:
        """Close connections whose time is over."""
        for conn in self._waiting.expired(now):
            self._end(conn)

    def forget_oldest(self) -> bool:
        """Close the oldest connection. Return whether there was one."""
        conn = self._waiting.oldest()
        if conn is not None:
            self._end(conn)
        return conn is not None

    def _discard(self, conn: Any) -> None:
        try:
            data = conn.sock.recv(_LINGER_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.discarded += len(data)
        if not data or conn.discarded >= _LINGER_BYTES:
            self._end(conn)

    def _end(self, conn: Any) -> None:
        self._waiting.remove(conn)
        self._forget(conn)
