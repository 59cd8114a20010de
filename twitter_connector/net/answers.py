"""What comes back from an HTTP exchange, what its status means, and how it can fail. Knows neither X nor CIM."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import urllib3

from twitter_connector.errors import MediaTooLarge, Scope, ServiceUnavailable

CHUNK_BYTES = 64 * 1024
WEB_PAGES = ("text/html", "application/xhtml+xml")
# A page begins with its doctype or its first element, behind a byte order mark, an XML declaration and comments. Atomic
# groups: a body of many comments must not cost more than one pass.
_PAGE_BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?>(?><!--.*?-->|<\?xml[^>]*>)\s*+)*+<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_PAGE_BEGINS_WITHIN = 2048


class NotSent(Exception):
    """The request never left: name not found, refused, TLS failed, no connection in time. Safe to repeat."""


class NoAnswer(Exception):
    """The request left, and no whole answer came in time. It may have had its effect."""


class TooMuch(Exception):
    """A streamed answer is larger than its ceiling. Its text says how much that is: "more than 5 MB (…)"."""

    def __init__(self, ceiling: int) -> None:
        super().__init__(ceiling)
        self.ceiling = ceiling

    def __str__(self) -> str:
        return f"more than {self.ceiling / 1_048_576:.4g} MB ({self.ceiling:,} bytes)"


class Meaning(Enum):
    """The classes of HTTP statuses. Each client turns the class into its own error."""

    SUCCESS = "success"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    """401 or 403: the caller may not do this. Nothing is said about the message."""
    GONE = "gone"
    """404 or 410: nothing is at this address, or not any more."""
    TOO_LARGE = "too_large"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    """5xx, and the two statuses that say that the request was not processed. It may work later."""
    REFUSED = "refused"
    """Any other 4xx: the request will be refused again."""


_MEANINGS = {
    401: Meaning.UNAUTHORIZED,
    403: Meaning.UNAUTHORIZED,
    404: Meaning.GONE,
    408: Meaning.UNAVAILABLE,
    410: Meaning.GONE,
    413: Meaning.TOO_LARGE,
    # X's own number for a limit, from before 429 existed.
    420: Meaning.LIMITED,
    425: Meaning.UNAVAILABLE,
    429: Meaning.LIMITED,
}


def meaning_of(status: int) -> Meaning:
    """Return the meaning of an HTTP status. https://www.rfc-editor.org/rfc/rfc9110#section-15"""
    if status >= 500:
        return Meaning.UNAVAILABLE
    if status >= 400:
        return _MEANINGS.get(status, Meaning.REFUSED)
    return Meaning.SUCCESS if 200 <= status < 300 else Meaning.REDIRECT


@dataclass(frozen=True)
class Answer:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body's JSON value, or None if the body is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def is_web_page(self) -> bool:
        """True if the body is an HTML page: a sign-in page or a web application answered instead of the API."""
        # Some servers name a page's type for an answer without a body.
        if media_type(self.headers) in WEB_PAGES:
            return self.body != b""
        return begins_as_web_page(self.body)


@dataclass(frozen=True)
class Incoming:
    """An answer whose body has not been read yet. Header names are in lower case.

    chunks: the body, readable once, at most 64 KB at a time. Reading raises NoAnswer, and TooMuch above the ceiling.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: Iterator[bytes] = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; "" if it is missing or malformed."""
        return media_type(self.headers)

    @property
    def is_web_page(self) -> bool:
        """True if the other side says that it sends an HTML page."""
        return self.content_type in WEB_PAGES

    @property
    def size_bytes(self) -> int | None:
        """The announced size in bytes, or None. Only the count of the bytes that come is a fact."""
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isascii() and announced.isdecimal() and len(announced) < 16 else None


def begins_as_web_page(body: bytes) -> bool:
    """Return True if the body begins as an HTML page does. The beginning of a body will do."""
    return _PAGE_BEGINS.match(body[:_PAGE_BEGINS_WITHIN]) is not None


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of an answer in lower case without parameters; "" if it is missing or malformed."""
    named = headers.get("content-type", "").partition(";")[0].strip().lower()
    return named if re.fullmatch(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", named) else ""


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with their names in lower case."""
    return {k.lower(): v for k, v in headers.items()}


def body_chunks(raw: Any, end: float, ceiling: int) -> Iterator[bytes]:
    """Yield the body of urllib3's answer, at most 64 KB at a time.

    end: in monotonic seconds. Raises NoAnswer, and TooMuch before the chunk that would exceed the ceiling.
    """
    if raw.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        # We did not ask for an encoding, and a small compressed body may hide a huge one.
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


def file_chunks(chunks: Iterator[bytes], *, file: str, server: str, reason: str, endpoint: str) -> Iterator[bytes]:
    """Yield the chunks of a file. Raises MediaTooLarge, and ServiceUnavailable(reason) if the file breaks off.

    file, server: how sentences name them, e.g. "The attachment" and "X's media host". endpoint: whose users wait.
    """
    try:
        yield from chunks
    except TooMuch as error:
        raise MediaTooLarge("media_too_large", f"{file} has {error}, which is the limit.") from error
    except NoAnswer as error:
        raise ServiceUnavailable(reason, f"{server} gave {error}.", scope=Scope.ENDPOINT, endpoint=endpoint) from error
