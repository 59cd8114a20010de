"""Streams over real connections: the total deadline, the ceiling, and bodies that are not kept in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from tests.loopback import Loopback, Reply, loopback, raw_server, zeros
from twitter_connector.net.answers import NoAnswer, NotSent, TooMuch
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.multipart import FilePart, Multipart

MANY = 64 * 1024 * 1024


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def http_client() -> HttpClient:
    return HttpClient(trust_env=False)


def test_a_stream_is_handed_on_in_small_chunks_with_what_the_server_said(
    server: Loopback, http_client: HttpClient
) -> None:
    server.answer = lambda _: Reply(200, zeros(1_000_000), (("Content-Type", "Image/JPEG; q=1"),), length=1_000_000)
    with http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming:
        sizes = [len(chunk) for chunk in incoming.chunks]
    assert (incoming.status, incoming.content_type, incoming.size_bytes) == (200, "image/jpeg", 1_000_000)
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 64 * 1024


def test_odd_headers_are_nobodys_content_type_and_no_size(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(200, b"", (("Content-Type", 'text/"><script'),))
    with http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming:
        assert incoming.content_type == ""
    server.answer = lambda _: Reply(200, zeros(10))
    with http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming:
        assert (incoming.content_type, incoming.size_bytes) == ("", None)
        assert b"".join(incoming.chunks) == bytes(10)


@pytest.mark.parametrize("announced", [True, False])
def test_the_ceiling_counts_the_bytes_that_come_to_the_byte(
    server: Loopback, http_client: HttpClient, announced: bool
) -> None:
    ceiling = 200_000
    for size in (ceiling, ceiling + 1):
        server.answer = lambda _, size=size: Reply(200, zeros(size), length=size if announced else None)
        with http_client.stream("GET", server.url, seconds=10, ceiling=ceiling) as incoming:
            if size == ceiling:
                assert sum(map(len, incoming.chunks)) == ceiling
            else:
                with pytest.raises(TooMuch, match=r"more than .* MB \(200,000 bytes\)"):
                    list(incoming.chunks)


def test_an_endless_stream_is_left_at_the_ceiling(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(200, zeros(10**15))
    started = time.monotonic()
    with http_client.stream("GET", server.url, seconds=60, ceiling=1_000_000) as incoming, pytest.raises(TooMuch):
        list(incoming.chunks)
    assert time.monotonic() - started < 20


def test_a_file_that_is_shorter_than_announced_is_no_file(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(200, zeros(1000), length=1001)
    with (
        http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming,
        pytest.raises(NoAnswer, match="broke off"),
    ):
        list(incoming.chunks)


def test_a_redirect_is_not_followed(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(302, b"", (("Location", server.url + "/elsewhere"),))
    with http_client.stream("GET", server.url + "/here", seconds=10, ceiling=MANY) as incoming:
        assert incoming.status == 302
    assert [seen.path for seen in server.seen] == ["/here"]


def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(server: Loopback, http_client: HttpClient) -> None:
    bomb = gzip.compress(bytes(5_000_000))
    server.answer = lambda _: Reply(200, bomb, (("Content-Encoding", "gzip"),))
    with (
        http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming,
        pytest.raises(NoAnswer, match="not asked for"),
    ):
        list(incoming.chunks)
    assert server.seen[0].headers["Accept-Encoding"] == "identity"


def test_a_connection_is_used_again_after_a_whole_stream_and_not_after_half_of_one(
    server: Loopback, http_client: HttpClient
) -> None:
    connections = set()
    server.answer = lambda _: Reply(200, zeros(500_000), length=500_000)
    process = server.process_request

    def counting(request: socket.socket, address: object) -> None:
        connections.add(address)
        process(request, address)  # type: ignore[arg-type]

    server.process_request = counting  # type: ignore[method-assign,assignment]
    for _ in range(3):
        with http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming:
            assert sum(map(len, incoming.chunks)) == 500_000
    assert len(connections) == 1
    with http_client.stream("GET", server.url, seconds=10, ceiling=MANY) as incoming:
        next(incoming.chunks)
    assert http_client.exchange("GET", server.url, seconds=10).status == 200
    assert len(connections) == 2


def trickle(start: bytes, byte: bytes) -> Callable[[socket.socket], None]:
    """Return a server that goes on for ever, one byte at a time, each well before any single read times out."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(byte)
            time.sleep(0.05)

    return handle


