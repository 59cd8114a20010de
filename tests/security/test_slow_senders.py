"""Callers who send slowly, or read slowly, beside a challenge: no signature is needed to be one of them."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.security.test_real_server import CCM, LIMIT, Web, chunked, request, served, statuses
from tests.web.web_requests import PATH

SENDERS = 200
# How X judges a challenge: docs/decisions/0018.
ANSWER_SECONDS = 3.0
CHALLENGE = request(f"{PATH}?crc_token=abc", b"", "Connection: close", method="GET")
# Each sends this at once and then one byte a second.
BEGINNINGS = {
    "a head": b"POST /cim-messages HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a body": request(PATH, b"{", length=1000),
    "a body that is refused": request("/nowhere", b"{", length=LIMIT),
    "a body in chunks": chunked(CCM, b"{", end=b"3e8\r\n"),
    "a body longer than any route accepts": request(CCM, b"{", length=3 * LIMIT),
    "the rest of a connection that is answered": request("/health/live", b"", "Connection: close", method="GET"),
    "a second request on the same connection": request("/health/live", b"", method="GET") + b"GET /",
}


@pytest.fixture(scope="module")
def web(broker_process: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    yield from served(broker_process, tmp_path_factory.mktemp("web"))


class Drip:
    """Connections that send one byte a second each, until the server closes them."""

    def __init__(self, web: Web, stack: ExitStack) -> None:
        kinds = list(BEGINNINGS.values())
        self.lines = [stack.enter_context(web.connect()) for _ in range(SENDERS)]
        for number, line in enumerate(self.lines):
            line.sendall(kinds[number % len(kinds)])
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()
        stack.callback(self._stop)

    def _send(self) -> None:
        while not self._stopped.wait(1.0):
            for line in self.lines:
                with suppress(OSError):
                    line.send(b"a", socket.MSG_DONTWAIT)

    def _stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def timed_challenge(web: Web) -> float:
    """Return the seconds until X's challenge is answered."""
    started = time.monotonic()
    ((status, answer),) = web.ask(CHALLENGE)
    assert status == 200
    assert "response_token" in json.loads(answer)
    return time.monotonic() - started


def test_challenges_are_answered_in_time_beside_200_slow_senders_who_are_given_up(web: Web) -> None:
    with ExitStack() as stack:
        senders = Drip(web, stack)
        started = time.monotonic()
        times = []
        while time.monotonic() - started < 8:
            times.append(timed_challenge(web))
            time.sleep(0.2)
        assert max(times) < ANSWER_SECONDS, sorted(times)[-5:]
        # A deadline for the whole request: a byte a second does not prolong it.
        for line in senders.lines:
            line.settimeout(10)
            with suppress(ConnectionError):
                while line.recv(65536):
                    pass
    assert "internal_error" not in web.log.read_text()
    assert "Traceback" not in web.log.read_text()
    assert "requests_too_slow" in web.log.read_text()


def test_a_slow_sender_hears_that_it_was_too_slow(web: Web) -> None:
    with web.connect() as line:
        line.sendall(request(CCM, b"{", length=1000))
        head, _, body = line.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert "Send it again as a whole." in json.loads(body)["detail"]


def test_challenges_are_answered_in_time_beside_callers_who_read_no_answer(
    broker_process: Broker, tmp_path: Path
) -> None:
    """Over a unix socket, whose buffers are full after some hundred answers."""
    path = tmp_path / "web.sock"
    many = request("/health/live", b"", method="GET") * 2000
    with ExitStack() as stack:
        for _ in served(broker_process, tmp_path, BIND_INSTEAD=f"unix:{path}"):
            for _ in range(20):
                line = stack.enter_context(socket.socket(socket.AF_UNIX))
                line.connect(os.fspath(path))
                line.settimeout(0.2)
                with suppress(OSError):
                    line.sendall(many)
            end = time.monotonic() + 8
            while time.monotonic() < end:
                with socket.socket(socket.AF_UNIX) as challenge:
                    challenge.settimeout(ANSWER_SECONDS)
                    challenge.connect(os.fspath(path))
                    challenge.sendall(CHALLENGE)
                    assert challenge.recv(65536).startswith(b"HTTP/1.1 200 ")
                # Challenge after challenge without a pause would keep both processors busy for nothing.
                time.sleep(0.05)


def test_a_caller_who_asks_before_it_sends_the_body_is_told_to_go_on(web: Web) -> None:
    for head in (
        request(CCM, b"", "Expect: 100-continue", length=2),
        f"POST {CCM} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".encode(),
    ):
        with web.connect() as line:
            line.sendall(head)
            assert line.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            line.sendall(b"{}" if b"Length" in head else b"2\r\n{}\r\n0\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_requests_that_arrive_together_are_answered_in_turn(web: Web) -> None:
    live = request("/health/live", b"", method="GET")
    assert statuses(web.ask(live + request(CCM, b"{}") + chunked(CCM, b"{}") + live)) == [200, 400, 400, 200]
