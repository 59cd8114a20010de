"""Uploads of API v2: a still image in one request, everything else in segments, and any step can be the last one."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.loopback import Loopback, Reply, Seen
from tests.twitter.signatures import CREDENTIALS, signed
from tests.twitter.uploads import MIB, parts, server
from twitter_connector.errors import ConnectorError, MediaProcessing, Permanent, RateLimited, ServiceUnavailable
from twitter_connector.model.plan import Upload
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.v2.media import V2Uploads

__all__ = ["server"]

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ID = "1880028106020515840"
# As in X's documentation.
ANSWER = {"id": ID, "media_key": f"13_{ID}", "expires_after_secs": 86400}
PENDING = {**ANSWER, "processing_info": {"state": "pending", "check_after_secs": 1}}
SUCCEEDED = {**ANSWER, "processing_info": {"state": "succeeded", "progress_percent": 100}}


@dataclass
class X:
    """Plays the upload endpoints. after: what the one request, finalize and each status answer, in turn."""

    after: list[Reply | dict[str, Any]] = field(default_factory=lambda: [ANSWER])
    steps: list[str] = field(default_factory=list)
    data: bytes = b""

    def answer(self, seen: Seen) -> Reply:
        path = seen.target.partition("?")[0].removeprefix("/2/media/upload")
        body: Reply | dict[str, Any] = ANSWER
        if path.endswith("/append"):
            received = parts(seen)
            self.steps.append(f"append {received['segment_index'].decode()}")
            self.data += received["media"]
            return Reply(200, b"", (("Content-Type", "application/json"),))
        if path == "/initialize":
            self.steps.append("initialize")
        else:
            self.steps.append("finalize" if path else "status" if seen.method == "GET" else "one request")
            body = self.after.pop(0)
        if isinstance(body, Reply):
            return body
        return Reply(200, json.dumps({"data": body}).encode(), (("Content-Type", "application/json"),))


@pytest.fixture
def x(server: Loopback) -> X:
    x = X()
    server.answer = x.answer
    return x


@pytest.fixture
def uploads(server: Loopback) -> V2Uploads:
    return V2Uploads(HttpClient(trust_env=False), server.url, lambda: NOW)


def outgoing(size: int, category: str = "dm_video", mime: str = "video/mp4") -> Outgoing:
    return Outgoing(io.BytesIO(b"0123456789abcdef" * (size // 16 + 1)), size, mime, category)


def picture() -> Outgoing:
    return outgoing(1000, "dm_image", "image/jpeg")


def test_a_still_image_is_one_signed_request(server: Loopback, x: X, uploads: V2Uploads) -> None:
    kept: list[Upload] = []
    assert uploads.carry_on(CREDENTIALS, Upload(), picture(), kept.append) == ID
    assert x.steps == ["one request"]
    assert kept == [Upload(ID, 1, "ready")]
    assert parts(server.seen[0])["media_category"] == b"dm_image"
    assert len(parts(server.seen[0])["media"]) == 1000
    assert signed(server.seen[0], server.url)


@pytest.mark.parametrize("refusal", [Reply(400, b"{}"), Reply(404), Reply(403, b'{"type":"about:blank"}')])
def test_a_still_image_goes_in_segments_if_x_refuses_the_one_request(x: X, uploads: V2Uploads, refusal: Reply) -> None:
    x.after = [refusal, ANSWER]
    assert uploads.carry_on(CREDENTIALS, Upload(), picture(), lambda _: None) == ID
    assert x.steps == ["one request", "initialize", "append 0", "finalize"]


def test_a_limit_on_the_one_request_is_no_reason_for_segments(x: X, uploads: V2Uploads) -> None:
    x.after = [Reply(429)]
    with pytest.raises(RateLimited):
        uploads.carry_on(CREDENTIALS, Upload(), picture(), lambda _: None)
    assert x.steps == ["one request"]


def test_a_video_goes_in_segments_and_arrives_whole(server: Loopback, x: X, uploads: V2Uploads) -> None:
    kept: list[Upload] = []
    film = outgoing(2 * MIB + 5)
    assert uploads.carry_on(CREDENTIALS, Upload(), film, kept.append) == ID
    assert x.steps == ["initialize", "append 0", "append 1", "append 2", "finalize"]
    film.file.seek(0)
    assert x.data == film.file.read(2 * MIB + 5)
    assert kept == [Upload(ID, n, "uploading") for n in range(4)] + [Upload(ID, 3, "ready")]
    assert json.loads(server.seen[0].start) == {
        "media_type": "video/mp4",
        "total_bytes": 2 * MIB + 5,
        "media_category": "dm_video",
        "shared": False,
    }
    assert all(signed(seen, server.url) for seen in server.seen)


def test_processing_is_waited_for_in_the_lane(server: Loopback, x: X, uploads: V2Uploads) -> None:
    x.after = [PENDING, SUCCEEDED]
    kept: list[Upload] = []
    with pytest.raises(MediaProcessing) as wait:
        uploads.carry_on(CREDENTIALS, Upload(), outgoing(10), kept.append)
    assert wait.value.until == NOW + timedelta(seconds=1)
    assert uploads.carry_on(CREDENTIALS, kept[-1], None, kept.append) == ID
    assert server.seen[-1].query == {"command": "STATUS", "media_id": ID}


@pytest.mark.parametrize(
    ("answer", "family", "reason"),
    [
        (Reply(400, b'{"errors":[{"message":"media type unrecognized"}]}'), Permanent, "media_refused"),
        (Reply(200, b"<html>"), ServiceUnavailable, "twitter_odd_answer"),
        (Reply(200, b'{"data":[]}'), ServiceUnavailable, "twitter_odd_answer"),
        (Reply(503), ServiceUnavailable, "twitter_unavailable"),
        (Reply(402, b"{}"), RateLimited, "credits_depleted"),
    ],
    ids=str,
)
def test_each_answer_has_its_meaning(
    x: X, uploads: V2Uploads, answer: Reply, family: type[ConnectorError], reason: str
) -> None:
    x.after = [answer]
    with pytest.raises(family) as failure:
        uploads.carry_on(CREDENTIALS, Upload(), outgoing(10), lambda _: None)
    assert failure.value.reason == reason
    assert failure.value.endpoint == "upload"
