"""One exchange over a real connection: what never left, what may have had its effect, and how long it lasts."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable

import pytest

from tests.loopback import Reply, loopback, raw_server
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.deadline import SMALL_BODY_BYTES
from twitter_connector.net.http_client import ANSWER_MAX_BYTES, HttpClient


@pytest.fixture
def http_client() -> HttpClient:
    return HttpClient(trust_env=False)


def request_of(connection: socket.socket) -> bytes:
    """Read a whole request."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return body


def reset(connection: socket.socket) -> None:
    """End a connection with a reset instead of a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class TestNeverLeft:
    def test_a_refused_connection(self, http_client: HttpClient) -> None:
        with pytest.raises(NotSent):
            http_client.exchange("POST", f"http://127.0.0.1:{free_port()}/", seconds=5, json={})

    def test_a_name_nobody_knows(self, http_client: HttpClient) -> None:
        with pytest.raises(NotSent):
            http_client.exchange("POST", "http://nowhere.invalid/", seconds=5, json={})

    def test_a_server_that_speaks_no_tls(self, http_client: HttpClient) -> None:
        with loopback() as server:
            with pytest.raises(NotSent):
                http_client.exchange("POST", f"https://{server.host}/", seconds=5, json={})
            assert server.seen == []

    @pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "nonsense", "http://[::1", "http://a b/"])
    def test_an_address_that_is_none(self, http_client: HttpClient, url: str) -> None:
        with pytest.raises(NotSent):
            http_client.exchange("POST", url, seconds=5)

    def test_a_connection_that_nobody_accepts_in_time(self, http_client: HttpClient) -> None:
        # A backlog of one, full: the kernel lets further ones wait for an answer that never comes.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fillers = []
            try:
                for _ in range(4):
                    filler = socket.socket()
                    filler.setblocking(False)
                    filler.connect_ex(address)
                    fillers.append(filler)
                started = time.monotonic()
                with pytest.raises(NotSent):
                    http_client.exchange("POST", f"http://127.0.0.1:{address[1]}/", seconds=1)
                assert time.monotonic() - started < 4
            finally:
                for filler in fillers:
                    filler.close()


class TestMayHaveHadItsEffect:
    """The request was read by the other side; whatever then happens, it may have been acted upon."""

    @pytest.mark.parametrize(
        "ending",
        [
            lambda c: None,
            reset,
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
            lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), reset(c)),
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"),
            lambda c: c.sendall(b"nonsense\r\n\r\n"),
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        ],
        ids=[
            "closed at once",
            "reset at once",
            "closed in the body",
            "reset in the body",
            "closed in a chunk",
            "odd chunk",
            "no HTTP",
            "not what it says",
        ],
    )
    def test_an_answer_that_breaks_off(
        self, http_client: HttpClient, ending: Callable[[socket.socket], object]
    ) -> None:
        received: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            received.append(request_of(connection))
            ending(connection)

        with raw_server(serve) as host, pytest.raises(NoAnswer):
            http_client.exchange("POST", f"http://{host}/", seconds=5, json={"a": 1})
        assert [json.loads(body) for body in received] == [{"a": 1}], "sent once, and never again by itself"

    def test_a_server_that_is_silent(self, http_client: HttpClient) -> None:
        with raw_server(lambda c: (request_of(c), time.sleep(5))) as host:
            started = time.monotonic()
            with pytest.raises(NoAnswer):
                http_client.exchange("POST", f"http://{host}/", seconds=0.5, json={})
            assert 0.4 < time.monotonic() - started < 2.5

    @pytest.mark.parametrize("where", ["status line", "headers", "body of known length", "body without end", "chunks"])
    def test_a_server_that_trickles_is_left_at_the_deadline(self, http_client: HttpClient, where: str) -> None:
        starts = {
            "status line": b"H",
            "headers": b"HTTP/1.1 200 OK\r\nX: ",
            "body of known length": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "body without end": b"HTTP/1.1 200 OK\r\n\r\n",
            "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        }

        def serve(connection: socket.socket) -> None:
            request_of(connection)
            connection.sendall(starts[where])
            while True:
                connection.sendall(b"1\r\nx\r\n" if where == "chunks" else b"x")
                time.sleep(0.05)

        with raw_server(serve) as host:
            started = time.monotonic()
            with pytest.raises(NoAnswer):
                http_client.exchange("POST", f"http://{host}/", seconds=0.6, json={})
            assert 0.5 < time.monotonic() - started < 2.5

    def test_a_server_that_takes_the_request_but_slowly(self, http_client: HttpClient) -> None:
        def serve(connection: socket.socket) -> None:
            while connection.recv(1024):
                time.sleep(0.05)

        with raw_server(serve) as host:
            started = time.monotonic()
            with pytest.raises((NoAnswer, NotSent)):
                http_client.exchange("POST", f"http://{host}/", seconds=0.6, data=b"x" * 20_000_000)
            assert time.monotonic() - started < 4


class TestAnswers:
    def test_any_status_is_an_answer(self, http_client: HttpClient) -> None:
        with loopback() as server:
            for status in (200, 204, 404, 500):
                server.answer = lambda _, s=status: Reply(s, b'{"a": 1}' if s != 204 else b"", (("X-Odd-Case", "y"),))
                answer = http_client.exchange("GET", f"{server.url}/", seconds=5)
                assert (answer.status, answer.headers["x-odd-case"]) == (status, "y")

    def test_a_redirect_is_an_answer_and_nothing_follows(self, http_client: HttpClient) -> None:
        with loopback() as server:
            server.answer = lambda _: Reply(302, b"", (("Location", f"{server.url}/elsewhere"),))
            assert http_client.exchange("POST", f"{server.url}/", seconds=5, json={}).status == 302
            assert [seen.path for seen in server.seen] == ["/"]

    def test_an_answer_up_to_the_ceiling_is_read_and_one_byte_more_is_not(self, http_client: HttpClient) -> None:
        with loopback() as server:
            server.answer = lambda _: Reply(200, b"x" * ANSWER_MAX_BYTES)
            assert len(http_client.exchange("GET", f"{server.url}/", seconds=20).body) == ANSWER_MAX_BYTES
            server.answer = lambda _: Reply(200, b"x" * (ANSWER_MAX_BYTES + 1))
            with pytest.raises(NoAnswer):
                http_client.exchange("GET", f"{server.url}/", seconds=20)

    def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read(self, http_client: HttpClient) -> None:
        with loopback() as server:
            packed = gzip.compress(b"\0" * (ANSWER_MAX_BYTES * 20))
            server.answer = lambda _: Reply(200, packed, (("Content-Encoding", "gzip"),))
            with pytest.raises(NoAnswer):
                http_client.exchange("GET", f"{server.url}/", seconds=20)

    def test_a_broken_off_exchange_does_not_spoil_the_next(self, http_client: HttpClient) -> None:
        with loopback() as server:
            server.answer = lambda _: Reply(200, b"x" * (ANSWER_MAX_BYTES + 1))
            with pytest.raises(NoAnswer):
                http_client.exchange("GET", f"{server.url}/", seconds=20)
            server.answer = lambda _: Reply(200, b"fine")
            assert http_client.exchange("GET", f"{server.url}/", seconds=5).body == b"fine"

    def test_a_small_body_comes_together_with_its_head_and_a_large_one_is_whole(self, http_client: HttpClient) -> None:
        """A second packet would wake the other side twice."""
        first_reads, bodies = [], []

        def read(connection: socket.socket) -> None:
            for length in (1, SMALL_BODY_BYTES, SMALL_BODY_BYTES + 1, 0):
                got = connection.recv(SMALL_BODY_BYTES * 2)
                first_reads.append(got.partition(b"\r\n\r\n")[2])
                body = first_reads[-1]
                while len(body) < length:
                    body += connection.recv(65536)
                bodies.append(body)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        sent = [b"1", b"2" * SMALL_BODY_BYTES, b"3" * (SMALL_BODY_BYTES + 1), b""]
        with raw_server(read) as address:
            for body in sent:
                assert http_client.exchange("POST", f"http://{address}/", seconds=5, data=body).status == 200
        assert bodies == sent
        assert first_reads[0] == sent[0]

    def test_a_kept_connection_that_went_away_meanwhile(self, http_client: HttpClient) -> None:
        """Closed by the other side between two requests: whichever way it is sorted, nothing is sent twice."""
        received: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            received.append(request_of(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        with raw_server(serve) as host:
            assert http_client.exchange("POST", f"http://{host}/", seconds=5, data=b"1").status == 200
            time.sleep(0.1)
            assert http_client.exchange("POST", f"http://{host}/", seconds=5, data=b"2").status == 200
        assert received == [b"1", b"2"]

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
    def test_a_body_that_is_no_json_is_none(self, body: bytes) -> None:
        assert Answer(200, {}, body).json() is None

    def test_a_repr_shows_no_body(self) -> None:
        assert "planted" not in repr(Answer(200, {}, b"planted"))


def test_threads_share_no_connection(http_client: HttpClient) -> None:
    import threading

    sessions: list[object] = []
    threads = [threading.Thread(target=lambda: sessions.append(http_client._adapter())) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    sessions.append(http_client._adapter())
    assert len({id(s) for s in sessions}) == 4
    assert http_client._adapter() is sessions[-1]
