"""An upload from its first step to its last, in whichever flavour of X's API.

The caller stores the `Upload` after each step, so that a crash loses one step at most. No step sleeps: while X
processes a video, `carry_on` raises MediaProcessing with the moment to look again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    MediaProcessing,
    Permanent,
    Retryable,
    ServiceUnavailable,
)
from twitter_connector.model.account import Credentials
from twitter_connector.model.json_fields import number_in
from twitter_connector.model.plan import Upload
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from .http import classify, scope_of
from .media_refusals import processing_failed, upload_refused
from .oauth1 import user_auth

# After that the lane is given back between two segments, so that no worker keeps one for minutes.
RUN_SECONDS = 100.0
# X processes a video of 25 MB within a minute or two. What takes longer than this will never be ready.
PROCESSING_LONGEST = timedelta(minutes=5)
_FINAL = frozenset({"media_processing_failed", "media_processing_too_long"})
SEGMENT_MIN_BYTES = 1024 * 1024
SEGMENT_MAX_BYTES = 5 * 1024 * 1024
# Segments are numbered from 0 to 999.
SEGMENTS_MAX = 1000
SECONDS = 30.0
SEGMENT_SECONDS = 60.0
DEFAULT_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class Outgoing:
    """A whole file to be sent. category: `dm_image`, `dm_gif` or `dm_video`, `tweet_` for posts; another one fails."""

    file: BinaryIO = field(repr=False)
    size_bytes: int
    mime_type: str
    category: str

    @property
    def segment_bytes(self) -> int:
        """The size of all segments but the last."""
        return min(max(SEGMENT_MIN_BYTES, -(-self.size_bytes // SEGMENTS_MAX)), SEGMENT_MAX_BYTES)

    @property
    def segments(self) -> int:
        return -(-self.size_bytes // self.segment_bytes)


class Steps(Protocol):
    """The four steps of an upload, in whichever flavour of the API. Each returns what the upload is then; the two
    that ask for its state also say how long to wait before asking again."""

    def init(self, credentials: Credentials, outgoing: Outgoing) -> Upload: ...
    def append(self, credentials: Credentials, upload: Upload, outgoing: Outgoing) -> Upload: ...
    def finalize(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]: ...
    def status(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]: ...


def carry_on(
    steps: Steps,
    credentials: Credentials,
    upload: Upload,
    outgoing: Outgoing | None,
    keep: Callable[[Upload], None],
    clock: Callable[[], datetime],
) -> str:
    """Continue an upload and return its media id once it may be sent.

    upload: `Upload()` for a new one. outgoing: needed while its state is "uploading". keep: called after every step
    with the upload as it is then; continue with the last one that was kept. Raises MediaProcessing with `until` while X
    works on the file, and when a slow upload has taken its turn; Permanent(media_processing_too_long) after
    PROCESSING_LONGEST; otherwise what the steps raise.
    """
    resumed = bool(upload.media_id)
    try:
        return _carried(steps, credentials, upload, outgoing, keep, clock)
    except Permanent as error:
        if not resumed or error.reason in _FINAL:
            raise
        # X forgets uploads after a day, and may have taken a step whose answer we never saw. A new upload settles
        # both; if X refuses that one from its start, it refuses the file.
        keep(Upload())
        raise Retryable("upload_lost", "X does not continue the upload, so it starts again.") from error


def _carried(
    steps: Steps,
    credentials: Credentials,
    upload: Upload,
    outgoing: Outgoing | None,
    keep: Callable[[Upload], None],
    clock: Callable[[], datetime],
) -> str:
    end = time.monotonic() + RUN_SECONDS
    wait = timedelta()
    if upload.state == "uploading":
        assert outgoing is not None, "an upload that is not finished needs its file"
        if not upload.media_id:
            upload = replace(steps.init(credentials, outgoing), file=upload.file, measured=upload.measured)
            keep(upload)
        while upload.segments < outgoing.segments:
            upload = steps.append(credentials, upload, outgoing)
            keep(upload)
            if time.monotonic() > end and upload.segments < outgoing.segments:
                raise MediaProcessing("media_uploading", "The upload to X continues in a moment.", until=clock())
        upload, wait = steps.finalize(credentials, upload)
        upload = _dated(upload, clock())
        keep(upload)
    elif upload.state == "processing":
        upload, wait = steps.status(credentials, upload)
        upload = _dated(upload, clock())
        keep(upload)
    if upload.state == "processing":
        now, ends = clock(), moment(upload.processing_since_ms) + PROCESSING_LONGEST
        if now >= ends:
            raise Permanent(
                "media_processing_too_long",
                f"X has not finished processing the {upload.file.name if upload.file else 'file'} within "
                f"{PROCESSING_LONGEST // timedelta(minutes=1)} minutes, so it was not sent. Send it again, or as a "
                "smaller file.",
                endpoint=Endpoint.UPLOAD,
            )
        raise MediaProcessing("media_processing", "X is processing the file.", until=min(now + wait, ends))
    return upload.media_id


def _dated(upload: Upload, now: datetime) -> Upload:
    if upload.state != "processing" or upload.processing_since_ms:
        return upload
    return replace(upload, processing_since_ms=epoch_ms(now))


def after_processing(upload: Upload, body: Mapping[str, Any]) -> tuple[Upload, timedelta]:
    """Return what an upload is after this answer, and how long to wait before asking again.

    Raises Permanent(media_processing_failed).
    """
    info = body.get("processing_info")
    state = str(info.get("state") or "") if isinstance(info, Mapping) else "succeeded"
    error = info.get("error") if isinstance(info, Mapping) else None
    if state == "failed" or error:
        # X has been seen to name an error beside "in_progress", and then nothing changes any more.
        raise processing_failed(upload, error)
    if state == "succeeded":
        return replace(upload, state="ready"), timedelta()
    assert isinstance(info, Mapping)
    after = number_in(info, "check_after_secs")
    wait = timedelta(seconds=after) if after is not None and 0 <= after < 1e6 else DEFAULT_WAIT
    return replace(upload, state="processing"), min(wait, LONGEST_WAIT)


@dataclass(frozen=True)
class UploadHttp:
    """Signed requests to an upload endpoint. Raises what `classify` returns, and for a file that X refuses
    Permanent(media_refused) or MediaTooLarge."""

    http_client: HttpClient
    clock: Callable[[], datetime]

    def send(
        self, method: str, url: str, credentials: Credentials, *, seconds: float = SECONDS, **kwargs: Any
    ) -> Answer:
        try:
            answer = self.http_client.exchange(method, url, seconds=seconds, auth=user_auth(credentials), **kwargs)
        except (NotSent, NoAnswer) as error:
            raise unavailable("twitter_unreachable", f"X's media upload failed: {error}.") from error
        failure: ConnectorError | None = upload_refused(
            classify(answer, self.clock(), acts=False, endpoint=Endpoint.UPLOAD)
        )
        if failure is not None:
            raise failure
        return answer


def unavailable(reason: str, detail: str) -> ServiceUnavailable:
    """Return the error for an upload endpoint that does not answer as documented."""
    return ServiceUnavailable(reason, detail, scope=scope_of(Endpoint.UPLOAD), endpoint=Endpoint.UPLOAD)
