"""Media of API v1.1: the chunked upload and its rules, and the media hosts."""

import base64
import math
from typing import Any

import pytest
import requests
from fake_connector import FakeConnector
from sample_files import GIF, GIF_AS_FILM, MP4, png
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, Sandbox, until

pytestmark = pytest.mark.integration

UPLOAD = "/1.1/media/upload.json"
MEBIBYTE = 1024 * 1024


def init(sandbox: Sandbox, size: int, mime: str, category: str, **more: str) -> requests.Response:
    form = {"command": "INIT", "total_bytes": size, "media_type": mime, "media_category": category, **more}
    return sandbox.twitter("POST", UPLOAD, data=form)


def append(sandbox: Sandbox, media_id: str, index: Any, content: bytes) -> requests.Response:
    form = {"command": "APPEND", "media_id": media_id, "segment_index": index}
    return sandbox.twitter("POST", UPLOAD, data=form, files={"media": content})


def finalize(sandbox: Sandbox, media_id: str) -> requests.Response:
    return sandbox.twitter("POST", UPLOAD, data={"command": "FINALIZE", "media_id": media_id})


def state(sandbox: Sandbox, media_id: str) -> dict[str, Any]:
    answer = sandbox.twitter("GET", UPLOAD, params={"command": "STATUS", "media_id": media_id})
    assert answer.status_code == 200
    info: dict[str, Any] = answer.json()["processing_info"]
    return info


def uploaded(sandbox: Sandbox, content: bytes, mime: str, category: str, step: int = 5 * MEBIBYTE, **more: str) -> str:
    media_id: str = init(sandbox, len(content), mime, category, **more).json()["media_id_string"]
    for index in range(math.ceil(len(content) / step)):
        answer = append(sandbox, media_id, index, content[index * step : (index + 1) * step])
        assert (answer.status_code, answer.content) == (204, b"")
    assert finalize(sandbox, media_id).status_code in {200, 201}
    return media_id


def send(sandbox: Sandbox, media_id: str, **more: Any) -> requests.Response:
    return sandbox.send_dm({"text": "see", "attachment": {"type": "media", "media": {"id": media_id}}}, **more)


def code(answer: requests.Response) -> int:
    number: int = answer.json()["errors"][0]["code"]
    return number