def streamed(http_client: HttpClient, url: str) -> None:
    with http_client.stream("GET", url, seconds=1, ceiling=MANY) as incoming:
        list(incoming.chunks)


def exchanged(http_client: HttpClient, url: str) -> None:
    http_client.exchange("GET", url, seconds=1)


@pytest.mark.parametrize("ask", [streamed, exchanged])
@pytest.mark.parametrize(
    ("start", "byte"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 O", b"K"),
    ],
    ids=["body", "chunk", "header", "status line"],
)
def test_a_server_that_trickles_is_left_at_the_deadline(
    http_client: HttpClient, ask: Callable[[HttpClient, str], None], start: bytes, byte: bytes
) -> None:
    with raw_server(trickle(start, byte)) as host:
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"in time|within"):
            ask(http_client, f"http://{host}/")
        assert 0.9 < time.monotonic() - started < 4


def test_a_server_that_takes_an_upload_drop_by_drop_is_left_at_the_deadline(http_client: HttpClient) -> None:
    over = threading.Event()

    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not over.wait(0.05) and connection.recv(2000):
            pass

    body = Multipart({}, FilePart("file", "a.mp4", "video/mp4", io.BytesIO(bytes(20_000_000)), 20_000_000))
    with raw_server(handle) as host:
        started = time.monotonic()
        with pytest.raises(NoAnswer):
            http_client.exchange("POST", f"http://{host}/", seconds=1.5, data=body, headers=body.headers)
        assert 1.2 < time.monotonic() - started < 6
        over.set()


def test_a_stream_from_nobody_was_not_sent(http_client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent), http_client.stream("GET", f"http://127.0.0.1:{port}/", seconds=5, ceiling=10):
        pass


def test_a_multipart_body_says_its_length_and_can_be_read_by_others() -> None:
    data = bytes(range(256)) * 1000
    part = FilePart("media", 'evil"\r\nname.jpg', "image/jpeg\r\nX: y", io.BytesIO(b"skipped" + data), len(data), 7)
    body = Multipart({"command": "APPEND", "media_id": "1"}, part)
    whole = b"".join(body)
    assert len(whole) == len(body)
    assert b"".join(body) == whole, "a body can be sent again"
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + body.headers["Content-Type"].encode() + b"\r\n\r\n" + whole
    )
    parts = {str(p.get_param("name", header="content-disposition")): p for p in message.iter_parts()}  # type: ignore[attr-defined]
    assert {name: p.get_payload(decode=True) for name, p in parts.items()} == {
        "command": b"APPEND",
        "media_id": b"1",
        "media": data,
    }
    assert parts["media"].get_filename() == "evil___name.jpg"
    assert parts["media"].get_content_type() == "application/octet-stream"
    assert "X" not in parts["media"]


def test_a_multipart_body_arrives_with_its_length_announced(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(200)
    body = Multipart({"a": "b"}, FilePart("file", "x.mp4", "video/mp4", io.BytesIO(bytes(700_000)), 700_000))
    assert http_client.exchange("POST", server.url, seconds=10, data=body, headers=body.headers).status == 200
    seen = server.seen[0]
    assert seen.headers["Transfer-Encoding"] is None
    assert seen.headers["Content-Length"] == str(len(body))
    assert seen.digest == hashlib.sha256(b"".join(body)).hexdigest()


def test_a_file_that_shrank_is_not_sent_as_whole(server: Loopback, http_client: HttpClient) -> None:
    server.answer = lambda _: Reply(200)
    body = Multipart({}, FilePart("file", "x.mp4", "video/mp4", io.BytesIO(b"short"), 6))
    with pytest.raises(EOFError):
        http_client.exchange("POST", server.url, seconds=2, data=body, headers=body.headers)
    assert http_client.exchange("GET", server.url, seconds=2).status == 200, (
        "the half request is not left in the connection"
    )
