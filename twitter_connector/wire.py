"""One HTTP exchange with a total deadline and a ceiling on the answer, for both edges.

`requests` times each socket read, so a server that trickles could hold a worker for ever; and it reads whatever
comes. Knows nothing of Twitter or CIM: who calls decides what an answer, or none, means.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

CONNECT_SECONDS = 5.0
ANSWER_MAX_BYTES = 2 * 1024 * 1024
_CHUNK = 64 * 1024


class NotSent(Exception):
    """The request never left: name not found, refused, TLS failed, no connection in time. Safe to repeat."""


class NoAnswer(Exception):
    """The request left and its answer did not come, or not whole, or not in time. It may have had its effect."""


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


class Wire:
    """Keeps one session a thread, so that connections are reused and never shared."""

    def __init__(self, *, trust_env: bool = True) -> None:
        self._local = threading.local()
        self._trust_env = trust_env

    def exchange(self, method: str, url: str, *, seconds: float, **kwargs: Any) -> Answer:
        """Return the answer, whatever its status. Redirects are not followed. Raises NotSent or NoAnswer."""
        end = time.monotonic() + seconds
        try:
            response = self._session().request(
                method,
                url,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
                stream=True,
                **kwargs,
            )
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise NotSent(type(error).__name__) from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NotSent("connection refused or host not found") from error
            raise NoAnswer("connection closed") from error
        except requests.Timeout as error:
            raise NoAnswer(f"no answer within {seconds:g} s") from error
        except requests.RequestException as error:
            # What requests refuses to send: a bad URL, a header that cannot be encoded.
            raise NotSent(type(error).__name__) from error
        with response:
            return Answer(response.status_code, _lower(response.headers), _body(response, end))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = self._trust_env
            # requests' own retries stay at none: repeating a POST is the relay's decision alone.
            adapter = HTTPAdapter(pool_connections=8, pool_maxsize=8, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session


def _body(response: requests.Response, end: float) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > ANSWER_MAX_BYTES:
                raise NoAnswer(f"an answer of more than {ANSWER_MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise NoAnswer("an answer that did not end in time")
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise NoAnswer("an answer that broke off") from error
    return bytes(body)


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {k.lower(): v for k, v in headers.items()}
