"""An upload from its first step to its last, in whichever flavour of Twitter's API.

What has been done stands in an `Upload`, which the caller keeps after each step, so that each can be the last one
before a crash. No step sleeps: where Twitter wants time to process a film, `carry_on` says until when.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from twitter_connector.errors import MediaProcessing, Permanent, ServiceUnavailable
from twitter_connector.model.account import Credentials
from twitter_connector.model.plan import Upload

# After that a lane is given back between two segments, so that nobody holds one for minutes on end.
RUN_SECONDS = 100.0
SEGMENT_MIN_BYTES = 1024 * 1024
SEGMENT_MAX_BYTES = 5 * 1024 * 1024
# Segments are numbered from 0 to 999.
SEGMENTS_MAX = 1000


@dataclass(frozen=True)
class Outgoing:
    """A whole file to be sent. category: `dm_image`, `dm_gif` or `dm_video`; another one makes the message fail."""

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
    """Go on with an upload from where it stands and return its media id once it may be sent.

    upload: `Upload()` for a new one. outgoing: needed while its state is "uploading". keep: called after every step
    with what the upload is then; what it kept is what to come back with. Raises MediaProcessing with `until` while
    Twitter works on the file, and also when a slow upload has taken its turn; otherwise what the steps raise.
    """
    resumed = bool(upload.media_id)
    try:
        return _carried(steps, credentials, upload, outgoing, keep, clock)
    except Permanent as error:
        if not resumed or error.reason == "media_processing_failed":
            raise
        # Twitter forgets uploads after a day, and may have taken a step whose answer we never saw. A new upload
        # settles both; if that one is refused from its start, so is the file.
        keep(Upload())
        raise ServiceUnavailable("upload_lost", "Twitter does not go on with the upload, so it begins anew.") from error


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
            upload = replace(steps.init(credentials, outgoing), file=upload.file)
            keep(upload)
        while upload.segments < outgoing.segments:
            upload = steps.append(credentials, upload, outgoing)
            keep(upload)
            if time.monotonic() > end and upload.segments < outgoing.segments:
                raise MediaProcessing("media_uploading", "The upload to Twitter goes on in a moment.", until=clock())
        upload, wait = steps.finalize(credentials, upload)
        keep(upload)
    elif upload.state == "processing":
        upload, wait = steps.status(credentials, upload)
        keep(upload)
    if upload.state == "processing":
        raise MediaProcessing("media_processing", "Twitter is processing the file.", until=clock() + wait)
    return upload.media_id
