"""A small HTTP load generator: keep-alive connections in one selector loop, requests prepared beforehand."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What one run measured. Times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    wrong: int
    count: int


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = 0.0
        self.received = b""


def run(
    port: int,
    request: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    per_second: float | None = None,
    count: int | None = None,
) -> Result:
    """Send as fast as the answers come, or at a rate; return throughput and latency of the 200s.

    seconds: how long to send. count: how many to send at most.
    """
    selector = selectors.DefaultSelector()
    idle = [_Connection(port) for _ in range(connections)]
    for connection in idle:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    latencies: list[float] = []
    wrong = sent = 0
    begin = time.perf_counter()
    end = begin + seconds
    while True:
        now = time.perf_counter()
        ended = now >= end or sent == count
        if ended and len(idle) == connections:
            break
        if not ended:
            due = connections if per_second is None else int((now - begin) * per_second) - sent
            while idle and due > 0 and sent != count:
                connection = idle.pop()
                connection.started = time.perf_counter()
                connection.received = b""
                connection.socket.sendall(request(sent))
                sent += 1
                due -= 1
        for key, _ in selector.select(0.001):
            connection = key.data
            connection.received += connection.socket.recv(65536)
            if _whole(connection.received):
                latencies.append((time.perf_counter() - connection.started) * 1000)
                wrong += not connection.received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
                idle.append(connection)
        if now > end + 15:
            raise RuntimeError("answers are missing 15 s after the last request")
    for connection in idle:
        connection.socket.close()
    took = time.perf_counter() - begin
    quantiles = statistics.quantiles(latencies, n=100)
    return Result(len(latencies) / took, quantiles[49], quantiles[98], wrong, len(latencies))


def _whole(received: bytes) -> bool:
    head, gap, body = received.partition(b"\r\n\r\n")
    if not gap:
        return False
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    return False
