"""Media upload of API v2: one request for a still image, and the four steps of a chunked upload for the rest.

https://docs.x.com/x-api/media/introduction
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import Permanent
from twitter_connector.model.account import Credentials
from twitter_connector.model.event import id_text
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

PATH = "/2/media/upload"
STILL_IMAGES = frozenset({"dm_image", "tweet_image"})


class V2Uploads:
    """The steps of API v2. Each of them may be repeated. Raises what twitter/http.classify returns, and for a file
    that X refuses Permanent "media_refused" or "media_processing_failed", or MediaTooLarge."""

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
        """Return the media id of a file once it may be sent; see `chunked_upload.carry_on`."""
        if outgoing is not None and outgoing.category in STILL_IMAGES and not upload.media_id:
            ready = self._one_request(credentials, outgoing)
            if ready is not None:
                keep(ready)
                return ready.media_id
        return carry_on(self, credentials, upload, outgoing, keep, self._clock)

    def init(self, credentials: Credentials, outgoing: Outgoing) -> Upload:
        """Announce a file."""
        body = {
            "media_type": outgoing.mime_type,
            "total_bytes": outgoing.size_bytes,
            "media_category": outgoing.category,
            "shared": False,
        }
        return Upload(_media_id(_data(self._send("POST", "/initialize", credentials, json=body))))

    def append(self, credentials: Credentials, upload: Upload, outgoing: Outgoing) -> Upload:
        """Send the next segment."""
        start = upload.segments * outgoing.segment_bytes
        size = min(outgoing.segment_bytes, outgoing.size_bytes - start)
        part = FilePart("media", "media", "application/octet-stream", outgoing.file, size, start)
        body = Multipart({"segment_index": str(upload.segments)}, part)
        path = f"/{quote(upload.media_id, safe='')}/append"
        self._send("POST", path, credentials, seconds=SEGMENT_SECONDS, data=body, headers=body.headers)
        return replace(upload, segments=upload.segments + 1)

    def finalize(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]:
        """Say that all segments are there. The upload is "ready" then, or "processing"."""
        answer = self._send("POST", f"/{quote(upload.media_id, safe='')}/finalize", credentials)
        return after_processing(upload, _data(answer))

    def status(self, credentials: Credentials, upload: Upload) -> tuple[Upload, timedelta]:
        """Ask how far the processing is."""
        query = {"command": "STATUS", "media_id": upload.media_id}
        return after_processing(upload, _data(self._send("GET", "", credentials, params=query)))

    def _one_request(self, credentials: Credentials, outgoing: Outgoing) -> Upload | None:
        """Return a still image's upload, or None if X does not take it in one request."""
        part = FilePart("media", "media", outgoing.mime_type, outgoing.file, outgoing.size_bytes)
        body = Multipart({"media_category": outgoing.category}, part)
        try:
            answer = self._send("POST", "", credentials, seconds=SEGMENT_SECONDS, data=body, headers=body.headers)
        except Permanent:
            # Some apps cannot use the single request. If X refuses the file itself, the chunked upload says so too.
            return None
        data = _data(answer)
        upload, _ = after_processing(Upload(_media_id(data)), data)
        return replace(upload, segments=outgoing.segments) if upload.state == "ready" else None

    def _send(self, method: str, path: str, credentials: Credentials, *, seconds: float = SECONDS, **kw: Any) -> Answer:
        return self._http.send(method, self._url + path, credentials, seconds=seconds, **kw)


def _data(answer: Answer) -> Mapping[str, Any]:
    body = answer.json()
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping):
        raise unavailable("twitter_odd_answer", "X's answer to an upload has no data.")
    return data


def _media_id(data: Mapping[str, Any]) -> str:
    media_id = id_text(data.get("id"))
    if not media_id:
        raise unavailable("twitter_odd_answer", "X's answer to an upload names no media id.")
    return media_id
