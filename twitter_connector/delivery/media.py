"""Files of messages, in both directions: from Twitter into CIM's file engine, from there to Twitter.

Bytes pass through a temporary file under a ceiling, never through the broker. Which kind a file is, its bytes say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from twitter_connector.errors import (
    ConnectorError,
    MediaTooLarge,
    Permanent,
    RateLimited,
    Retryable,
    ServiceUnavailable,
)
from twitter_connector.media.file_kind import VIDEO_MAX_BYTES, MediaKind, inspect, kind_of
from twitter_connector.messages.to_cim import media_message, media_note
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.event import Media, Variant
from twitter_connector.model.message import CimMessage, MediaPart, StoredFile
from twitter_connector.model.plan import MediaRef, Upload

# The one refusal that may be about the account as well as about the file.
_REFUSED = "media_refused_by_twitter"
# A server of somebody else's that holds a picture is waited for about this many tries, half a minute in all; the file
# engine, which is CIM's own, for as long as a message may wait.
FOREIGN_TRIES = 6


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
    """Carries files. spool: a stream and a ceiling -> a whole temporary file. outgoing: makes what uploads take.
    judge: RefusedFile.judge.
    """

    downloads: DownloadsPort
    files: FilesPort
    fetcher: FetcherPort
    uploads: Callable[[Account], UploadsPort]
    spool: Callable[[Iterable[bytes], int], AbstractContextManager[WholeFile]]
    outgoing: Callable[[BinaryIO, int, str, str], Any]
    judge: Callable[[Account], None]

    def bring_in(self, part: MediaPart, account: Account | None) -> CimMessage:
        """Return the message for a customer's file, stored in the file engine; or the note that tells the agent why
        it could not be had. Raises Retryable where waiting helps, and CredentialsRejected where Twitter refuses the
        account, so that the file waits for an operator as the account's replies do."""
        try:
            if account is None:
                raise Permanent("unknown_account", "The account it was sent to is no longer registered here.")
            return media_message(part, self._stored(part, account))
        except (RateLimited, ServiceUnavailable) as error:
            # Not CCM's silence, nor a limit of the account's: it must not hold up anybody's texts.
            raise _waiting(error) from error
        except Permanent as error:
            if account is not None and error.reason == _REFUSED:
                self.judge(account)
            return media_note(part, error)

    def _stored(self, part: MediaPart, account: Account) -> StoredFile:
        # Without a place to put it, nothing is fetched, and nobody waits for Twitter to hand it out.
        self.files.base()
        variants = self.downloads.best_variant(part.media, VIDEO_MAX_BYTES)
        failure: ConnectorError = Permanent("media_without_file", "Twitter names no file for it.")
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
        self, ref: MediaRef, account: Account, upload: Upload, keep: Callable[[Upload], None], *, tries: int
    ) -> str:
        """Return the media id of a file that Twitter has taken whole. Raises MediaProcessing while it works on it;
        Permanent with a sentence for the agent where it cannot be sent. tries: how many failed before."""
        uploads = self.uploads(account)
        if upload.state != "uploading":
            return uploads.carry_on(account.credentials, upload, None, keep)
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(self._opened(ref))
                whole = stack.enter_context(self.spool(stream.chunks, VIDEO_MAX_BYTES))
            except ServiceUnavailable as error:
                if self.files.filename(ref.url) is None and tries >= FOREIGN_TRIES:
                    raise Permanent(
                        "media_unreachable",
                        "The address of the file did not answer, so it was not sent to the customer. Upload the file "
                        "instead of linking to it, or send it again later.",
                    ) from error
                # Not Twitter's silence: the account's other conversations go on.
                raise _waiting(error) from error
            kind: MediaKind = inspect(whole.file, whole.size_bytes)
            outgoing = self.outgoing(whole.file, whole.size_bytes, kind.mime_type, kind.category)
            return uploads.carry_on(account.credentials, upload, outgoing, keep)

    def _opened(self, ref: MediaRef) -> AbstractContextManager[Stream]:
        # The public host is never asked for what the file engine has: its name may not even resolve in here.
        name = self.files.filename(ref.url)
        if name is not None:
            return self.files.read(name, ceiling=VIDEO_MAX_BYTES)
        return self.fetcher.open(ref.url, ceiling=VIDEO_MAX_BYTES)


def _waiting(error: ConnectorError) -> Retryable:
    """Return the same failure as one that only this lane waits for."""
    return Retryable(error.reason, error.detail, ours=error.ours, until=error.until, status=error.status)
