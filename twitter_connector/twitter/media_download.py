"""Downloads customers' attachments, only from X's own media hosts.

Follows no redirect, so no other host sees a signature. Stores nothing: returns the bytes in chunks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests.auth import AuthBase

from twitter_connector.errors import ConnectorError, Endpoint, Permanent, RateLimited, Scope, ServiceUnavailable
from twitter_connector.model.account import Credentials
from twitter_connector.model.event import Media, Variant
from twitter_connector.net.addresses import is_loopback
from twitter_connector.net.answers import Incoming, Meaning, NoAnswer, NotSent, file_chunks, meaning_of
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.retry_after import retry_after

from .http import reset_time
from .oauth1 import oauth1, user_auth

# For the whole file. 25 MB in that time is a line of 2 Mbit/s.
SECONDS = 120.0
# X's bitrates are upper bounds; films of half of it are common, so only twice the ceiling is hopeless.
HOPELESS = 2
# Scheme, host, port and path in plain visible ASCII. Names and passwords, backslashes and blanks, over whose meaning
# parsers disagree, make it no URL of X's.
_PLAIN_URL = re.compile(r"https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?/[!#-\[\]-~]*")
_SIGNED_PATH = "/1.1/ton/"
_DM_PICTURE = re.compile(r"/1\.1/ton/data/dm/(?P<dm>\d{1,20})/(?P<media>\d{1,20})/(?P<resource>[A-Za-z0-9._-]{1,100})")
# Only messages with files wait for the media hosts.
_WHERE: dict[str, Any] = {"scope": Scope.ENDPOINT, "endpoint": Endpoint.DOWNLOAD}


class Downloads:
    """hosts: TWITTER_MEDIA_HOSTS, each `host` or `host:port`, compared as a whole."""

    def __init__(
        self,
        http_client: HttpClient,
        hosts: Collection[str],
        clock: Callable[[], datetime],
        *,
        seconds: float = SECONDS,
        x_api_url: str = "",
    ) -> None:
        self._http_client = http_client
        self._x_api_url = x_api_url
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._seconds = seconds

    @staticmethod
    def best_variant(media: Media, ceiling: int) -> list[Variant]:
        return best_variant(media, ceiling)

    @contextmanager
    def open(self, url: str, credentials: Credentials, *, ceiling: int) -> Iterator[Incoming]:
        """Yield the file while it comes: its chunks, its content type and its announced size.

        credentials: of the account that takes part in the conversation; used where X wants a signature.
        ceiling: in bytes. Raises, here or while the chunks are read: MediaTooLarge; Permanent where the file is gone
        ("media_gone"), not for us ("media_refused_by_twitter") or at a place we do not go ("media_host_unknown");
        RateLimited; ServiceUnavailable. https://docs.x.com/x-api/direct-messages/manage/guides/message-attachments
        """
        parts = self._allowed(url)
        with ExitStack() as stack:
            incoming = self._opened(stack, url, parts, credentials, ceiling)
            failure = failure_of(incoming, self._clock())
            if failure is not None:
                raise failure
            yield replace(
                incoming,
                chunks=file_chunks(
                    incoming.chunks,
                    file="The attachment",
                    server="X's media host",
                    reason="twitter_no_answer",
                    endpoint=Endpoint.DOWNLOAD,
                ),
            )

    def _opened(
        self, stack: ExitStack, url: str, parts: SplitResult, credentials: Credentials, ceiling: int
    ) -> Incoming:
        end = time.monotonic() + self._seconds

        def answer(address: str, auth: AuthBase | None) -> Incoming:
            seconds = max(end - time.monotonic(), 0.001)
            return stack.enter_context(
                self._http_client.stream("GET", address, seconds=seconds, ceiling=ceiling, auth=auth)
            )

        signed = _wants_signature(parts)
        try:
            by_api = self._by_api(parts) if credentials.oauth2_access_token else ""
            if by_api:
                incoming = answer(by_api, user_auth(credentials, oauth2=True))
                if incoming.status == 200 or not credentials.access_token:
                    return incoming
                stack.close()
            incoming = answer(url, oauth1(credentials) if signed else None)
            if not signed and incoming.status in (401, 403):
                # Whether films need a signature is not documented; where they do, one will be taken.
                stack.close()
                incoming = answer(url, oauth1(credentials))
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable(
                "twitter_media_unreachable", f"X's media host failed: {error}.", **_WHERE
            ) from error
        return incoming

    def _by_api(self, parts: SplitResult) -> str:
        """Return the address at API v2 of a picture of a message; "" for other files. Only OAuth 2.0 may use it.

        https://docs.x.com/x-api/direct-messages/lookup/introduction
        """
        path = _DM_PICTURE.fullmatch(parts.path)
        if not self._x_api_url or path is None or not _wants_signature(parts):
            return ""
        return f"{self._x_api_url}/2/dm_conversations/media/{path['dm']}/{path['media']}/{path['resource']}"

    def _allowed(self, url: str) -> SplitResult:
        parts = urlsplit(url) if _PLAIN_URL.fullmatch(url) else None
        if parts is None or parts.netloc.lower() not in self._hosts:
            raise Permanent(
                "media_host_unknown",
                "The attachment lies at an address that is not one of X's media hosts (TWITTER_MEDIA_HOSTS), so "
                "it was not fetched.",
                ours=True,
            )
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise Permanent("media_host_unknown", "The attachment's address is not encrypted, so it was not fetched.")
        return parts


def best_variant(media: Media, ceiling: int) -> list[Variant]:
    """Return the encodings to try, best first; the next one is for when one turns out larger than the ceiling.

    A photo has one. A film has its MP4 files by bitrate, never a playlist (m3u8, mpd); empty where there is none.
    Encodings that are far beyond the ceiling by bitrate and length are left out, except for the last resort.
    """
    if media.kind == "photo":
        return [Variant(media.url, "")]
    films = [v for v in media.variants if v.content_type.partition(";")[0].strip().lower() == "video/mp4"]
    films.sort(key=lambda v: v.bitrate or 0, reverse=True)
    seconds = (media.duration_ms or 0) / 1000
    fitting = [v for v in films if (v.bitrate or 0) * seconds / 8 <= ceiling * HOPELESS]
    return fitting or films[-1:]


def _wants_signature(parts: SplitResult) -> bool:
    # Pictures of messages are for participants only, since September 2018. The sandbox plays that host on loopback.
    host = (parts.hostname or "").lower()
    return host.startswith("ton.") or (is_loopback(host) and parts.path.startswith(_SIGNED_PATH))


def failure_of(incoming: Incoming, now: datetime) -> ConnectorError | None:
    """Return the error that the answer of a media host stands for, or None if the file comes."""
    status = incoming.status
    match meaning_of(status):
        case Meaning.SUCCESS if incoming.is_web_page:
            return _refused("X answered with a web page instead of the attachment.", status)
        case Meaning.SUCCESS if status == 200:
            return None
        case Meaning.GONE:
            return Permanent("media_gone", f"X does not have the attachment any more (HTTP {status}).", status=status)
        case Meaning.LIMITED:
            until = reset_time(incoming.headers, now)
            return RateLimited(
                "rate_limited", f"X's rate limit is reached (HTTP {status}).", until=until, status=status, **_WHERE
            )
        case Meaning.UNAVAILABLE:
            return ServiceUnavailable(
                "twitter_unavailable",
                f"X's media host is not available (HTTP {status}).",
                until=retry_after(incoming.headers, now),
                status=status,
                **_WHERE,
            )
        case Meaning.REDIRECT:
            # In practice the way to a login page.
            return _refused(f"X redirected the request for the attachment (HTTP {status}).", status)
    return _refused(f"X did not hand out the attachment (HTTP {status}).", status)


def _refused(detail: str, status: int) -> Permanent:
    return Permanent("media_refused_by_twitter", detail, status=status)
