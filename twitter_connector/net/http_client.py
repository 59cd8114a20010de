"""One HTTP exchange with a total deadline and a ceiling on the answer, for both edges.

`requests` times each socket read, so a server that trickles could hold a worker for ever; and it reads whatever
comes. Small answers come whole (`exchange`), files piece by piece (`stream`). Knows nothing of Twitter or CIM: who
calls decides what an answer, or none, means.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3

from .deadline import Adapter, deadline

CONNECT_SECONDS = 5.0
ANSWER_MAX_BYTES = 2 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


# OpenSSL's names for what ends a handshake.
_HANDSHAKE_FAILURES = (
    "CERTIFICATE_VERIFY_FAILED",
    "HANDSHAKE_FAILURE",
    "NO_PROTOCOLS_AVAILABLE",
    "PROTOCOL_VERSION",
    "RECORD_LAYER_FAILURE",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_VERSION_NUMBER",
)


class NotSent(Exception):
    """The request never left: name not found, refused, TLS failed, no connection in time. Safe to repeat."""


class NoAnswer(Exception):
    """The request left and its answer did not come, or not whole, or not in time. It may have had its effect."""


class TooMuch(Exception):
    """A streamed answer went beyond its ceiling. Its text says how much that is: "more than 5 MB (…)"."""

    def __init__(self, ceiling: int) -> None:
        super().__init__(ceiling)
        self.ceiling = ceiling

    def __str__(self) -> str:
        return f"more than {self.ceiling / 1_048_576:.4g} MB ({self.ceiling:,} bytes)"


@dataclass(frozen=True)
class Answer:
    """What came back. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body's JSON value, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Incoming:
    """An answer whose body has not been read yet. Header names in lower case.

    chunks: the body, once, at most 64 KB at a time. Reading it raises NoAnswer, or TooMuch where it goes beyond the
    ceiling that was given, unless whoever hands it on says otherwise.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: Iterator[bytes] = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; "" where it is missing or no media type."""
        named = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return named if re.fullmatch(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", named) else ""

    @property
    def size_bytes(self) -> int | None:
        """The size the other side announces: good for a message to a person, never in place of counting."""
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isascii() and announced.isdecimal() and len(announced) < 16 else None


class HttpClient:
    """Keeps one session a thread, so that connections are reused and never shared."""

    def __init__(self, *, trust_env: bool = True) -> None:
        self._local = threading.local()
        self._trust_env = trust_env

    def exchange(self, method: str, url: str, *, seconds: float, **kwargs: Any) -> Answer:
        """Return the answer, whatever its status. Redirects are not followed. Raises NotSent or NoAnswer."""
        end = time.monotonic() + seconds
        with self._send(method, url, end, kwargs) as response:
            return Answer(response.status_code, lower(response.headers), _body(response, end))

    @contextmanager
    def stream(self, method: str, url: str, *, seconds: float, ceiling: int, **kwargs: Any) -> Iterator[Incoming]:
        """Yield the answer, whatever its status, before its body is read. Redirects are not followed.

        seconds: for all of it, including the time the reader takes. ceiling: bytes of the body. Raises NotSent or
        NoAnswer; reading the chunks raises NoAnswer or TooMuch.
        """
        end = time.monotonic() + seconds
        # Files are compressed already, and bytes are to be counted as they come.
        kwargs["headers"] = {"Accept-Encoding": "identity", **kwargs.get("headers", {})}
        with self._send(method, url, end, kwargs) as response:
            yield Incoming(response.status_code, lower(response.headers), body_chunks(response.raw, end, ceiling))

    def _send(self, method: str, url: str, end: float, kwargs: dict[str, Any]) -> requests.Response:
        seconds = end - time.monotonic()
        try:
            with deadline(end):
                return self._session().request(
                    method,
                    url,
                    timeout=(min(CONNECT_SECONDS, seconds), seconds),
                    allow_redirects=False,
                    stream=True,
                    **kwargs,
                )
        except requests.ConnectTimeout as error:
            raise NotSent(type(error).__name__) from error
        except requests.exceptions.SSLError as error:
            # The handshake comes before anything is sent; other trouble with TLS may come after.
            if any(name in str(error) for name in _HANDSHAKE_FAILURES):
                raise NotSent("no encrypted connection came about") from error
            raise NoAnswer("the encrypted connection broke") from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NotSent("connection refused or host not found") from error
            raise NoAnswer("connection closed") from error
        except requests.Timeout as error:
            raise NoAnswer(f"no answer within {seconds:.3g} s") from error
        except requests.RequestException as error:
            # What requests refuses to send: a bad URL, a header that cannot be encoded.
            raise NotSent(type(error).__name__) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = self._trust_env
            # Proxies and certificates of the environment count, a .netrc does not: it would replace a bearer token.
            session.auth = _as_it_is
            # requests' own retries stay at none: repeating a POST is the relay's decision alone.
            adapter = Adapter(pool_connections=8, pool_maxsize=8, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session


def _body(response: requests.Response, end: float) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > ANSWER_MAX_BYTES:
                raise NoAnswer(f"an answer of more than {ANSWER_MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise NoAnswer("an answer that did not end in time")
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        late = time.monotonic() >= end
        raise NoAnswer("an answer that did not end in time" if late else "an answer that broke off") from error
    return bytes(body)


def body_chunks(raw: Any, end: float, ceiling: int) -> Iterator[bytes]:
    """Yield the body of urllib3's answer in pieces of at most 64 KB. Raises NoAnswer, or TooMuch before the piece
    that would go beyond the ceiling. end: in monotonic seconds."""
    if raw.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        # Nobody asked for it, and a small compressed body may hide a huge one.
        raise NoAnswer("an answer in an encoding that was not asked for")
    count = 0
    try:
        for chunk in raw.stream(CHUNK_BYTES, decode_content=False):
            count += len(chunk)
            if count > ceiling:
                raise TooMuch(ceiling)
            if time.monotonic() > end:
                raise NoAnswer("an answer that did not end in time")
            yield chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        late = time.monotonic() >= end or isinstance(error, urllib3.exceptions.ReadTimeoutError)
        raise NoAnswer("an answer that did not end in time" if late else "an answer that broke off") from error


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with their names in lower case."""
    return {k.lower(): v for k, v in headers.items()}
