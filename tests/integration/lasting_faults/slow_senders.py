"""Callers that send a request a byte at a time, and never all of it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tree import Tree

from .repeated import repeated

_SENDERS = 50
_HEAD = b"POST /twitter-connector/webhook/twitter/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


@contextmanager
def slow_senders(tree: Tree, done: Counter[str]) -> Iterator[None]:
    """Keep fifty connections open on which a byte comes each second. One that is closed is opened again."""
    connections: list[socket.socket] = []

    def send() -> None:
        for connection in list(connections):
            try:
                connection.send(b"a")
            except OSError:
                connection.close()
                connections.remove(connection)
        while len(connections) < _SENDERS:
            try:
                connection = socket.create_connection(("127.0.0.1", tree.port), timeout=1)
                connection.send(_HEAD)
            except OSError:
                return  # the web process was just killed
            connections.append(connection)
            done["slow sender"] += 1

    try:
        with repeated(send, 1.0):
            yield
    finally:
        for connection in connections:
            with suppress(OSError):
                connection.close()
