"""CIM's file engine: keeps what customers attach, and hands out what agents attach.

Files are named by what the file engine answers, and read by that name only, never by an address that came from
outside. Holds no file in memory.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    MediaTooLarge,
    Permanent,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.message import StoredFile
from twitter_connector.net.answers import Answer, Incoming, NoAnswer, NotSent, begins_as_web_page, file_chunks
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.multipart import FilePart, Multipart
from twitter_connector.net.retry_after import retry_after
from twitter_connector.net.status import Meaning, meaning_of

from .file_names import clean_name, filename, safe_name

# A virus scanner may look at an upload before it is answered.
STORE_SECONDS = 120.0
READ_SECONDS = 60.0
_JSON = ("application/json", "application/problem+json")
# Only messages with files wait for the file engine.
_WHERE: dict[str, Any] = {"scope": Scope.ENDPOINT, "endpoint": Endpoint.FILE_ENGINE}


class WholeFile(Protocol):
    """An open file and its size in bytes."""

    @property
    def file(self) -> BinaryIO: ...
    @property
    def size_bytes(self) -> int: ...


class Files:
    """base_url: FILE_ENGINE_URL, None where there is none. public_base: PUBLIC_FILE_ENGINE_URL, for agents."""

    def __init__(
        self,
        http_client: HttpClient,
        base_url: str | None,
        public_base: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._http_client = http_client
        self._base = base_url
        self._public = public_base or base_url
        self._clock = clock

    @staticmethod
    def filename(media_url: str) -> str | None:
        """Return the name in a `mediaUrl`, None where the file is elsewhere; see `names.filename`."""
        return filename(media_url)

    def store(self, whole: WholeFile, name: str, mime_type: str, *, tag: str = "") -> StoredFile:
        """Upload a file and return what the file engine made of it.

        name: for people; it is cleaned. tag: makes the name unique; the same tag and name overwrite, so one made from
        the message's id lets a repeated try replace its first copy. Empty: a random one. Raises MediaTooLarge,
        Permanent, or ServiceUnavailable where the file engine cannot take it now.
        """
        base = self.base()
        unique = re.sub(r"[^A-Za-z0-9]", "", tag)[:40] or secrets.token_hex(8)
        part = FilePart("file", clean_name(name, mime_type), mime_type, whole.file, whole.size_bytes)
        body = Multipart({"conversationId": unique}, part)
        try:
            answer = self._http_client.exchange(
                "POST", f"{base}/api/uploadFileStream", seconds=STORE_SECONDS, data=body, headers=body.headers
            )
        except (NotSent, NoAnswer) as error:
            raise _unreachable(error) from error
        stored = _stored_name(answer)
        if stored is None:
            raise _failure(answer.status, answer.headers, self._clock(), reading=False)
        url = f"{self._public}/api/downloadFileStream?filename={quote(stored, safe='')}"
        return StoredFile(stored, url, mime_type, whole.size_bytes)

    @contextmanager
    def read(self, name: str, *, ceiling: int) -> Iterator[Incoming]:
        """Yield a file while it comes. name: from `filename`. ceiling: in bytes.

        Raises, here or while the chunks are read: MediaTooLarge; Permanent "file_gone"; ServiceUnavailable.
        """
        base = self.base()
        url = f"{base}/api/downloadFileStream?filename={quote(safe_name(name), safe='')}"
        with ExitStack() as stack:
            try:
                incoming = stack.enter_context(
                    self._http_client.stream("GET", url, seconds=READ_SECONDS, ceiling=ceiling)
                )
            except (NotSent, NoAnswer) as error:
                raise _unreachable(error) from error
            if incoming.is_web_page:
                # No HTML file of an agent can be meant: a Direct Message carries none.
                raise _wrong_address(f"HTTP {incoming.status} and a web page", incoming.status)
            if incoming.status != 200:
                raise _failure(incoming.status, incoming.headers, self._clock(), reading=True)
            chunks = file_chunks(
                incoming.chunks,
                file="The file",
                server="The file engine",
                reason="file_engine_no_answer",
                endpoint=Endpoint.FILE_ENGINE,
            )
            first = next(chunks, b"")
            if begins_as_web_page(first):
                raise _wrong_address(f"HTTP {incoming.status} and a web page", incoming.status)
            if incoming.content_type in _JSON and first.lstrip()[:1] == b"{":
                raise _not_the_file(incoming.status)
            yield replace(incoming, chunks=chain((first,), chunks))

    def base(self) -> str:
        """Return the file engine's address. Raises Permanent "file_engine_missing" where there is none."""
        if self._base is None:
            raise Permanent(
                "file_engine_missing",
                "No file engine is configured, so files cannot be exchanged. Set FILE_ENGINE_URL.",
                ours=True,
            )
        return self._base


def _stored_name(answer: Answer) -> str | None:
    """Return the name of what was stored, or None where it was not."""
    if not 200 <= answer.status < 300:
        return None
    if answer.is_web_page:
        raise _wrong_address(f"HTTP {answer.status} and a web page", answer.status)
    body = answer.json()
    name = body.get("name") if isinstance(body, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ServiceUnavailable(
            "file_engine_odd_answer",
            "The file engine's answer to an upload names no file. Check FILE_ENGINE_URL.",
            ours=True,
            status=answer.status,
            **_WHERE,
        )
    return name


def _failure(status: int, headers: Mapping[str, str], now: datetime, *, reading: bool) -> ConnectorError:
    meaning = meaning_of(status)
    if reading and meaning is Meaning.GONE:
        return Permanent(
            "file_gone", f"The file engine does not have the file any more (HTTP {status}).", status=status
        )
    if meaning is Meaning.TOO_LARGE:
        return MediaTooLarge(
            "file_engine_too_large",
            "The file is larger than the file engine accepts (HTTP 413): its MAXFILESIZE, or a gateway before it.",
            ours=True,
            status=status,
        )
    if meaning is Meaning.UNAUTHORIZED:
        # Nothing is wrong with the file: it waits until the gateway lets us in.
        return Retryable(
            "file_engine_refuses_access",
            f"The gateway before the file engine wants authentication (HTTP {status}). Use the file engine's address "
            "inside the cluster as FILE_ENGINE_URL.",
            ours=True,
            status=status,
            **_WHERE,
        )
    if meaning is Meaning.REDIRECT or status == 404:
        return _wrong_address(f"HTTP {status}", status)
    if meaning in (Meaning.UNAVAILABLE, Meaning.LIMITED, Meaning.SUCCESS):
        return ServiceUnavailable(
            "file_engine_unavailable",
            f"The file engine is not available (HTTP {status}).",
            until=retry_after(headers, now),
            status=status,
            **_WHERE,
        )
    return Permanent("file_engine_refused", f"The file engine refused the file (HTTP {status}).", status=status)


def _wrong_address(answer: str, status: int) -> ServiceUnavailable:
    return ServiceUnavailable(
        "file_engine_url_wrong",
        f"FILE_ENGINE_URL leads to a server that is not the file engine ({answer}). Correct FILE_ENGINE_URL; "
        "files wait.",
        ours=True,
        status=status,
        **_WHERE,
    )


def _not_the_file(status: int) -> Permanent:
    return Permanent(
        "file_engine_odd_answer",
        f"The file engine answered with JSON instead of the file (HTTP {status}), so the file was not sent. Check "
        "FILE_ENGINE_URL and that the file can be downloaded, then send it again.",
        ours=True,
        status=status,
    )


def _unreachable(error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable("file_engine_unreachable", f"The file engine cannot be reached: {error}.", **_WHERE)
