"""Files of messages, in both directions: from X into CIM's file engine, from there to X.

Bytes pass through a temporary file under a ceiling, never through the broker. Which kind a file is, its bytes say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    MediaTooLarge,
    Permanent,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.media.file_kind import VIDEO_MAX_BYTES, MediaKind, claimed_kind, inspect, kind_of
from twitter_connector.media.measure import measured
from twitter_connector.messages.to_cim import media_message, media_note
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.event import Media, Variant
from twitter_connector.model.message import CimMessage, MediaPart, StoredFile
from twitter_connector.model.plan import FileKind, MediaRef, Upload
from twitter_connector.model.work import Lease

from .limits import Endpoints
from .ports import CredentialsPort

# For so long, and in so many tries, X's media host may fail to hand out a file. What the customer wrote after it waits.
FILE_AWAITED = timedelta(minutes=15)
FILE_TRIES = 5

# The one refusal that may be about the account as well as about the file.
_REFUSED = "media_refused_by_twitter"


class Stream(Protocol):
    @property
    def chunks(self) -> Iterable[bytes]: ...


class WholeFile(Protocol):
    @property
    def file(self) -> BinaryIO: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def head(self) -> bytes: ...


class DownloadsPort(Protocol):
    def best_variant(self, media: Media, ceiling: int) -> list[Variant]: ...
    def open(self, url: str, credentials: Credentials, *, ceiling: int) -> AbstractContextManager[Stream]: ...


class FilesPort(Protocol):
    def base(self) -> str: ...
    def filename(self, media_url: str) -> str | None: ...
    def store(self, whole: WholeFile, name: str, mime_type: str, *, tag: str = "") -> StoredFile: ...
    def read(self, name: str, *, ceiling: int) -> AbstractContextManager[Stream]: ...


class FetcherPort(Protocol):
    def open(self, url: str, *, ceiling: int) -> AbstractContextManager[Stream]: ...


class UploadsPort(Protocol):
    def carry_on(
        self, credentials: Credentials, upload: Upload, outgoing: Any, keep: Callable[[Upload], None]
    ) -> str: ...


@dataclass(frozen=True)
class MediaTransfer:
    """Carries files. spool: turns a stream and a ceiling into a whole temporary file. outgoing: makes what uploads
    take."""

    downloads: DownloadsPort
    files: FilesPort
    fetcher: FetcherPort
    uploads: Callable[[Account], UploadsPort]
    spool: Callable[[Iterable[bytes], int], AbstractContextManager[WholeFile]]
    outgoing: Callable[[BinaryIO, int, str, str], Any]
    credentials: CredentialsPort
    endpoints: Endpoints

    def bring_in(self, part: MediaPart, account: Account | None) -> CimMessage:
        """Return the message for a customer's file, stored in the file engine; or a note that tells the agent why the
        file is missing. Raises Retryable or RateLimited if waiting helps, and CredentialsRejected if X refuses the
        account: then the file waits for an operator, as the account's replies do."""
        if account is None:
            gone = Permanent("unknown_account", "The account it was sent to is no longer registered here.")
            return media_note(part, gone)
        try:
            with self.endpoints.using(account.id, Endpoint.DOWNLOAD, Endpoint.FILE_ENGINE):
                return media_message(part, self._stored(part, account))
        except Permanent as error:
            if error.reason == _REFUSED:
                self._raise_if_rejected(account)
            return media_note(part, error)

    def _raise_if_rejected(self, account: Account) -> None:
        """Raise an error if X refused the file because it refuses the account, or if that cannot be known yet."""
        rejection = self.credentials.rejection(account)
        if isinstance(rejection, CredentialsRejected):
            raise rejection
        if rejection is not None:
            # Only this conversation waits: X limits or does not answer the question, not the account's messages.
            raise rejection.waiting(scope=Scope.LANE)

    def _stored(self, part: MediaPart, account: Account) -> StoredFile:
        # Raises before anything is fetched if there is no file engine.
        self.files.base()
        variants = self.downloads.best_variant(part.media, VIDEO_MAX_BYTES)
        failure: ConnectorError = Permanent("media_without_file", "X names no file for it.")
        for variant in variants:
            try:
                return self._fetched(variant.url, part, account)
            except MediaTooLarge as error:
                failure = error  # the next encoding is smaller
        raise failure

    def _fetched(self, url: str, part: MediaPart, account: Account) -> StoredFile:
        with (
            self.downloads.open(url, account.credentials, ceiling=VIDEO_MAX_BYTES) as stream,
            self.spool(stream.chunks, VIDEO_MAX_BYTES) as whole,
        ):
            kind = kind_of(whole.head, whole.size_bytes)
            name = urlsplit(url).path.rsplit("/", 1)[-1].partition(":")[0]
            return self.files.store(whole, name, kind.mime_type, tag=part.id)

    def take_out(
        self,
        ref: MediaRef,
        account: Account,
        upload: Upload,
        keep: Callable[[Upload], None],
        uploads: UploadsPort | None = None,
        *,
        in_public: bool = False,
    ) -> str:
        """Return the media id of a file that X has taken whole. uploads: in place of the account's own. in_public: the
        file is for a post.

        Raises MediaProcessing while X works on it, and Permanent with a sentence for the agent if it cannot be sent.
        """
        uploads = uploads or self.uploads(account)
        if upload.state != "uploading":
            upload = _named(upload, claimed_kind(ref.mime_type, ref.name))
            with self.endpoints.using(account.id, Endpoint.UPLOAD):
                return uploads.carry_on(account.credentials, upload, None, keep)
        source = Endpoint.PUBLIC_FILE if self.files.filename(ref.url) is None else Endpoint.FILE_ENGINE
        with self.endpoints.using(account.id, source, Endpoint.UPLOAD), ExitStack() as stack:
            stream = stack.enter_context(self._opened(ref))
            whole = stack.enter_context(self.spool(stream.chunks, VIDEO_MAX_BYTES))
            kind: MediaKind = inspect(whole.file, whole.size_bytes)
            category = kind.category.replace("dm_", "tweet_") if in_public else kind.category
            outgoing = self.outgoing(whole.file, whole.size_bytes, kind.mime_type, category)
            upload = replace(_named(upload, kind), measured=measured(whole.file, whole.size_bytes, kind.mime_type))
            return uploads.carry_on(account.credentials, upload, outgoing, keep)

    def _opened(self, ref: MediaRef) -> AbstractContextManager[Stream]:
        # A file of the file engine is never fetched by its public address, which may not even resolve in here.
        name = self.files.filename(ref.url)
        if name is not None:
            return self.files.read(name, ceiling=VIDEO_MAX_BYTES)
        return self.fetcher.open(ref.url, ceiling=VIDEO_MAX_BYTES)


def waited_enough(error: ServiceUnavailable, lease: Lease, now: datetime) -> Permanent | None:
    """Return why a customer's file is missing if X's media host has failed for too long; None while it is waited for.

    The file engine is waited for: while it is down, no file can be stored, and the agent would see none of them.
    """
    failing_for = now - lease.accepted_at
    if error.endpoint != Endpoint.DOWNLOAD or lease.tries + 1 < FILE_TRIES or failing_for < FILE_AWAITED:
        return None
    minutes = FILE_AWAITED // timedelta(minutes=1)
    return Permanent("media_unreachable", f"X's media host failed for {minutes} minutes.", endpoint=error.endpoint)


def _named(upload: Upload, kind: MediaKind | None) -> Upload:
    return upload if kind is None else replace(upload, file=FileKind(kind.name, kind.limits))