def test_a_picture_is_ready_at_once_and_shows_in_the_message(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    content = png(64, 48)
    begun = init(sandbox, len(content), "image/png", "dm_image")
    assert begun.status_code == 202
    assert begun.json()["expires_after_secs"] in {86399, 86400}
    media_id = begun.json()["media_id_string"]
    assert str(begun.json()["media_id"]) == media_id
    append(sandbox, media_id, 1, content[100:])
    append(sandbox, media_id, 0, b"wrong")
    append(sandbox, media_id, 0, content[:100])
    done = finalize(sandbox, media_id).json()
    assert "processing_info" not in done
    assert (done["image"], done["size"]) == ({"image_type": "image/png", "w": 64, "h": 48}, len(content))
    event = send(sandbox, media_id).json()["event"]
    data = event["message_create"]["message_data"]
    media = data["attachment"]["media"]
    assert (media["type"], media["id_str"], media["id"]) == ("photo", media_id, int(media_id))
    assert data["text"] == f"see {media['url']}"
    assert data["entities"]["urls"][-1]["indices"] == media["indices"] == [4, 4 + len(media["url"])]
    assert media["expanded_url"] == f"https://twitter.com/messages/media/{event['id']}"
    got = sandbox.http.get(media["media_url_https"], auth=sandbox.auth(), timeout=10)
    assert (got.content, got.headers["content-type"]) == (content, "image/png")


@pytest.mark.parametrize(
    ("content", "mime", "category", "kind", "becomes"),
    [
        (GIF, "image/gif", "dm_gif", "animated_gif", GIF_AS_FILM),
        (MP4, "video/mp4", "dm_video", "video", MP4),
    ],
)
def test_moving_pictures_are_processed_first(
    sandbox: Sandbox, content: bytes, mime: str, category: str, kind: str, becomes: bytes
) -> None:
    sandbox.post("settings", processing_seconds=0.5)
    media_id = uploaded(sandbox, content, mime, category)
    first = state(sandbox, media_id)
    assert first["state"] in {"pending", "in_progress"}
    assert first["check_after_secs"] == 1
    assert code(send(sandbox, media_id)) == 324
    until(lambda: state(sandbox, media_id)["state"] == "succeeded")
    media = send(sandbox, media_id).json()["event"]["message_create"]["message_data"]["attachment"]["media"]
    assert media["type"] == kind
    films = [one for one in media["video_info"]["variants"] if one["content_type"] == "video/mp4"]
    for film in films:
        got = sandbox.http.get(film["url"], timeout=10)
        assert (got.content, got.headers["content-type"]) == (becomes, "video/mp4")
        assert got.headers["content-length"] == str(len(becomes))
    url = f"{sandbox.url}/_sandbox/media/{media_id}"
    assert sandbox.http.get(url, timeout=10).content == becomes
    assert sandbox.http.get(url, params={"uploaded": "true"}, timeout=10).content == content
    assert ("bitrate" in films[0], films[0]["bitrate"] == 0) == (True, kind == "animated_gif")
    assert sandbox.http.get(media["media_url_https"], timeout=10).headers["content-type"] == "image/jpeg"


def test_processing_fails_for_what_is_no_video_and_when_told_to(sandbox: Sandbox) -> None:
    sandbox.post("settings", processing_seconds=0.1)
    media_id = uploaded(sandbox, b"no video" * 100, "video/mp4", "dm_video")
    until(lambda: state(sandbox, media_id)["state"] == "failed")
    assert state(sandbox, media_id)["error"] == {
        "code": 1,
        "name": "InvalidMedia",
        "message": "Unsupported video format",
    }
    assert code(send(sandbox, media_id)) == 324
    sandbox.post("settings", processing_failures=1, processing_failure_message="file corrupted")
    media_id = uploaded(sandbox, MP4, "video/mp4", "dm_video")
    until(lambda: state(sandbox, media_id)["state"] == "failed")
    assert state(sandbox, media_id)["error"]["message"] == "file corrupted"
    media_id = uploaded(sandbox, MP4, "video/mp4", "dm_video")
    until(lambda: state(sandbox, media_id)["state"] == "succeeded")


def test_a_large_video_in_segments_out_of_order(sandbox: Sandbox) -> None:
    sandbox.post("settings", processing_seconds=0.0)
    content = MP4 * 700
    assert len(content) > 10 * MEBIBYTE
    step = 5 * MEBIBYTE
    media_id = init(sandbox, len(content), "video/mp4", "dm_video").json()["media_id_string"]
    for index in (2, 0, 1):
        assert append(sandbox, media_id, index, content[index * step : (index + 1) * step]).status_code == 204
    finalize(sandbox, media_id)
    media = send(sandbox, media_id).json()["event"]["message_create"]["message_data"]["attachment"]["media"]
    best = max(media["video_info"]["variants"], key=lambda one: one.get("bitrate", -1))
    assert sandbox.http.get(best["url"], timeout=10).content == content


@pytest.mark.parametrize(
    ("size", "mime", "category"),
    [
        (5 * MEBIBYTE + 1, "image/png", "dm_image"),
        (15 * MEBIBYTE + 1, "image/gif", "dm_gif"),
        (512 * MEBIBYTE + 1, "video/mp4", "dm_video"),
        (100, "application/pdf", "dm_image"),
        (100, "video/mp4", "dm_image"),
        (100, "image/png", "dm_audio"),
        (0, "image/png", "dm_image"),
    ],
)
def test_init_refuses_sizes_and_types(sandbox: Sandbox, size: int, mime: str, category: str) -> None:
    answer = init(sandbox, size, mime, category)
    assert answer.status_code == 400
    assert answer.json()["request"] == UPLOAD


def test_segments_have_rules(sandbox: Sandbox) -> None:
    content = png()
    media_id = init(sandbox, len(content), "image/png", "dm_image").json()["media_id_string"]
    for index in (-1, 1000, "x"):
        answer = append(sandbox, media_id, index, content)
        assert (answer.status_code, answer.json()["error"]) == (400, "SegmentIndex must be between 0 and 999.")
    assert append(sandbox, media_id, 0, b"x" * (5 * MEBIBYTE + 1)).status_code == 413
    append(sandbox, media_id, 1, content)
    not_from_zero = finalize(sandbox, media_id)
    assert not_from_zero.json()["error"] == "Segments do not add up to provided total file size."
    append(sandbox, media_id, 0, b"too much")
    assert finalize(sandbox, media_id).status_code == 400
    assert sandbox.twitter("POST", UPLOAD, data={"command": "init"}).status_code == 400


def test_segments_may_be_base64(sandbox: Sandbox) -> None:
    content = png()
    media_id = init(sandbox, len(content), "image/png", "dm_image").json()["media_id_string"]
    form = {
        "command": "APPEND",
        "media_id": media_id,
        "segment_index": 0,
        "media_data": base64.b64encode(content).decode(),
    }
    assert sandbox.twitter("POST", UPLOAD, data=form).status_code == 204
    assert finalize(sandbox, media_id).status_code == 201


def test_an_upload_serves_one_message_of_its_owner_unless_shared(sandbox: Sandbox) -> None:
    media_id = uploaded(sandbox, png(), "image/png", "dm_image")
    other = sandbox.post("accounts", share_app_with=ACCOUNT)["WEBHOOK-URL"].rpartition("/")[2]
    assert code(send(sandbox, media_id, auth=sandbox.auth(other))) == 325
    assert send(sandbox, media_id).status_code == 200
    assert code(send(sandbox, media_id)) == 324
    shared = uploaded(sandbox, png(), "image/png", "dm_image", shared="true")
    assert [send(sandbox, shared).status_code for _ in range(2)] == [200, 200]
    lent = uploaded(sandbox, png(), "image/png", "dm_image", additional_owners=other)
    assert send(sandbox, lent, auth=sandbox.auth(other)).status_code == 200


def test_a_missing_category_makes_the_message_fail(sandbox: Sandbox) -> None:
    assert code(send(sandbox, uploaded(sandbox, png(), "image/png", ""))) == 324


def test_an_unused_upload_expires(sandbox: Sandbox) -> None:
    media_id = uploaded(sandbox, png(), "image/png", "dm_image")
    sandbox.post("settings", media_lifetime=0.0)
    assert code(send(sandbox, media_id)) == 325
    assert finalize(sandbox, media_id).status_code == 400


def test_the_simple_upload_takes_pictures_only(sandbox: Sandbox) -> None:
    form = {"media_category": "dm_image"}
    taken = sandbox.twitter("POST", UPLOAD, data=form, files={"media": ("a.png", png(), "image/png")})
    assert taken.json()["image"]["w"] == 32
    media_id = taken.json()["media_id_string"]
    described = sandbox.twitter(
        "POST", "/1.1/media/metadata/create.json", json={"media_id": media_id, "alt_text": {"text": "a gradient"}}
    )
    assert (described.status_code, described.content) == (200, b"")
    assert send(sandbox, media_id).status_code == 200
    for content, mime in ((MP4, "video/mp4"), (b"nothing", "image/png")):
        answer = sandbox.twitter("POST", UPLOAD, data=form, files={"media": ("a", content, mime)})
        assert (answer.status_code, answer.json()["error"]) == (400, "media type unrecognized.")


def test_pictures_are_for_participants_with_a_signature(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.http.post(
        f"{sandbox.url}/_sandbox/customer/messages",
        data=PAIR,
        files={"media_file": ("p.png", png(), "image/png")},
        timeout=10,
    ).raise_for_status()
    (envelope,) = until(connector.envelopes)
    data = envelope["direct_message_events"][0]["message_create"]["message_data"]
    assert data["text"] == f" {data['attachment']['media']['url']}"
    url = data["attachment"]["media"]["media_url_https"]
    assert url.startswith(f"{sandbox.url}/1.1/ton/data/dm/")
    assert sandbox.http.get(url, auth=sandbox.auth(), timeout=10).content == png()
    assert sandbox.http.get(f"{url}:small", auth=sandbox.auth(), timeout=10).content == png()
    for auth in (None, sandbox.auth(resource_owner_secret="no"), sandbox.auth(client_secret="no")):
        assert sandbox.http.get(url, auth=auth, timeout=10).status_code == 401
    other = sandbox.post("accounts", share_app_with=ACCOUNT)["WEBHOOK-URL"].rpartition("/")[2]
    assert sandbox.http.get(url, auth=sandbox.auth(other), timeout=10).status_code == 403


def test_a_quick_reply_and_a_place_come_as_documented(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("customer/messages", **PAIR, text="Blue Bird", quick_reply_metadata="external_id_2")
    sandbox.post("customer/messages", **PAIR, text="here", location={"latitude": 37.771718, "longitude": -122.443893})
    answer, place = until(lambda: connector.envelopes() if len(connector.events) == 2 else None)
    data = answer["direct_message_events"][0]["message_create"]["message_data"]
    assert data["quick_reply_response"] == {"type": "options", "metadata": "external_id_2"}
    data = place["direct_message_events"][0]["message_create"]["message_data"]
    assert data["attachment"] == {
        "type": "location",
        "location": {
            "type": "shared_coordinate",
            "shared_coordinate": {"coordinates": {"type": "Point", "coordinates": [-122.443893, 37.771718]}},
        },
    }
    assert CUSTOMER in place["users"]
