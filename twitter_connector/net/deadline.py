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

import urllib3
import urllib3.connection
from requests.adapters import HTTPAdapter

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

    def send(self, data: Any) -> None:
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
    """Lets a requests session use these connections, with a proxy as well as without."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
