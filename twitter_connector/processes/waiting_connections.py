"""Connections that wait in a poller until something happens or a moment is over, the oldest first."""

from __future__ import annotations

import selectors
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import Any


class WaitingConnections:
    """gunicorn's connections with the moment (monotonic seconds) when each is given up."""

    def __init__(self, poller: selectors.BaseSelector) -> None:
        self._poller = poller
        self._deadlines: OrderedDict[Any, float] = OrderedDict()
        self._events: dict[Any, int] = {}

    def add(self, conn: Any, event: int, callback: Callable[[Any], None], deadline: float) -> None:
        """Call `callback` with the connection at each event until it is removed. Waiting for the same event already
        changes nothing."""
        if self._events.get(conn) == event:
            return
        self.remove(conn)
        self._deadlines[conn], self._events[conn] = deadline, event
        self._poller.register(conn.sock, event, partial(_call, callback, conn))

    def remove(self, conn: Any) -> None:
        """Stop waiting, if the connection waits here."""
        if self._deadlines.pop(conn, None) is not None:
            del self._events[conn]
            self._poller.unregister(conn.sock)

    def oldest(self) -> Any | None:
        """Return the connection that has waited longest, or None."""
        return next(iter(self._deadlines), None)

    def expired(self, now: float) -> list[Any]:
        """Return the connections whose moment is over."""
        return [conn for conn, _ in takewhile(lambda entry: entry[1] <= now, self._deadlines.items())]

    def shorten(self, deadline: float) -> None:
        """Let no connection wait longer than until this moment."""
        for conn in self._deadlines:
            self._deadlines[conn] = min(self._deadlines[conn], deadline)


def _call(callback: Callable[[Any], None], conn: Any, _: Any) -> None:
    callback(conn)
