"""Media upload v1.1: the four steps of a chunked upload. `chunked_upload.carry_on` takes them one after another.

A file is never shared beyond the one message it is for.
https://docs.x.com/x-api/media/quickstart/media-upload-chunked
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.model.account import Credentials
from twitter_connector.model.plan import Upload
from twitter_connector.net.answers import Answer
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.multipart import FilePart, Multipart

from ..chunked_upload import (
    SECONDS,
    SEGMENT_SECONDS,
    Outgoing,
    UploadHttp,
    after_processing,
    carry_on,
    unavailable,
)

PATH = "/1.1/media/upload.json"


class V1Uploads:
    """The steps of API v1.1. Every one of them may be repeated. Raises what twitter/http.classify returns, and for a
    file that X refuses Permanent "media_refused" or "media_processing_failed", or MediaTooLarge."""

    def __init__(self, http_client: HttpClient, base_url: str, clock: Callable[[], datetime]) -> None:
        self._http = UploadHttp(http_client, clock)
        self._url = base_url + PATH
        self._clock = clock

    def carry_on(
        self,
        credentials: Credentials,
        upload: Upload,
        outgoing: Outgoing | None,
        keep: Callable[[Upload], None],
    ) -> str:
        """Return the media id of a file that may be sent now; see `chunked_upload.carry_on`."""
        return carry_on(self, credentials, upload, outgoing, keep, self._clock)

    def init(self, credentials: Credentials, outgoing: Outgoing) -> Upload:
        """Announce a file. The form is part of the signature."""
        form = {
            "command": "INIT",
            "total_bytes": str(outgoing.size_bytes),
            "media_type": outgoing.mime_type,
            "media_category": outgoing.category,
        }
        body = _body(self._send("POST", credentials, data=form))
        # The number beside it has more digits than some JSON readers keep.
        media_id = str(body.get("media_id_string") or body.get("media_id") or "")
        if not media_id.isascii() or not media_id.isdecimal():
            raise unavailable("twitter_odd_answer", "X's answer to an upload names no media id.")
        return Upload(media_id)

    def append(self, credentials: Credentials, upload: Upload, outgoing: Outgoing) -> Upload:
        """Send the next segment. The multipart body is not part of the signature."""
        start = upload.segments * outgoing.segment_bytes
        size = min(outgoing.segment_bytes, outgoing.size_bytes - start)
        fields = {"command": "APPEND", "media_id": upload.media_id, "segment_index": str(upload.segments)}
        part = FilePart("media", "media", "application/octet-stream", outgoing.file, size, start)
        body = Multipart(fields, part)
        self._send("POST", credentials, seconds=SEGMENT_SECONDS, data=body, headers=body.headers)
        return replace(upload, segments=upload.segments + 1)

    def finalize(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]:
        """Say that all segments are there. The upload is "ready" then, or "processing"."""
        form = {"command": "FINALIZE", "media_id": upload.media_id}
        return after_processing(upload, _body(self._send("POST", credentials, data=form)))

    def status(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]:
        """Ask how far the processing is."""
        query = {"command": "STATUS", "media_id": upload.media_id}
        return after_processing(upload, _body(self._send("GET", credentials, params=query)))

    def _send(self, method: str, credentials: Credentials, *, seconds: float = SECONDS, **kwargs: Any) -> Answer:
        return self._http.send(method, self._url, credentials, seconds=seconds, **kwargs)


def _body(answer: Answer) -> Mapping[str, Any]:
    body = answer.json()
    if not isinstance(body, Mapping):
        raise unavailable("twitter_odd_answer", "X's answer to an upload is not JSON.")
    return body
