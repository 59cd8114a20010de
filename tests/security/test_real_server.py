"""Bodies as they really arrive: gunicorn with the command line of the service, and sockets that break every rule."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tree import environment, free_ports

from tests.brokers import Broker
from tests.web.web_requests import ACCOUNT, HEADER, PATH, cim, dm, signed
from twitter_connector.bootstrap import build_services
from twitter_connector.config import Settings
from twitter_connector.processes import command_lines

LIMIT = 1024 * 1024
CCM = "/cim-messages"


class Web:
    """The web process, asked through plain sockets."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, *raw_events: bytes) -> list[tuple[int, bytes]]:
        """Send raw requests over one connection; return status and body of every answer until the server closes."""
        with self.connect() as line:
            for raw_event in raw_events:
                with suppress(OSError):
                    line.sendall(raw_event)
            with suppress(OSError):
                line.shutdown(socket.SHUT_WR)
            return list(_answers(line))


def _answers(line: socket.socket) -> Iterator[tuple[int, bytes]]:
    with line.makefile("rb") as file:
        while status := file.readline():
            length = 0
            while (header := file.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            yield int(status.split()[1]), file.read(length)


@pytest.fixture(scope="module")
def web(broker_process: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    yield from served(broker_process, tmp_path_factory.mktemp("web"))


def served(broker_process: Broker, home: Path, **env: str) -> Iterator[Web]:
    """Run the web process on the test's broker with one account registered."""
    (port,) = free_ports(1)
    variables = environment(
        VAR_DIR=str(home),
        HOST="127.0.0.1",
        PORT=str(port),
        REDIS_URL=broker_process.settings.redis_url,
        CCM_URL="http://127.0.0.1:9/ccm",
        LOG_FORMAT="json",
        PROMETHEUS_MULTIPROC_DIR=str(home / "metrics"),
        **env,
    )
    settings = Settings.from_env(variables)
    build_services(settings).accounts.save(ACCOUNT)
    (home / "metrics").mkdir(exist_ok=True)
    log = home / "log"
    command = [*command_lines.web(), *(["--bind", variables["BIND_INSTEAD"]] if "BIND_INSTEAD" in variables else [])]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=out, cwd=Path(__file__).parents[2])
    try:
        end = time.monotonic() + 30
        while not _listens(port, home):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield Web(port, log)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int, home: Path) -> bool:
    if (home / "web.sock").exists():
        # The file is there a moment before anybody listens.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(os.fspath(home / "web.sock")) == 0
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def request(path: str, body: bytes, *headers: str, method: str = "POST", length: int | None = None) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(path: str, *chunks: bytes, end: bytes = b"0\r\n\r\n", headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n".encode()
    return head + b"".join(f"{len(c):x}\r\n".encode() + c + b"\r\n" for c in chunks) + end


LIVE = request("/health/live", b"", method="GET")


def statuses(answers: list[tuple[int, bytes]]) -> list[int]:
    return [status for status, _ in answers]


@pytest.mark.parametrize("path", [CCM, PATH])
def test_a_body_that_is_too_long_is_413_and_the_next_request_on_the_line_is_served(web: Web, path: str) -> None:
    """A gateway sends other callers' messages down the same connection."""
    for too_long in (LIMIT + 1, 3 * LIMIT):
        assert statuses(web.ask(request(path, b" " * too_long), LIVE)) == [413, 200]
        body = [b" " * 65536] * (too_long // 65536 + 1)
        assert statuses(web.ask(chunked(path, *body), LIVE)) == [413, 200]


def test_what_is_refused_unread_does_not_spoil_the_line_either(web: Web) -> None:
    big = b" " * (300 * 1024)
    for path in ("/nowhere", "/webhook/twitter/404"):
        assert statuses(web.ask(request(path, big), LIVE)) == [404, 200]
    outside = "X-Forwarded-For: 8.8.8.8"
    assert statuses(web.ask(request(CCM, big, outside), LIVE)) == [403, 200]
    assert statuses(web.ask(request("/accounts", big), LIVE)) == [405, 200]


def test_a_body_without_end_ends_with_the_connection(web: Web) -> None:
    """Far more than is drained: the answer comes at once, and the line is closed instead of read for ever."""
    started = time.monotonic()
    sent = 0
    with web.connect() as line:
        line.sendall(f"POST {CCM} HTTP/1.1\r\nHost: x\r\nContent-Length: {10**12}\r\n\r\n".encode())
        with suppress(OSError):
            while sent < 64 * LIMIT:
                line.sendall(b" " * 65536)
                sent += 65536
    assert sent < 64 * LIMIT
    assert time.monotonic() - started < 15


def test_a_body_that_stops_coming_holds_the_line_for_a_moment_only(web: Web) -> None:
    started = time.monotonic()
    with web.connect() as line:
        line.sendall(request(CCM, b" " * 100, length=2 * LIMIT))
        (status, _), *more = list(_answers(line))
    assert (status, more) == (413, [])
    assert time.monotonic() - started < 10


def test_a_refused_body_that_comes_byte_by_byte_holds_the_line_for_a_moment_only(web: Web) -> None:
    started = time.monotonic()
    with web.connect() as line, suppress(OSError):
        line.sendall(request("/nowhere", b" ", length=LIMIT))
        while time.monotonic() - started < 12:
            line.sendall(b" ")
            time.sleep(0.1)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "broken",
    [
        chunked(CCM, b"{}", end=b"zz\r\n"),
        chunked(CCM, b"{}", end=b"-1\r\n\r\n"),
        chunked(CCM, b"{}", end=b"5\r\nab"),
        chunked(CCM, b"{}", end=b""),
        chunked(CCM, b"{}", end=b"5\r\nabcdeXX0\r\n\r\n"),
        chunked(PATH, b"{}", end=b"zz\r\n"),
        request(CCM, b"{", length=10),
        request(CCM, b"{}", "Transfer-Encoding: chunked"),
        request(CCM, b"{}", "Content-Length: 3"),
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_broken_framing_is_a_4xx_or_a_closed_line_and_never_a_failure_of_ours(web: Web, broken: bytes) -> None:
    before = web.log.read_text().count("internal_error")
    found = statuses(web.ask(broken))
    assert all(400 <= status < 500 or status == 505 for status in found), found
    assert statuses(web.ask(LIVE)) == [200]
    assert web.log.read_text().count("internal_error") == before
    assert "Traceback" not in web.log.read_text()


UNREAD = [
    # A body longer than it says: its rest is where the next request should begin.
    request(CCM, b'{"id": 1, "text": "plantedtext of a customer"}', length=10),
    request(CCM, b"plantedtext / HTTP/1.1\r\n\r\n", length=0),
    request(CCM, b"{}", "plantedtext"),
    request(CCM, b"{}", "Authorization : Bearer plantedtext"),
    request(CCM, b"{}", "plantedtext\x1b[2J: a"),
    request(CCM, b"", "Transfer-Encoding: plantedtext", length=0),
    request(CCM, b"", "Expect: plantedtext"),
    b"GET /webhook/twitter/1?crc_token=plantedtext a HTTP/1.1\r\n\r\n",
    b"GET /?plantedtext" + b"t" * 5000 + b" HTTP/1.1\r\n\r\n",
    request("/health/live", b"", *[f"X-{n}: plantedtext" for n in range(150)], method="GET"),
]


@pytest.mark.parametrize("broken", UNREAD, ids=range(len(UNREAD)))
def test_what_is_no_request_is_quoted_neither_in_the_answer_nor_in_the_log(web: Web, broken: bytes) -> None:
    *_, (status, answer) = web.ask(broken)
    assert 400 <= status < 500
    assert json.loads(answer)["status"] == status
    assert b"plantedtext" not in answer
    assert statuses(web.ask(LIVE)) == [200]
    written = web.log.read_text()
    assert "plantedtext" not in written
    assert "request_unreadable" in written
    assert [line for line in written.splitlines() if not line.startswith("{")] == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (UNREAD[1], "InvalidRequestMethod"),
        (UNREAD[3], "InvalidHeaderName"),
        (UNREAD[6], "100-continue"),
        (UNREAD[8], "longer than 4094 bytes"),
        (UNREAD[9], "more than 100 header fields"),
    ],
    ids=range(5),
)
def test_the_answer_names_what_is_wrong_with_a_request_that_cannot_be_read(
    web: Web, broken: bytes, reason: str
) -> None:
    *_, (_, answer) = web.ask(broken)
    assert reason in json.loads(answer)["detail"]


def test_no_header_moves_a_path_or_makes_a_failure(web: Web) -> None:
    """gunicorn lets a proxy on this machine say under which path it has put the service."""
    for headers in (["SCRIPT_NAME: /acc"], ["SCRIPT_NAME: /elsewhere"], ["PATH_INFO: /elsewhere"]):
        assert statuses(web.ask(request("/health/live", b"", *headers, method="GET"))) == [200], headers
    schemes = ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")
    assert statuses(web.ask(request("/health/live", b"", *schemes, method="GET"))) == [200]


def test_a_chunked_event_and_message_within_the_limits_are_taken(web: Web) -> None:
    body = json.dumps(dm("77")).encode()
    signature = f"{HEADER}: {signed(body)}\r\n"
    raw_events = [body[n : n + 7] for n in range(0, len(body), 7)]
    assert statuses(web.ask(chunked(PATH, *raw_events, headers=signature))) == [200]
    message = json.dumps(cim("77")).encode()
    assert statuses(web.ask(chunked(CCM, message[:9], message[9:]))) == [202]


def test_several_forwarded_headers_count_together_on_the_wire(web: Web) -> None:
    for headers in (
        ("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 8.8.8.8"),
        ("X-Forwarded-For: 8.8.8.8", "X-Forwarded-For: 10.0.0.1"),
        ('Forwarded: for="10.0.0.1', 'Forwarded: for=8.8.8.8"'),
        ("Forwarded: for=10.0.0.1", "X-Real-IP: 8.8.8.8"),
    ):
        assert statuses(web.ask(request("/accounts", b"", *headers, method="GET"))) == [403]
    inside = ("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2", "Forwarded: for=10.0.0.3")
    assert statuses(web.ask(request("/accounts", b"", *inside, method="GET"))) == [200]
    # Such a name is dropped by the server, since it could hide the true header from a gateway.
    assert statuses(web.ask(request("/accounts", b"", "X_Forwarded_For: 8.8.8.8", method="GET"))) in ([200], [400])


def test_over_a_unix_socket_the_forwarded_addresses_decide(broker_process: Broker, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    for _ in served(broker_process, tmp_path, BIND_INSTEAD=f"unix:{path}"):
        for header, expected in (
            ("X-A: b", 200),
            ("X-Forwarded-For: 10.0.0.1", 200),
            ("X-Forwarded-For: 8.8.8.8", 403),
        ):
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(20)
                line.connect(os.fspath(path))
                line.sendall(request("/accounts", b"", header, method="GET"))
                line.shutdown(socket.SHUT_WR)
                assert statuses(list(_answers(line))) == [expected], header
