"""Stores customers' files in CIM's file engine, and reads agents' files from it.

A file is read only by the name that the file engine gave it, never by an address from outside. Files are streamed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import BinaryIO, Protocol
from urllib.parse import quote

from twitter_connector.errors import Endpoint, Permanent
from twitter_connector.model.message import StoredFile
from twitter_connector.net.answers import Incoming, NoAnswer, NotSent, begins_as_web_page, file_chunks
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.multipart import FilePart, Multipart

from .file_engine_answers import answers_without_a_file, failure, not_the_file, stored_name, unreachable, wrong_address
from .file_names import clean_name, filename, safe_name

# A virus scanner may look at an upload before it is answered.
STORE_SECONDS = 120.0
READ_SECONDS = 60.0
CHECK_SECONDS = 5.0
_NO_FILE = b"--empty--\r\n"
_NO_FILE_TYPE = {"Content-Type": "multipart/form-data; boundary=empty"}
_JSON = ("application/json", "application/problem+json")


class WholeFile(Protocol):
    """An open file and its size in bytes."""

    @property
    def file(self) -> BinaryIO: ...
    @property
    def size_bytes(self) -> int: ...


class Files:
    """base_url: FILE_ENGINE_URL, or None. public_base: PUBLIC_FILE_ENGINE_URL, which agents use."""

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
        """Return the file engine's name in a `mediaUrl`, or None if the file is elsewhere."""
        return filename(media_url)

    def store(self, whole: WholeFile, name: str, mime_type: str, *, tag: str = "") -> StoredFile:
        """Upload a file and return its name, address, type and size.

        name: for people; it is cleaned. tag: makes the name unique, "" for a random one. The same tag and name
        overwrite a file, so a retry with the message's id replaces its first copy. Raises MediaTooLarge, Permanent,
        and ServiceUnavailable if the file engine cannot take the file now.
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
            raise unreachable(error) from error
        stored = stored_name(answer)
        if stored is None:
            raise failure(answer.status, answer.headers, self._clock(), reading=False)
        url = f"{self._public}/api/downloadFileStream?filename={quote(stored, safe='')}"
        return StoredFile(stored, url, mime_type, whole.size_bytes)

    @contextmanager
    def read(self, name: str, *, ceiling: int) -> Iterator[Incoming]:
        """Yield a file while it comes. name: from `filename`. ceiling: the largest size in bytes.

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
                raise unreachable(error) from error
            if incoming.is_web_page:
                # No HTML file of an agent can be meant: a Direct Message carries none.
                raise wrong_address(f"HTTP {incoming.status} and a web page", incoming.status)
            if incoming.status != 200:
                raise failure(incoming.status, incoming.headers, self._clock(), reading=True)
            chunks = file_chunks(
                incoming.chunks,
                file="The file",
                server="The file engine",
                reason="file_engine_no_answer",
                endpoint=Endpoint.FILE_ENGINE,
            )
            first = next(chunks, b"")
            if begins_as_web_page(first):
                raise wrong_address(f"HTTP {incoming.status} and a web page", incoming.status)
            if incoming.content_type in _JSON and first.lstrip()[:1] == b"{":
                raise not_the_file(incoming.status)
            yield replace(incoming, chunks=chain((first,), chunks))

    def check(self) -> str:
        """Return in words that the file engine takes files. Stores none: sends an upload without a file.

        Raises Permanent if no file engine is configured, and an error of one of the families if something else answers
        or refuses every caller.
        """
        url = f"{self.base()}/api/uploadFileStream"
        try:
            answer = self._http_client.exchange(
                "POST", url, seconds=CHECK_SECONDS, data=_NO_FILE, headers=_NO_FILE_TYPE
            )
        except (NotSent, NoAnswer) as error:
            raise unreachable(error) from error
        if not answers_without_a_file(answer):
            if answer.is_web_page and answer.status < 300:
                raise wrong_address(f"HTTP {answer.status} and a web page", answer.status)
            raise failure(answer.status, answer.headers, self._clock(), reading=False)
        return "answers and takes files"

    def base(self) -> str:
        """Return the file engine's address. Raises Permanent "file_engine_missing" if none is set."""
        if self._base is None:
            raise Permanent(
                "file_engine_missing",
                "No file engine is configured, so files cannot be exchanged. Set FILE_ENGINE_URL.",
                ours=True,
            )
        return self._base
