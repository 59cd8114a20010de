"""V1Uploads to Twitter: what each step sends, what each answer means, and that any step can be the last one."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from tests.loopback import Loopback, Reply, Seen
from tests.twitter.signatures import CREDENTIALS, form, signed
from tests.twitter.uploads import MIB, parts, server
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    MediaProcessing,
    MediaTooLarge,
    Permanent,
    RateLimited,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.media.file_kind import ANIMATED_GIF, JPEG, MP4, MediaKind
from twitter_connector.model.plan import FileKind, Upload
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter import chunked_upload as course
from twitter_connector.twitter.chunked_upload import PROCESSING_LONGEST, Outgoing
from twitter_connector.twitter.media_refusals import upload_refused
from twitter_connector.twitter.v1.media import PATH, V1Uploads

__all__ = ["server"]

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
ID = "710511363345354753"
# As captured: docs.x.com, and the samples of public clients.
ANSWER = {"media_id": int(ID), "media_id_string": ID, "expires_after_secs": 86400}
PENDING = {**ANSWER, "size": 10240, "processing_info": {"state": "pending", "check_after_secs": 5}}
IN_PROGRESS = {
    **ANSWER,
    "processing_info": {"state": "in_progress", "check_after_secs": 10, "progress_percent": 8},
}
SUCCEEDED = {
    **ANSWER,
    "video": {"video_type": "video/mp4"},
    "processing_info": {"state": "succeeded", "progress_percent": 100},
}
FAILED = {
    **ANSWER,
    "processing_info": {
        "state": "failed",
        "progress_percent": 12,
        "error": {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"},
    },
}


@dataclass
class Twitter:
    """Plays the upload endpoint. after: what FINALIZE and each STATUS answer, in turn."""

    after: list[dict[str, Any]] = field(default_factory=lambda: [ANSWER])
    steps: list[str] = field(default_factory=list)
    data: bytes = b""
    fail_at: str = ""
    failure: Reply = field(default_factory=lambda: Reply(503))

    def answer(self, seen: Seen) -> Reply:
        multipart = seen.headers.get("Content-Type", "").startswith("multipart/")
        outcome = (
            {k: v.decode("latin-1") for k, v in parts(seen).items()} if multipart else {**seen.query, **form(seen)}
        )
        step = outcome["command"] + (" " + outcome["segment_index"] if multipart else "")
        self.steps.append(step)
        if step == self.fail_at:
            return self.failure
        if multipart:
            self.data += parts(seen)["media"]
            return Reply(204, length=0)
        body = ANSWER if step == "INIT" else self.after.pop(0)
        return Reply(202, json.dumps(body).encode(), (("Content-Type", "application/json"),))


@pytest.fixture
def twitter(server: Loopback) -> Twitter:
    twitter = Twitter()
    server.answer = twitter.answer
    return twitter


@pytest.fixture
def uploads(server: Loopback) -> V1Uploads:
    return V1Uploads(HttpClient(trust_env=False), server.url, lambda: NOW)


def pattern(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def video(size: int) -> Outgoing:
    return Outgoing(io.BytesIO(pattern(size)), size, "video/mp4", "dm_video")


def test_a_file_goes_out_in_segments_and_arrives_whole(server: Loopback, twitter: Twitter, uploads: V1Uploads) -> None:
    size = 2 * MIB + 5
    kept: list[Upload] = []
    assert uploads.carry_on(CREDENTIALS, Upload(), video(size), kept.append) == ID
    assert twitter.steps == ["INIT", "APPEND 0", "APPEND 1", "APPEND 2", "FINALIZE"]
    assert hashlib.sha256(twitter.data).digest() == hashlib.sha256(pattern(size)).digest()
    assert kept == [Upload(ID, n, "uploading") for n in range(4)] + [Upload(ID, 3, "ready")]
    assert form(server.seen[0]) == {
        "command": "INIT",
        "total_bytes": str(size),
        "media_type": "video/mp4",
        "media_category": "dm_video",
    }
    assert form(server.seen[-1]) == {"command": "FINALIZE", "media_id": ID}


def test_every_step_is_signed_by_the_rules_of_its_body(server: Loopback, twitter: Twitter, uploads: V1Uploads) -> None:
    twitter.after = [PENDING, SUCCEEDED]
    upload = Upload()

    def keep(now: Upload) -> None:
        nonlocal upload
        upload = now

    with pytest.raises(MediaProcessing):
        uploads.carry_on(CREDENTIALS, upload, video(10), keep)
    assert uploads.carry_on(CREDENTIALS, upload, None, keep) == ID
    assert twitter.steps == ["INIT", "APPEND 0", "FINALIZE", "STATUS"]
    assert [seen.method for seen in server.seen] == ["POST", "POST", "POST", "GET"]
    assert all(signed(seen, server.url) for seen in server.seen)
    append = server.seen[1]
    assert parts(append) == {
        "command": b"APPEND",
        "media_id": ID.encode(),
        "segment_index": b"0",
        "media": pattern(10),
    }
    assert server.seen[3].query == {"command": "STATUS", "media_id": ID}


def test_nothing_is_ever_shared(server: Loopback, twitter: Twitter, uploads: V1Uploads) -> None:
    uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert all(b"shared" not in seen.start and "shared" not in seen.target for seen in server.seen)


@pytest.mark.parametrize(
    ("size", "segment", "count"),
    [
        (1, MIB, 1),
        (MIB, MIB, 1),
        (MIB + 1, MIB, 2),
        (25 * MIB, MIB, 25),
        (1000 * MIB, MIB, 1000),
        (1000 * MIB + 1, MIB + 1, 1000),
        (5000 * MIB, 5 * MIB, 1000),
    ],
)
def test_segments_are_a_mebibyte_or_as_much_as_it_takes_to_stay_within_a_thousand(
    size: int, segment: int, count: int
) -> None:
    outgoing = Outgoing(io.BytesIO(), size, "video/mp4", "dm_video")
    assert (outgoing.segment_bytes, outgoing.segments) == (segment, count)


@pytest.mark.parametrize("broken", ["INIT", "APPEND 0", "APPEND 1", "APPEND 2", "FINALIZE"])
def test_an_upload_that_is_interrupted_anywhere_goes_on_where_it_stood(
    twitter: Twitter, uploads: V1Uploads, broken: str
) -> None:
    size = 2 * MIB + 5
    upload = Upload()

    def keep(now: Upload) -> None:
        nonlocal upload
        upload = now

    twitter.fail_at = broken
    with pytest.raises(ServiceUnavailable):
        uploads.carry_on(CREDENTIALS, upload, video(size), keep)
    twitter.fail_at = ""
    assert uploads.carry_on(CREDENTIALS, upload, video(size), keep) == ID
    assert twitter.data == pattern(size)
    assert len(twitter.steps) == 6
    assert twitter.steps.count(broken) == 2


def test_a_file_that_is_processed_is_waited_for_in_the_lane(twitter: Twitter, uploads: V1Uploads) -> None:
    twitter.after = [PENDING, IN_PROGRESS, SUCCEEDED]
    kept: list[Upload] = []
    with pytest.raises(MediaProcessing) as wait:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), kept.append)
    assert wait.value.until == NOW + timedelta(seconds=5)
    assert kept[-1] == Upload(ID, 1, "processing")
    with pytest.raises(MediaProcessing) as wait:
        uploads.carry_on(CREDENTIALS, kept[-1], None, kept.append)
    assert wait.value.until == NOW + timedelta(seconds=10)
    assert uploads.carry_on(CREDENTIALS, kept[-1], None, kept.append) == ID
    assert kept[-1] == Upload(ID, 1, "ready")
    asked = len(twitter.steps)
    assert uploads.carry_on(CREDENTIALS, kept[-1], None, kept.append) == ID
    assert len(twitter.steps) == asked, "what is ready is asked for nothing more"


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [(None, 5), ("soon", 5), (True, 5), ("2", 2), (-1, 5), (0, 0), (300, 300), (301, 300), (1e300, 5)],
)
def test_an_odd_waiting_time_is_replaced_by_a_sane_one(
    twitter: Twitter, uploads: V1Uploads, outcome: object, seconds: int
) -> None:
    twitter.after = [{**ANSWER, "processing_info": {"state": "pending", "check_after_secs": outcome}}]
    with pytest.raises(MediaProcessing) as wait:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert wait.value.until == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("at_finalize", [True, False])
def test_a_file_twitter_cannot_use_fails_with_twitters_name_for_it(
    twitter: Twitter, uploads: V1Uploads, at_finalize: bool
) -> None:
    twitter.after = [FAILED]
    start, outgoing = (Upload(), video(10)) if at_finalize else (Upload(ID, 1, "processing"), None)
    kept: list[Upload] = []
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, start, outgoing, kept.append)
    assert failure.value.reason == "media_processing_failed"
    assert "InvalidMedia" in failure.value.detail
    assert (failure.value.code, failure.value.words) == (1, "Unsupported video format")
    assert Upload(ID, 1, "ready") not in kept


@pytest.mark.parametrize("at_finalize", [True, False])
def test_a_file_twitter_cannot_use_fails_with_what_it_measures(
    twitter: Twitter, uploads: V1Uploads, at_finalize: bool
) -> None:
    twitter.after = [FAILED]
    kind = FileKind("MP4 video", "X takes videos of up to 140 seconds.")
    start = Upload() if at_finalize else Upload(ID, 1, "processing")
    start = replace(start, file=kind, measured="1280 x 720 pixels and 150 seconds")
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, start, video(10) if at_finalize else None, lambda _: None)
    assert failure.value.detail == (
        "X cannot use the MP4 video of 1280 x 720 pixels and 150 seconds (InvalidMedia: “Unsupported video format”). "
        "X takes videos of up to 140 seconds."
    )


@pytest.mark.parametrize("state", ["pending", "in_progress", "succeeded", "a state of next year"])
@pytest.mark.parametrize("at_finalize", [True, False])
def test_an_error_is_a_failure_whatever_the_state(
    twitter: Twitter, uploads: V1Uploads, state: str, at_finalize: bool
) -> None:
    error = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
    twitter.after = [{**ANSWER, "processing_info": {"state": state, "check_after_secs": 1, "error": error}}]
    start, outgoing = (Upload(), video(10)) if at_finalize else (Upload(ID, 1, "processing"), None)
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, start, outgoing, lambda _: None)
    assert failure.value.reason == "media_processing_failed"


def test_processing_that_never_ends_is_given_up_after_minutes(twitter: Twitter, server: Loopback) -> None:
    now = NOW
    uploads = V1Uploads(HttpClient(trust_env=False), server.url, lambda: now)
    twitter.after = [{**ANSWER, "processing_info": {"state": "in_progress", "check_after_secs": 100}}] * 9
    kept = [Upload()]
    outgoing: Outgoing | None = video(10)
    for seconds in (100, 200, 300):
        with pytest.raises(MediaProcessing) as wait:
            uploads.carry_on(CREDENTIALS, kept[-1], outgoing, kept.append)
        assert wait.value.until == NOW + timedelta(seconds=seconds)
        now, outgoing = wait.value.until, None
    assert now - NOW == PROCESSING_LONGEST
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, kept[-1], None, kept.append)
    assert failure.value.reason == "media_processing_too_long"
    assert "5 minutes" in failure.value.detail


@pytest.mark.parametrize("error", [None, {}, "x", {"name": "a\r\nb"}, {"name": 7, "code": "x"}])
def test_a_failure_without_a_usable_name_says_so(twitter: Twitter, uploads: V1Uploads, error: object) -> None:
    twitter.after = [{**ANSWER, "processing_info": {"state": "failed", "error": error}}]
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert failure.value.reason == "media_processing_failed"
    assert "\r" not in failure.value.detail


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("kind", "category", "words"),
    [
        (ANIMATED_GIF, "dm_gif", "Gif too many frames (412); the maximum is 350"),
        (JPEG, "dm_image", "Image dimensions 12000x9000 exceed the maximum"),
        (MP4, "dm_video", "Video longer than 140 seconds (188.4)"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_refusal_names_the_kind_of_this_file_and_quotes_x(
    twitter: Twitter, uploads: V1Uploads, kind: MediaKind, category: str, words: str, resumed: bool
) -> None:
    error = {"code": 1, "name": "InvalidMedia", "message": words}
    twitter.after = [{**ANSWER, "processing_info": {"state": "failed", "error": error}}]
    upload = Upload(ID, 1, "processing") if resumed else Upload()
    upload = replace(upload, file=FileKind(kind.name, kind.limits))
    outgoing = None if resumed else replace(video(10), category=category, mime_type=kind.mime_type)
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, upload, outgoing, lambda _: None)
    assert failure.value.detail == f"X cannot use the {kind.name} (InvalidMedia: “{words}”). {kind.limits}"
    assert ("H.264" in failure.value.detail) == (category == "dm_video")


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("a\r\nb\u202e\x00c", "a b c"),
        ("x" * 500, "x" * 199 + "…"),
        (["x"], "it does not say why"),
        ({}, "it does not say why"),
        (None, "it does not say why"),
        ("", "it does not say why"),
    ],
)
def test_x_s_words_are_quoted_on_one_line_and_in_bounds(
    twitter: Twitter, uploads: V1Uploads, words: object, quoted: str
) -> None:
    twitter.after = [{**ANSWER, "processing_info": {"state": "failed", "error": {"message": words}}}]
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert f"({quoted})" in failure.value.detail.replace("“", "").replace("”", "")


def test_a_refused_upload_quotes_x_too() -> None:
    failure = upload_refused(Permanent("media_refused", "x", status=400, words="media type unrecognized."))
    assert failure is not None
    assert failure.detail == (
        "X did not accept the file (HTTP 400: “media type unrecognized”). Convert it, or send another one."
    )


def test_a_refused_upload_names_the_scope_that_it_needs() -> None:
    """X answers 403 to a token without `media.write`, and gives no code."""
    failure = upload_refused(Permanent("request_refused", "x", status=403, words="Forbidden"))
    assert failure is not None
    assert "media.write" in failure.detail


REFUSALS: list[tuple[Reply, type[ConnectorError], str]] = [
    (
        Reply(400, b'{"request":"/1.1/media/upload.json","error":"media type unrecognized."}'),
        Permanent,
        "media_refused",
    ),
    (Reply(400, b'{"errors":[{"code":324,"message":"validation failed"}]}'), Permanent, "media_refused"),
    (Reply(400, b'{"errors":[{"code":325,"message":"not found"}]}'), Permanent, "media_refused"),
    (Reply(413), MediaTooLarge, "media_too_large"),
    (Reply(401, b'{"errors":[{"code":89,"message":"Invalid token"}]}'), CredentialsRejected, "token_revoked"),
    (Reply(403, b'{"errors":[{"code":453,"message":"subset"}]}'), CredentialsRejected, "plan_too_small"),
    (Reply(429, b"", (("x-rate-limit-reset", str(int(NOW.timestamp()) + 60)),)), RateLimited, "rate_limited"),
    (Reply(503), ServiceUnavailable, "twitter_unavailable"),
]


@pytest.mark.parametrize(("reply", "family", "reason"), REFUSALS)
@pytest.mark.parametrize("step", ["INIT", "APPEND 0", "FINALIZE"])
def test_each_refusal_belongs_to_one_family(
    twitter: Twitter, uploads: V1Uploads, step: str, reply: Reply, family: type[ConnectorError], reason: str
) -> None:
    twitter.fail_at, twitter.failure = step, reply
    with pytest.raises(ConnectorError) as failure:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert (type(failure.value), failure.value.reason) == (family, reason)


def test_twitters_own_words_are_kept_for_the_agent(twitter: Twitter, uploads: V1Uploads) -> None:
    twitter.fail_at, twitter.failure = "INIT", REFUSALS[0][0]
    with pytest.raises(Permanent) as failure:
        uploads.carry_on(CREDENTIALS, Upload(), video(10), lambda _: None)
    assert failure.value.words == "media type unrecognized."
    assert failure.value.status == 400


@pytest.mark.parametrize("upload", [Upload(ID, 1), Upload(ID, 3), Upload(ID, 3, "processing")])
def test_an_upload_that_twitter_has_forgotten_begins_anew_once(
    twitter: Twitter, uploads: V1Uploads, upload: Upload
) -> None:
    size = 2 * MIB + 5
    twitter.failure = REFUSALS[0][0]
    twitter.fail_at = "APPEND 1" if upload.segments == 1 else "FINALIZE" if upload.state == "uploading" else "STATUS"
    kept: list[Upload] = []
    with pytest.raises(Retryable) as lost:
        uploads.carry_on(CREDENTIALS, upload, video(size), kept.append)
    assert (lost.value.reason, lost.value.scope) == ("upload_lost", Scope.LANE)
    assert kept[-1] == Upload()
    # Whatever is refused in an upload begun anew is refused for good.
    twitter.fail_at = "FINALIZE"
    with pytest.raises(Permanent):
        uploads.carry_on(CREDENTIALS, Upload(), video(size), kept.append)


def test_a_slow_upload_gives_the_lane_back_after_each_turn_and_still_gets_on(
    twitter: Twitter, uploads: V1Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "RUN_SECONDS", 0.0)
    size = 3 * MIB
    kept = [Upload()]
    for _ in range(2):
        with pytest.raises(MediaProcessing) as turn:
            uploads.carry_on(CREDENTIALS, kept[-1], video(size), kept.append)
        assert turn.value.until == NOW
    assert kept[-1] == Upload(ID, 2)
    assert uploads.carry_on(CREDENTIALS, kept[-1], video(size), kept.append) == ID
    assert twitter.data == pattern(size)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"media_id_string":"../1"}', b'{"media_id":null}'])
@responses.activate
def test_an_answer_without_a_media_id_is_no_upload(body: bytes) -> None:
    responses.post("https://upload.twitter.com" + PATH, body=body, status=200)
    uploads = V1Uploads(HttpClient(), "https://upload.twitter.com", lambda: NOW)
    with pytest.raises(ServiceUnavailable) as failure:
        uploads.init(CREDENTIALS, video(10))
    assert failure.value.reason == "twitter_odd_answer"


@responses.activate
def test_a_host_that_is_not_there_is_waited_for() -> None:
    uploads = V1Uploads(HttpClient(), "https://upload.twitter.com", lambda: NOW)
    with pytest.raises(ServiceUnavailable):
        uploads.init(CREDENTIALS, video(10))


@responses.activate
def test_the_steps_can_be_taken_one_by_one() -> None:
    url = "https://upload.twitter.com" + PATH
    for answer in (ANSWER, None, PENDING):
        responses.post(url, json=answer, status=204 if answer is None else 200)
    responses.get(url, json=IN_PROGRESS)
    uploads = V1Uploads(HttpClient(), "https://upload.twitter.com", lambda: NOW)
    upload = uploads.init(CREDENTIALS, video(10))
    assert upload == Upload(ID)
    upload = uploads.append(CREDENTIALS, upload, video(10))
    assert upload == Upload(ID, 1)
    upload, wait = uploads.finalize(CREDENTIALS, upload)
    assert (upload, wait) == (Upload(ID, 1, "processing"), timedelta(seconds=5))
    assert uploads.status(CREDENTIALS, upload) == (replace(upload, state="processing"), timedelta(seconds=10))
