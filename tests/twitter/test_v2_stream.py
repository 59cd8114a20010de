"""The activity stream over real HTTP: lines in any chunks, keep-alive, silence, and refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.loopback import Loopback, Reply, loopback
from twitter_connector.errors import RateLimited, ServiceUnavailable
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.v2.calls import V2Calls
from twitter_connector.twitter.v2.stream import V2Stream

ACCOUNT = Account("222222222", Credentials("k", "s", "t", "ts", "bearer"), "", flavour=V2)


def clock() -> datetime:
    return datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


def stream(server: Loopback, idle: float = 5.0) -> V2Stream:
    http_client = HttpClient(trust_env=False)
    calls = V2Calls(TwitterHttp(http_client, clock), server.url, server.url, ACCOUNT)
    return V2Stream(http_client, server.url, calls, clock, idle)


def read_to_its_end(stream: V2Stream) -> list[tuple[object, float]]:
    """Return each event with the second in which it came, once the stream has ended as broken."""
    began, found = time.monotonic(), list[tuple[object, float]]()

    def read() -> None:
        with stream.opened() as events:
            found.extend((event, time.monotonic() - began) for event in events)

    with pytest.raises(ServiceUnavailable, match="stream_broken"):
        read()
    return found


def test_lines_are_read_from_chunks_of_any_size(server: Loopback) -> None:
    body = b'{"a":1}\r\n\r\n{"b":"\xc3\xa9"}\r\nnonsense\r\n[]\r\n{"c":3}\r\n'
    server.answer = lambda seen: Reply(body=[body[i : i + 3] for i in range(0, len(body), 3)])
    events = [event for event, _ in read_to_its_end(stream(server))]
    assert events == [{"a": 1}, None, {"b": "é"}, None, None, {"c": 3}]
    assert server.seen[0].headers["Authorization"] == "Bearer bearer"
    assert server.seen[0].target == "/2/activity/stream"


def test_an_event_is_there_as_soon_as_its_line_is(server: Loopback) -> None:
    def slowly() -> Iterator[bytes]:
        yield b'{"a":1}\r\n'
        time.sleep(2)
        yield b'{"b":2}\r\n'

    server.answer = lambda seen: Reply(body=slowly())
    (first, second) = read_to_its_end(stream(server))
    assert (first[0], second[0]) == ({"a": 1}, {"b": 2})
    assert second[1] - first[1] > 1.5


def test_a_connection_on_which_nothing_comes_is_given_up(server: Loopback) -> None:
    def silent() -> Iterator[bytes]:
        yield b"\r\n"
        time.sleep(3)

    server.answer = lambda seen: Reply(body=silent())
    began = time.monotonic()
    assert [event for event, _ in read_to_its_end(stream(server, idle=0.5))] == [None]
    assert time.monotonic() - began < 2


def test_a_line_without_an_end_is_read_up_to_a_limit(server: Loopback) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"a":1}\r\n'
        for _ in range(64):
            yield b"x" * 65536

    server.answer = lambda seen: Reply(body=endless())
    with pytest.raises(ServiceUnavailable) as failure, stream(server).opened() as events:
        list(events)
    assert "a line of more than a megabyte" in failure.value.detail


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(429, "streaming-connection", "stream_open_elsewhere"), (402, "credits-depleted", "credits_depleted")],
)
def test_a_refusal_has_its_meaning(server: Loopback, status: int, kind: str, reason: str) -> None:
    body = json.dumps({"type": f"https://api.x.com/2/problems/{kind}"}).encode()
    server.answer = lambda seen: Reply(status, body)
    with pytest.raises(RateLimited) as failure, stream(server).opened():
        pass
    assert failure.value.reason == reason


def test_connections_that_are_open_are_closed(server: Loopback) -> None:
    listed = {"data": [{"id": "a1"}, {"id": "b2"}, {"odd": 1}]}
    server.answer = lambda seen: Reply(body=json.dumps(listed if seen.method == "GET" else {"data": {}}).encode())
    assert stream(server).close_stale() == 2
    assert json.loads(server.seen[-1].start) == {"uuids": ["a1", "b2"]}
    server.answer = lambda seen: Reply(503)
    assert stream(server).close_stale() == 0
