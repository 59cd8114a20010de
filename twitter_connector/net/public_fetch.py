"""Fetches a file from a URL that came from outside (a bot's picture), and only from the public internet.

Resolves the host name once, checks each of its addresses, and connects to a checked address. Sends no credentials and
uses no proxy, because a proxy would resolve the name again.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError, LocationParseError, SSLError
from urllib3.util import Url, parse_url

from twitter_connector.errors import ConnectorError, Endpoint, Permanent, Scope, ServiceUnavailable

from .addresses import is_loopback, is_public
from .answers import WEB_PAGES, Incoming, Meaning, body_chunks, file_chunks, lower, meaning_of, media_type
from .deadline import Pool, TlsPool, deadline
from .http_client import CONNECT_SECONDS
from .retry_after import retry_after

SECONDS = 60.0
# The longest wait between two tries, whatever an unknown server asks for.
LONGEST_WAIT = timedelta(minutes=1)
REDIRECTS_MAX = 3
_ANOTHER_WAY = "Attach the file itself, or send its address as text."
ADDRESSES_MAX = 4
URL_MAX_CHARS = 4096
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HEADERS = {"Accept": "image/*, video/*", "Accept-Encoding": "identity", "User-Agent": "twitter-connector"}

Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host. Raises OSError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Fetcher:
    """allow_loopback: for a sandbox and tests on this machine; other private addresses stay refused. authorities: a
    file of certificates in place of the public ones."""

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
        authorities: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._seconds = seconds
        self._clock = clock
        self._authorities = authorities or DEFAULT_CA_BUNDLE_PATH

    @contextmanager
    def open(self, url: str, *, ceiling: int) -> Iterator[Incoming]:
        """Yield the file as it arrives. ceiling: in bytes.

        Raises, here or while the chunks are read: MediaTooLarge; Permanent "media_url_refused" for an address that is
        not allowed, "media_gone" or "media_refused" by the server's response; ServiceUnavailable.
        """
        end = time.monotonic() + self._seconds
        for _ in range(REDIRECTS_MAX + 1):
            target = _parsed(url)
            with self._answer(target, end) as answer:
                location = answer.headers.get("Location")
                if answer.status in _REDIRECTS and location:
                    url = _led_on(target.url, location)
                    continue
                failure = _failure(answer, self._clock())
                if failure is not None:
                    raise failure
                chunks = file_chunks(
                    body_chunks(answer, end, ceiling),
                    file="The file",
                    server="The file's server",
                    reason="media_host_no_answer",
                    endpoint=Endpoint.PUBLIC_FILE,
                )
                yield Incoming(answer.status, lower(answer.headers), chunks)
                return
        raise Permanent(
            "media_url_refused", f"The file's address leads on more than {REDIRECTS_MAX} times. {_ANOTHER_WAY}"
        )

    @contextmanager
    def _answer(self, target: Url, end: float) -> Iterator[urllib3.BaseHTTPResponse]:
        host = (target.host or "").strip("[]")
        tls = target.scheme == "https"
        port = target.port or (443 if tls else 80)
        addresses = self._checked(host, port)
        for last, address in enumerate(addresses, start=1 - len(addresses)):
            pool = self._tls_pool(address, port, host) if tls else Pool(address, port)
            with closing(pool):
                try:
                    answer = _ask(pool, target, end)
                except SSLError as error:
                    raise _untrusted(error) from error
                except (HTTPError, OSError) as error:
                    # This network may not reach all kinds of addresses (IPv6), so try the next one.
                    if last == 0 or time.monotonic() > end:
                        raise _unavailable(
                            "media_host_unreachable", f"does not answer ({type(error).__name__})"
                        ) from error
                    continue
                with closing(answer):
                    yield answer
                return

    def _tls_pool(self, address: str, port: int, host: str) -> TlsPool:
        # The connection goes to an address, but the certificate must be the name's.
        return TlsPool(
            address,
            port,
            cert_reqs="CERT_REQUIRED",
            ca_certs=self._authorities,
            server_hostname=host,
        )

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
                raise Permanent(
                    "media_host_unknown", f"The file's server does not exist under this name. {_ANOTHER_WAY}"
                ) from error
            raise _unavailable("media_host_unreachable", "has a name that cannot be looked up now") from error
        except (OSError, UnicodeError) as error:
            raise _refused("The file's address has no valid host name.") from error
        # All addresses must be public: a mixed answer is how DNS rebinding begins.
        if not addresses or not all(self._permitted(address) for address in addresses):
            raise _refused("The file's address does not lead to the public internet, so it was not fetched.")
        return addresses[:ADDRESSES_MAX]

    def _permitted(self, address: str) -> bool:
        return is_public(address) or (self._allow_loopback and is_loopback(address))


def _ask(pool: urllib3.HTTPConnectionPool, target: Url, end: float) -> urllib3.BaseHTTPResponse:
    left = max(end - time.monotonic(), 0.001)
    with deadline(end):
        return pool.urlopen(
            "GET",
            target.request_uri,
            headers={**_HEADERS, "Host": target.netloc or ""},
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left),
        )


def _parsed(url: str) -> Url:
    try:
        target = parse_url(url) if len(url) <= URL_MAX_CHARS else Url()
    except (LocationParseError, ValueError) as error:
        raise _refused("The file's address cannot be understood.") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise _refused("The file's address does not begin with https:// or http://.")
    if target.auth:
        raise _refused("The file's address holds a user name.")
    return target


def _led_on(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _refused("The file's address leads on to one that cannot be understood.") from error


def _failure(answer: urllib3.BaseHTTPResponse, now: datetime) -> ConnectorError | None:
    status = answer.status
    match meaning_of(status):
        case Meaning.SUCCESS if media_type(lower(answer.headers)) in WEB_PAGES:
            return Permanent(
                "media_refused", f"The file's server sent a web page instead of the file. {_ANOTHER_WAY}", status=status
            )
        case Meaning.SUCCESS if status == 200:
            return None
        case Meaning.GONE:
            return Permanent(
                "media_gone",
                f"The file's server does not have it (any more) (HTTP {status}). {_ANOTHER_WAY}",
                status=status,
            )
        case Meaning.UNAVAILABLE | Meaning.LIMITED:
            later = retry_after(lower(answer.headers), now, LONGEST_WAIT)
            return _unavailable(
                "media_host_unavailable", f"is not available (HTTP {status})", until=later, status=status
            )
    return Permanent(
        "media_refused", f"The file's server did not hand it out (HTTP {status}). {_ANOTHER_WAY}", status=status
    )


def _untrusted(error: SSLError) -> ConnectorError:
    if any(isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError) for cause in error.args):
        return Permanent(
            "media_refused", f"The file's server has no valid certificate, so the file was not fetched. {_ANOTHER_WAY}"
        )
    return _unavailable("media_host_unreachable", "breaks off the encryption")


def _unavailable(reason: str, what: str, **more: Any) -> ServiceUnavailable:
    """Return an error for which only this conversation waits: nothing else needs this server."""
    return ServiceUnavailable(
        reason, f"The file's server {what}.", scope=Scope.LANE, endpoint=Endpoint.PUBLIC_FILE, **more
    )


def _refused(detail: str) -> Permanent:
    return Permanent("media_url_refused", f"{detail} {_ANOTHER_WAY}")
