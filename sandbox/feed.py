"""Sends changes to open pages. Nothing is kept for pages that open later."""

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

# A page that has stopped reading is disconnected at this backlog; it then reconnects.
_BACKLOG = 1000
_HEARTBEAT_SECONDS = 10.0


class Feed:
    """Sends every change to every open page as server-sent events."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[queue.Queue[bytes | None]] = []

    @property
    def watched(self) -> bool:
        """Whether a page is open; if not, work for the page can be skipped."""
        return bool(self._listeners)

    def publish(self, event: str, data: dict[str, Any]) -> None:
        """Send one change to all open pages."""
        if not self._listeners:
            return
        block = f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
        with self._lock:
            for listener in list(self._listeners):
                try:
                    listener.put_nowait(block)
                except queue.Full:
                    self._listeners.remove(listener)
                    listener.get_nowait()
                    listener.put_nowait(None)

    def listen(self) -> Iterator[bytes]:
        """Yield changes as they happen until the page closes."""
        mine: queue.Queue[bytes | None] = queue.Queue(_BACKLOG)
        with self._lock:
            self._listeners.append(mine)
        try:
            yield b"retry: 1000\n: welcome\n\n"
            while True:
                try:
                    block = mine.get(timeout=_HEARTBEAT_SECONDS)
                except queue.Empty:
                    # Only a write shows that the page has closed.
                    block = b": still here\n\n"
                if block is None:
                    return
                yield block
        finally:
            with self._lock:
                if mine in self._listeners:
                    self._listeners.remove(mine)
