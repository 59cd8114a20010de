"""The activity stream: events as lines, keep-alive, too many connections, connections that are closed."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from sandbox_process import V2_ACCOUNT, V2_PAIR, Sandbox, until

pytestmark = pytest.mark.integration

STREAM = "/2/activity/stream"


class Reader:
    """Reads a stream over a bare socket, so that a test can leave at any moment."""

    def __init__(self, sandbox: Sandbox, **params: int) -> None:
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=5)
        head = f"GET {STREAM}?{urlencode(params)} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        self._socket.sendall(f"{head}Authorization: Bearer {sandbox.bearer(V2_ACCOUNT)}\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass

    def line(self) -> bytes | None:
        """Return the next line, which is a chunk of its own; None at the end."""
        size = int(self._file.readline(), 16)
        return self._file.read(size + 2).strip() if size else None

    def event(self) -> dict[str, Any]:
        """Return the next event, past keep-alive lines."""
        while (line := self.line()) is not None:
            if line:
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError("the stream ended")

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self._socket.close()


@contextmanager
def reading(sandbox: Sandbox, **params: int) -> Iterator[Reader]:
    reader = Reader(sandbox, **params)
    try:
        assert reader.status == 200
        yield reader
    finally:
        reader.close()


def subscribe(sandbox: Sandbox) -> None:
    body = {"event_type": "dm.received", "filter": {"user_id": V2_ACCOUNT}, "tag": "ours"}
    assert sandbox.as_user("POST", "/2/activity/subscriptions", json=body).status_code == 200


def test_an_event_without_a_webhook_goes_to_the_stream(sandbox: Sandbox) -> None:
    subscribe(sandbox)
    with reading(sandbox) as reader:
        dm = sandbox.post("customer/messages", **V2_PAIR, text="hello\nworld")
        data = reader.event()["data"]
        assert data["payload"]["direct_message_events"][0]["id"] == dm["id"]
        assert data["tag"] == "ours"
        assert dm["state"] == "sent"


def test_an_encrypted_message_goes_to_the_stream(sandbox: Sandbox) -> None:
    pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")
    sandbox.post("x-chat", **V2_PAIR)
    body = {"event_type": "chat.received", "filter": {"user_id": V2_ACCOUNT}}
    assert sandbox.as_user("POST", "/2/activity/subscriptions", json=body).ok
    with reading(sandbox) as stream:
        shown = sandbox.post("customer/messages", **V2_PAIR, text="secret")
        data = stream.event()["data"]
    assert (data["event_type"], data["payload"]["sequence_id"]) == ("chat.received", shown["id"])


def test_empty_lines_keep_a_quiet_stream_alive(sandbox: Sandbox) -> None:
    sandbox.post("settings", stream_keep_alive=0.3)
    with reading(sandbox) as reader:
        assert [reader.line(), reader.line()] == [b"", b""]


def test_a_third_connection_is_refused_until_one_ends(sandbox: Sandbox) -> None:
    with reading(sandbox), reading(sandbox):
        refused = sandbox.as_app("GET", STREAM)
        assert refused.status_code == 429
        assert refused.json() == {
            "title": "ConnectionException",
            "detail": "This stream is currently at the maximum allowed connection limit.",
            "connection_issue": "TooManyConnections",
            "type": "https://api.twitter.com/2/problems/streaming-connection",
        }
        assert len(sandbox.as_app("GET", "/2/connections").json()["data"]) == 2
    until(lambda: sandbox.as_app("GET", "/2/connections").json()["data"] == [])


@pytest.mark.parametrize("way", ["one", "all", "endpoint"])
def test_stale_connections_are_closed_by_the_app(sandbox: Sandbox, way: str) -> None:
    sandbox.post("settings", stream_notices_disconnect=False, stream_connections=1)
    with reading(sandbox):
        pass
    (stale,) = sandbox.as_app("GET", "/2/connections").json()["data"]
    assert sandbox.as_app("GET", STREAM).status_code == 429
    if way == "one":
        answer = sandbox.as_app("DELETE", "/2/connections", json={"uuids": [stale["id"], "nothing"]})
        assert answer.json()["data"]["failed_kills"] == 1
    else:
        path = "all" if way == "all" else stale["endpoint_name"]
        answer = sandbox.as_app("DELETE", f"/2/connections/{path}")
    assert answer.json()["data"]["successful_kills"] == 1
    with reading(sandbox):
        pass


def test_the_sandbox_ends_or_silences_streams_on_demand(sandbox: Sandbox) -> None:
    subscribe(sandbox)
    sandbox.post("settings", stream_keep_alive=0.2)
    with reading(sandbox) as reader:
        sandbox.post("settings", stream_silent=True)
        sandbox.post("customer/messages", **V2_PAIR, text="never shown")
        assert sandbox.post("streams/close") == {"closed": 1}
        assert [line for line in iter(reader.line, None) if line] == []
    ended = sandbox.get("streams")["connections"]
    assert [connection["disconnect_reason"] for connection in ended] == ["operational disconnect"]


def test_backfill_is_refused_unless_allowed(sandbox: Sandbox) -> None:
    subscribe(sandbox)
    dm = sandbox.post("customer/messages", **V2_PAIR, text="missed")
    assert sandbox.as_app("GET", STREAM, params={"backfill_minutes": 5}).status_code == 400
    sandbox.post("settings", stream_backfill=True)
    with reading(sandbox, backfill_minutes=5) as reader:
        assert reader.event()["data"]["payload"]["direct_message_events"][0]["id"] == dm["id"]


def test_the_stream_is_the_apps_own(sandbox: Sandbox) -> None:
    assert sandbox.as_user("GET", STREAM).status_code == 403
