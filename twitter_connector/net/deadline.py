"""HTTP connections that keep one deadline for all of an exchange: sending, headers and body together.

`requests` and urllib3 time each single read and write, so a peer that sends or takes a byte now and then could block
a worker for ever. Here each read and write gets the time that is left until the deadline. Knows nothing of URLs or
answers: `wire.py` and `net/public_fetch.py` send through it.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
import urllib3.connection
from requests.adapters import HTTPAdapter

# A larger body comes after its head, so that it is not copied.
SMALL_BODY_BYTES = 16 * 1024

# http.client creates the response object itself, in the sending thread. The object reads its deadline from here.
_current = threading.local()


@contextmanager
def deadline(end: float) -> Iterator[None]:
    """Give all requests sent in the block, and their whole responses, this deadline (monotonic seconds).

    A read or write after it raises TimeoutError, which urllib3 and requests turn into their own time-out errors.
    """
    _current.end = end
    try:
        yield
    finally:
        _current.end = None


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline of the exchange is past")
    return left


class _Timed(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float) -> None:
        self._raw = raw
        self._sock = sock
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._end))
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        end: float | None = getattr(_current, "end", None)
        if end is not None:
            self.fp: Any = io.BufferedReader(_Timed(self.fp.detach(), sock, end))


class _Sending:
    """A mix-in for both kinds of connections, before urllib3's class."""

    response_class: Any = _Response
    sock: socket.socket | None
    # The head of a request, until `send` is called with its small body. None: there is no such body.
    _head: bytes | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        """Send a request. A small body is sent together with its head: urllib3 would wake the other side twice."""
        self._head = b"" if isinstance(body, bytes) and 0 < len(body) <= SMALL_BODY_BYTES else None
        super().request(method, url, body, *args, **kwargs)  # type: ignore[misc]  # of the class it is mixed into

    def send(self, data: Any) -> None:
        """Send the bytes before the deadline. http.client calls this, for the head first."""
        if self._head == b"":
            self._head = data
            return
        if self._head is not None:
            data, self._head = self._head + data, None
        end: float | None = getattr(_current, "end", None)
        if end is not None and self.sock is not None:
            self.sock.settimeout(_left(end))
        super().send(data)  # type: ignore[misc]  # of the class it is mixed into


class _Connection(_Sending, urllib3.connection.HTTPConnection):
    pass


class _TlsConnection(_Sending, urllib3.connection.HTTPSConnection):
    pass


class Pool(urllib3.HTTPConnectionPool):
    """Plain connections to one host that keep the deadline."""

    ConnectionCls = _Connection


class TlsPool(urllib3.HTTPSConnectionPool):
    """TLS connections to one host that keep the deadline."""

    ConnectionCls = _TlsConnection


_POOLS = {"http": Pool, "https": TlsPool}


class Adapter(HTTPAdapter):
    """Sends requests over these connections, with a proxy as well as without. For one thread.

    Proxy and certificates belong to a server, so they are decided once for each (docs/decisions/0021). `requests`
    decides for each request, and that costs more than sending it.
    """

    def __init__(self, servers_max: int) -> None:
        # No retries here: only delivery may decide to repeat a POST.
        super().__init__(pool_connections=servers_max, pool_maxsize=8, max_retries=0)
        self._servers_max = servers_max
        self._pools: dict[str, Any] = {}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return the pool of connections to the request's server."""
        server = server_of(request.url)
        pool = self._pools.get(server)
        if pool is None:
            if len(self._pools) >= self._servers_max:
                self._pools.clear()
                self.close()
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]
            self._pools[server] = pool
        return pool

    def cert_verify(self, *args: Any) -> None:
        """Called for each request. The pool has its certificates."""

    def request_url(self, request: Any, proxies: Any) -> str:
        """Return what the first line of the request names."""
        return str(super().request_url(request, proxies) if proxies else request.path_url)

    def build_response(self, request: Any, raw: Any) -> requests.Response:
        """Return the answer as `requests` does, without cookies and without a guess at an encoding."""
        response = requests.Response()
        response.status_code, response.raw, response.request, response.url = raw.status, raw, request, request.url
        response.headers = raw.headers  # finds a name in any case too
        return response


def server_of(url: str) -> str:
    """Return the part of a URL before its path: all that proxy and certificates depend on."""
    path_at = url.find("/", url.find("://") + 3)
    return url if path_at < 0 else url[:path_at]
