"""A connector for tests of the sandbox: it answers as a test says and records what it receives."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def sign(secret: str, message: bytes) -> str:
    """Return X's webhook signature, computed without the sandbox's code."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


class FakeConnector:
    """Answers X and CCM, and records what they send."""

    def __init__(self) -> None:
        self.closed = False
        self.secrets: dict[str, str] = {}
        self.events: list[tuple[dict[str, str], bytes]] = []
        self.messages: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.crc: Callable[[str, str], tuple[int, str]] = self.prove
        self.event_statuses: list[int] = []
        self.message_status = 202
        self.on_message: Callable[[dict[str, Any]], None] = lambda message: None
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self.before_event: Callable[[], Any] = lambda: None
        self.on_register: Callable[[dict[str, str]], int] = lambda body: 200
        # What GET /messages/{id} answers; 404 for other ids.
        self.journeys: dict[str, dict[str, Any]] = {}
        # What GET /accounts/{id} has as `pauses`.
        self.pauses: dict[str, Any] = {}
        self.crc_requests: list[tuple[str, dict[str, str]]] = []
        handler = type("Bound", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/twitter-connector"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def prove(self, account_id: str, token: str) -> tuple[int, str]:
        """Return a correct answer to a challenge."""
        return 200, json.dumps({"response_token": sign(self.secrets[account_id], token.encode())})

    def envelopes(self) -> list[dict[str, Any]]:
        """Return the events received so far."""
        return [json.loads(body) for _, body in list(self.events)]

    def close(self) -> None:
        """Stop listening and close open connections."""
        self.closed = True
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: callers may go away, and a test notices everything else."""


class _Handler(BaseHTTPRequestHandler):
    owner: FakeConnector
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/health/live"):
            self._answer(200, "{}")
            return
        if "/messages/" in parts.path:
            journey = self.owner.journeys.get(parts.path.rpartition("/")[2])
            self._answer(200 if journey else 404, json.dumps(journey))
            return
        if "/accounts/" in parts.path:
            self._answer(200, json.dumps({"pauses": self.owner.pauses}))
            return
        self.owner.crc_requests.append((parts.query, dict(self.headers)))
        token = parse_qs(parts.query)["crc_token"][0]
        self._answer(*self.owner.crc(parts.path.rpartition("/")[2], token))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.owner.tokens.append(self.headers["Authorization"])
        if self.path.endswith("/register-and-subscribe"):
            status = self.owner.on_register(json.loads(body))
            self._answer(status, json.dumps({"detail": "as the test wants it"}))
        elif "/webhook/twitter/" in self.path:
            self.owner.events.append((dict(self.headers), body))
            statuses = self.owner.event_statuses
            status = statuses.pop(0) if statuses else 200
            self.owner.before_event()
            self._answer(status, "")
            if status == 200:
                self.owner.on_event(json.loads(body))
        else:
            message = json.loads(body)
            self.owner.messages.append({"path": self.path, **message})
            self._answer(self.owner.message_status, json.dumps({"messageId": message.get("id")}))
            self.owner.on_message(message)

    def _answer(self, status: int, body: str) -> None:
        if self.owner.closed:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        try:
            self.end_headers()
            self.wfile.write(body.encode())
        except ConnectionError:
            # The sandbox stops waiting when an answer takes too long.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
