"""Open connections to the activity stream, and the lines each of them still has to send."""

import json
import queue
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.settings import Settings
from sandbox.x_v2.disorder import Disorder
from sandbox.x_v2.problem_catalogue import problem
from sandbox.x_v2.times import iso

ENDPOINT = "activity_stream"


@dataclass
class Connection:
    """One connection. `lines` ends with None when the connection is to be closed."""

    id: str
    app_id: str
    client_ip: str
    connected_at: float
    lines: "queue.SimpleQueue[bytes | None]" = field(default_factory=queue.SimpleQueue)
    disconnected_at: float | None = None
    reason: str = ""

    def shown(self) -> dict[str, Any]:
        """Return the object of X's answers."""
        shown = {
            "id": self.id,
            "endpoint_name": ENDPOINT,
            "client_ip": self.client_ip,
            "connected_at": iso(self.connected_at),
        }
        if self.disconnected_at is not None:
            shown |= {"disconnected_at": iso(self.disconnected_at), "disconnect_reason": self.reason}
        return shown


class Streams:
    """Opens and closes connections and gives them events."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._disorder = Disorder(settings)
        self._lock = threading.Lock()
        self._all: list[Connection] = []

    def clear(self) -> None:
        """Close and forget all connections."""
        for connection in self.of_app(None):
            self.close(connection, "operational disconnect")
        with self._lock:
            self._all.clear()

    def open(self, app_id: str, client_ip: str) -> Connection:
        """Return a new connection. Raises Problem streaming-connection beyond the limit."""
        with self._lock:
            active = [one for one in self._all if one.app_id == app_id and one.disconnected_at is None]
            if len(active) >= self._settings.stream_connections:
                raise problem("streaming-connection")
            made = Connection(secrets.token_hex(8), app_id, client_ip, time.time())
            self._all.append(made)
        return made

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection."""
        if connection.disconnected_at is None:
            connection.disconnected_at, connection.reason = time.time(), reason
            connection.lines.put(None)

    def of_app(self, app_id: str | None, *, active: bool = True) -> list[Connection]:
        """Return the connections of an app, or of all apps; `active` leaves out ended ones."""
        with self._lock:
            return [
                one for one in self._all if app_id in (None, one.app_id) and (one.disconnected_at is None or not active)
            ]

    def send(self, app_id: str, line: bytes) -> None:
        """Give a line to every open connection of an app."""
        if self._settings.stream_silent:
            return
        for connection in self.of_app(app_id):

            def put(target: Connection = connection) -> None:
                target.lines.put(line)

            self._disorder.run(connection.id, put, put)


def line(body: dict[str, Any]) -> bytes:
    """Return an event as a line of the stream."""
    return json.dumps(body, separators=(",", ":")).encode() + b"\r\n"
