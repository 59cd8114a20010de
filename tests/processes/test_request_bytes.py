"""Where a request ends in the bytes of a connection, however they arrive."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.security.test_real_server import CCM, chunked, request
from twitter_connector.processes import request_bytes
from twitter_connector.processes.request_bytes import Progress, RequestBytes
from twitter_connector.web import cim_webhook, twitter_webhook

WHOLE = {
    "no body": request("/health/live", b"", method="GET"),
    "a body": request(CCM, b'{"a": 1}'),
    "a body with blank lines": request(CCM, b"\r\n\r\n\r\n\r\n"),
    "chunks": chunked(CCM, b"{", b'"a": 1}'),
    "chunks with blank lines": chunked(CCM, b"\r\n\r\n0\r\n\r\n"),
    "chunks with extensions and trailers": chunked(CCM, b"{}", end=b"0;a=b\r\nX: y\r\n\r\n"),
    "field names in other letters": b"POST / HTTP/1.1\r\ncontent-LENGTH :  2 \r\nHost: x\r\n\r\n{}",
    "an expectation with its body": request(CCM, b"{}", "Expect: 100-continue"),
}
REFUSED = {
    "a length that is no number": request(CCM, b"", "Content-Length: 1x"),
    "both a length and chunks": request(CCM, b"{}", "Transfer-Encoding: chunked"),
    "a chunk without a size": chunked(CCM, b"", end=b"zz\r\n"),
}


class Pair:
    def __init__(self) -> None:
        self.caller, self.server = socket.socketpair()
        self.bytes = RequestBytes(self.server)

    def send(self, data: bytes) -> Progress:
        self.caller.sendall(data)
        progress = self.bytes.receive()
        while progress is Progress.PARTIAL and len(self.bytes) < len(data):
            before = len(self.bytes)
            progress = self.bytes.receive()
            if len(self.bytes) == before:
                break
        return progress

    def read(self) -> bytes:
        found = b""
        while len(self.bytes):
            found += self.bytes.recv(7)
        return found


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    with made.caller, made.server:
        yield made


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_whole_with_its_last_byte_and_not_before(pair: Pair, name: str) -> None:
    data = WHOLE[name]
    assert pair.bytes.receive() is Progress.NOTHING
    if b"Expect" not in data:
        for byte in data[:-1]:
            assert pair.send(bytes([byte])) is Progress.PARTIAL
        assert pair.send(data[-1:]) is Progress.WHOLE
    else:
        assert pair.send(data) is Progress.WHOLE
    assert pair.read() == data


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_parser_refuses_goes_to_it_at_once(pair: Pair, name: str) -> None:
    assert pair.send(REFUSED[name]) is Progress.WHOLE


def test_a_request_longer_than_any_route_accepts_is_long_as_soon_as_that_is_known(pair: Pair) -> None:
    assert pair.send(request(CCM, b"", length=request_bytes.BODY_MAX_BYTES)) is Progress.PARTIAL
    for beginning in (
        request(CCM, b"", length=request_bytes.BODY_MAX_BYTES + 1),
        chunked(CCM, b"", end=b"").removesuffix(b"0\r\n\r\n") + b"100001\r\n",
        b"GET /" + b"a" * (request_bytes.HEAD_MAX_BYTES + 1),
        chunked(CCM, end=b"") + b"1\r\na\r\n" * (request_bytes.CHUNKED_MAX_BYTES // 6 + 6),
    ):
        other = Pair()
        with other.caller, other.server:
            other.caller.settimeout(5)
            progress = Progress.PARTIAL
            for at in range(0, len(beginning), 65536):
                other.caller.sendall(beginning[at : at + 65536])
                progress = other.bytes.receive()
                while progress is Progress.PARTIAL and len(other.bytes) < min(at + 65536, len(beginning)):
                    progress = other.bytes.receive()
            assert progress is Progress.LONG, beginning[:80]


def test_the_bytes_of_the_next_request_are_kept(pair: Pair) -> None:
    live = WHOLE["no body"]
    assert pair.send(live + live + live[:5]) is Progress.WHOLE
    read_ahead = pair.bytes.recv(len(live) + 9)
    assert pair.bytes.next_request(read_ahead[len(live) :]) is Progress.WHOLE
    assert pair.bytes.recv(len(live)) == live
    assert pair.bytes.next_request(b"") is Progress.PARTIAL
    assert pair.send(live[5:]) is Progress.WHOLE
    assert pair.read() == live


def test_an_end_before_the_request_is_whole_is_left_to_the_parser(pair: Pair) -> None:
    assert pair.send(WHOLE["a body"][:-1]) is Progress.PARTIAL
    pair.caller.shutdown(socket.SHUT_WR)
    assert pair.bytes.receive() is Progress.WHOLE
    assert pair.read() == WHOLE["a body"][:-1]
    assert pair.bytes.recv(10) == b""
    assert pair.bytes.next_request(b"") is Progress.NOTHING
    assert pair.bytes.ended


def test_after_the_deadline_the_parser_reads_the_end(pair: Pair) -> None:
    assert pair.send(request(CCM, b"", length=10**9)) is Progress.LONG
    pair.read()
    pair.bytes.deadline = time.monotonic()
    assert pair.bytes.recv(10) == b""


def test_an_expectation_is_answered_once_and_removed(pair: Pair) -> None:
    assert pair.send(request(CCM, b"", "Expect: 100-Continue", "X: y", length=2)) is Progress.PARTIAL
    assert pair.caller.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert pair.send(b"{}") is Progress.WHOLE
    assert pair.read() == request(CCM, b"{}", "X: y")


def test_the_limit_is_that_of_the_routes() -> None:
    assert request_bytes.BODY_MAX_BYTES == twitter_webhook.BODY_MAX_BYTES == cim_webhook.BODY_MAX_BYTES
