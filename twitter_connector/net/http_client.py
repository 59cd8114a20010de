"""Sends one HTTP request with a total deadline and a ceiling on the answer.

`requests` limits only each single read, so a slow server could block a worker for ever, and it reads answers of any
size. `exchange` returns a small answer whole; `stream` hands on a file chunk by chunk. The caller decides what an
answer means.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from .answers import CHUNK_BYTES, Answer, Incoming, NoAnswer, NotSent, body_chunks, lower
from .deadline import Adapter, deadline, server_of
from .handshake import failed_handshake
from .prepared_request import Request

CONNECT_SECONDS = 5.0
SERVERS_MAX = 256
ANSWER_MAX_BYTES = 2 * 1024 * 1024
_PROXY_WANTS_LOGIN = 407
_HEADERS: dict[str, str] = dict(requests.utils.default_headers())


class HttpClient:
    """Keeps connections for each thread, so that they are reused and never shared.

    .netrc is not read: it would replace a bearer token. Cookies are not stored.
    """

    def __init__(self, *, trust_env: bool = True) -> None:
        self._local = threading.local()
        self._trust_env = trust_env
        # The environment's proxies and certificates for one server. requests would look them up for each request,
        # and that costs more than the rest of sending it.
        self._from_environment = lru_cache(SERVERS_MAX)(self._look_up_environment)

    def exchange(self, method: str, url: str, *, seconds: float, **kwargs: Any) -> Answer:
        """Return the answer, whatever its status. Redirects are not followed. Raises NotSent or NoAnswer."""
        end = time.monotonic() + seconds
        with self._send(method, url, end, kwargs) as response:
            return Answer(response.status_code, lower(response.headers), _body(response, end))

    @contextmanager
    def stream(self, method: str, url: str, *, seconds: float, ceiling: int, **kwargs: Any) -> Iterator[Incoming]:
        """Yield the answer before its body is read, whatever its status. Redirects are not followed.

        seconds: for the whole exchange, reading included. ceiling: the largest body, in bytes. Raises NotSent or
        NoAnswer; reading the chunks raises NoAnswer or TooMuch.
        """
        end = time.monotonic() + seconds
        # Files are compressed already, and the ceiling counts the bytes as they come.
        kwargs["headers"] = {"Accept-Encoding": "identity", **kwargs.get("headers", {})}
        with self._send(method, url, end, kwargs) as response:
            yield Incoming(response.status_code, lower(response.headers), body_chunks(response.raw, end, ceiling))

    @contextmanager
    def follow(self, url: str, *, idle_seconds: float, **kwargs: Any) -> Iterator[Incoming]:
        """Yield an answer that goes on for as long as something comes. Raises NotSent or NoAnswer.

        idle_seconds: how long nothing may come; then, and if the connection breaks, reading the chunks raises NoAnswer.
        """
        kwargs["headers"] = {"Accept-Encoding": "identity", **kwargs.get("headers", {})}
        with self._send("GET", url, time.monotonic() + idle_seconds, kwargs, whole=False) as response:
            yield Incoming(response.status_code, lower(response.headers), _as_it_comes(response))

    def _send(
        self, method: str, url: str, end: float, kwargs: dict[str, Any], *, whole: bool = True
    ) -> requests.Response:
        """whole: `end` is that of the whole exchange. Otherwise it is that of the first byte, and of each later one."""
        seconds = end - time.monotonic()
        try:
            with deadline(end) if whole else nullcontext():
                # Without a session, which would merge its settings into those of each request.
                request = Request()
                request.prepare(method, url, {**_HEADERS, **kwargs.pop("headers", {})}, **kwargs)
                assert request.url is not None
                proxies, verify = self._from_environment(server_of(request.url))
                response = self._adapter().send(
                    request,
                    stream=True,
                    timeout=(min(CONNECT_SECONDS, seconds), seconds),
                    verify=True if verify is None else verify,
                    proxies=proxies,
                )
        except requests.ConnectTimeout as error:
            raise NotSent(type(error).__name__) from error
        except requests.exceptions.ProxyError as error:
            raise NotSent(self._proxy_failure(url, error)) from error
        except requests.exceptions.SSLError as error:
            # A handshake comes before the request; other TLS errors may come after it.
            if reason := failed_handshake(error):
                raise NotSent(reason) from error
            raise NoAnswer("the encrypted connection broke") from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NotSent("connection refused or host not found") from error
            raise NoAnswer("connection closed") from error
        except requests.Timeout as error:
            raise NoAnswer(f"no answer within {seconds:.3g} s") from error
        except requests.RequestException as error:
            # requests refuses to send it: a bad URL, a header that cannot be encoded.
            raise NotSent(type(error).__name__) from error
        except OSError as error:
            raise NotSent("the file that REQUESTS_CA_BUNDLE names cannot be read") from error
        except ValueError as error:
            # The proxy look-up cannot read the address.
            raise NotSent("InvalidURL") from error
        if response.status_code == _PROXY_WANTS_LOGIN:
            response.close()
            raise NotSent(f"{self._proxy_of(url)} asks for a user name and password (HTTP 407)")
        return response

    def _proxy_failure(self, url: str, error: requests.exceptions.ProxyError) -> str:
        # For https the proxy refuses the tunnel, and urllib3 gives its status in the text only.
        status = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        if status is None:
            return f"{self._proxy_of(url)} cannot be reached"
        if int(status[1]) == _PROXY_WANTS_LOGIN:
            return f"{self._proxy_of(url)} asks for a user name and password (HTTP 407)"
        return f"{self._proxy_of(url)} refused the connection (HTTP {status[1]})"

    def _proxy_of(self, url: str) -> str:
        """Return how a sentence names the proxy of this URL, without its password."""
        proxy = requests.utils.select_proxy(url, self._from_environment(server_of(url))[0])
        # Without a scheme in front, urlsplit would take the host for a path.
        parts = urlsplit(proxy if proxy and "//" in proxy else f"//{proxy or ''}")
        host = parts.hostname or ""
        return f"the proxy {host}:{parts.port}" if host and parts.port else f"the proxy {host}" if host else "a proxy"

    def _look_up_environment(self, server: str) -> tuple[dict[str, str], bool | str | None]:
        if not self._trust_env:
            return {}, True
        settings = requests.Session().merge_environment_settings(server, {}, True, None, None)
        return dict(settings["proxies"]), settings["verify"]

    def _adapter(self) -> Adapter:
        adapter: Adapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = Adapter(SERVERS_MAX)
        return adapter


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


def _as_it_comes(response: requests.Response) -> Iterator[bytes]:
    try:
        while chunk := response.raw.read1(CHUNK_BYTES):
            yield chunk
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NoAnswer("the connection broke, or nothing came for too long") from error


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
