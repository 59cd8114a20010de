"""Direct Messages of API v2: send, look up, limits, credit, media."""

import base64
import time
from typing import Any

import pytest
import requests
from sample_files import GIF, MP4, png
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox, until

pytestmark = pytest.mark.integration

SEND = f"/2/dm_conversations/with/{CUSTOMER}/messages"
ALL_FIELDS = "id,text,event_type,created_at,dm_conversation_id,sender_id,attachments,entities"


def look(sandbox: Sandbox, path: str = "/2/dm_events", **params: Any) -> dict[str, Any]:
    params.setdefault("dm_event.fields", ALL_FIELDS)
    answer = sandbox.as_user("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_message_is_sent_and_found_again(sandbox: Sandbox) -> None:
    answer = sandbox.as_user("POST", SEND, json={"text": "see https://example.com/a"})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["dm_conversation_id"] == f"{CUSTOMER}-{V2_ACCOUNT}"
    found = look(sandbox, f"/2/dm_events/{data['dm_event_id']}", expansions="sender_id")
    assert found["data"]["sender_id"] == V2_ACCOUNT
    (url,) = found["data"]["entities"]["urls"]
    assert found["data"]["text"][url["start"] : url["end"]] == url["url"]
    assert url["expanded_url"] == "https://example.com/a"
    assert found["includes"]["users"] == [{"id": V2_ACCOUNT, "name": "Northwind", "username": "northwind"}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "x", "quick_reply": {}},
        {"attachments": []},
        {"attachments": [{"media_id": 5}]},
        {"attachments": [{"media_id": "1", "kind": "photo"}]},
        {"text": "x" * 10_001},
    ],
)
def test_a_message_that_is_not_in_the_document_is_refused(sandbox: Sandbox, body: dict[str, Any]) -> None:
    answer = sandbox.as_user("POST", SEND, json=body)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Request")


def test_an_app_only_token_does_not_send(sandbox: Sandbox) -> None:
    assert sandbox.as_app("POST", SEND, json={"text": "x"}).status_code == 403


def test_a_customer_who_refuses_messages_is_403_about_blank(sandbox: Sandbox) -> None:
    sandbox.post("customer/refuse", customer_id=CUSTOMER, code=349)
    answer = sandbox.as_user("POST", SEND, json={"text": "x"})
    assert answer.json() == {
        "title": "Forbidden",
        "detail": "You do not have permission to DM one or more participants.",
        "type": "about:blank",
        "status": 403,
    }


def test_lookups_are_newest_first_and_lead_to_older_pages(sandbox: Sandbox) -> None:
    ids = [sandbox.post("customer/messages", **V2_PAIR, text=str(n), deliver=False)["id"] for n in range(5)]
    first = look(sandbox, max_results=2)
    second = look(sandbox, max_results=2, pagination_token=first["meta"]["next_token"])
    third = look(sandbox, max_results=2, pagination_token=second["meta"]["next_token"])
    got = [entry["id"] for page in (first, second, third) for entry in page["data"]]
    assert got == ids[::-1]
    assert "next_token" not in third["meta"]
    assert first["meta"]["result_count"] == 2
    assert len(first["meta"]["next_token"]) >= 16


def test_an_empty_lookup_has_no_data(sandbox: Sandbox) -> None:
    assert look(sandbox) == {"meta": {"result_count": 0}}


def test_only_the_usual_fields_come_unasked(sandbox: Sandbox) -> None:
    sandbox.post("customer/messages", **V2_PAIR, text="x", deliver=False)
    (entry,) = sandbox.as_user("GET", "/2/dm_events").json()["data"]
    assert set(entry) == {"id", "text", "event_type"}
    (entry,) = sandbox.as_user("GET", "/2/dm_events", params={"expansions": "sender_id"}).json()["data"]
    assert entry["sender_id"] == CUSTOMER


def test_the_field_sender_id_can_be_unknown(sandbox: Sandbox) -> None:
    sandbox.post("settings", lookup_sender_id=False)
    sandbox.post("customer/messages", **V2_PAIR, text="x", deliver=False)
    answer = sandbox.as_user("GET", "/2/dm_events", params={"dm_event.fields": "id,sender_id"})
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert problem["parameters"] == {"dm_event.fields": ["sender_id"]}
    assert "[sender_id]" in problem["message"]


def test_partial_errors_come_beside_the_data(sandbox: Sandbox) -> None:
    for n in range(2):
        sandbox.post("customer/messages", **V2_PAIR, text=str(n), deliver=False)
    sandbox.post("settings", lookup_partial_error="expansion")
    body = look(sandbox, expansions="sender_id")
    assert (len(body["data"]), body["errors"][0]["resource_type"]) == (2, "user")
    assert "includes" not in body or "users" not in body["includes"]
    sandbox.post("settings", lookup_partial_error="event")
    body = look(sandbox)
    assert ([entry["text"] for entry in body["data"]], body["errors"][0]["resource_type"]) == (["0"], "dm_event")


def test_fifteen_lookups_are_all_there_are_and_the_window_can_be_scaled(sandbox: Sandbox) -> None:
    sandbox.post("settings", window_scale=0.005)
    answers = [sandbox.as_user("GET", "/2/dm_events") for _ in range(16)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429]
    assert answers[0].headers["x-rate-limit-limit"] == "15"
    assert answers[0].headers["x-rate-limit-remaining"] == "14"
    assert answers[-1].json() == {
        "title": "Too Many Requests",
        "detail": "Too Many Requests",
        "type": "about:blank",
        "status": 429,
    }
    assert 0 <= int(answers[-1].headers["x-rate-limit-reset"]) - time.time() <= 6
    until(lambda: sandbox.as_user("GET", "/2/dm_events").status_code == 200)


def test_sends_have_limits_of_a_day_for_user_and_app(sandbox: Sandbox) -> None:
    sandbox.post("settings", limits_24_hours={"v2/dm/send": 2})
    answers = [sandbox.as_user("POST", SEND, json={"text": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[0].headers["x-user-limit-24hour-remaining"] == "1"
    assert answers[0].headers["x-app-limit-24hour-limit"] == "2"
    assert answers[0].headers["x-rate-limit-limit"] == "15"
    sandbox.post("settings", daily_limits=False, short_limits=False)
    answer = sandbox.as_user("POST", SEND, json={"text": "x"})
    assert answer.status_code == 201
    assert not [name for name in answer.headers if "limit" in name.lower()]


def test_without_credit_what_costs_is_refused(sandbox: Sandbox) -> None:
    sandbox.post("credits", account_id=V2_ACCOUNT, usd=0.02)
    assert sandbox.as_user("POST", SEND, json={"text": "x"}).status_code == 201
    assert sandbox.as_user("POST", SEND, json={"text": "x"}).status_code == 201
    refused = sandbox.as_user("POST", SEND, json={"text": "x"})
    assert (refused.status_code, refused.json()["type"]) == (402, "https://api.x.com/2/problems/credits-depleted")
    sandbox.post("credits", account_id=V2_ACCOUNT, usd=0, refusal="usage-capped")
    capped = sandbox.as_user("GET", "/2/dm_events")
    assert (capped.status_code, capped.json()["title"]) == (429, "UsageCapExceeded")
    assert int(capped.headers["x-rate-limit-remaining"]) > 0
    sandbox.post("credits", account_id=V2_ACCOUNT, usd=None)
    assert sandbox.as_user("POST", SEND, json={"text": "x"}).status_code == 201
    usage = sandbox.get("usage", account_id=V2_ACCOUNT)
    assert (usage["dm_sent"], usage["balance"]) == (3, None)


def test_a_message_read_twice_is_billed_once(sandbox: Sandbox) -> None:
    sandbox.post("customer/messages", **V2_PAIR, text="x", deliver=False)
    look(sandbox)
    look(sandbox)
    usage = sandbox.get("usage", account_id=V2_ACCOUNT)
    assert (usage["dm_read"], usage["usd"]) == (1, "0.01")


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("credits-depleted", 402, "credits depleted"),
        ("usage-capped", 429, "UsageCapExceeded"),
        ("oauth1-permissions", 403, "oauth1 app permissions"),
        ("client-not-enrolled", 403, "client-not-enrolled"),
        ("user-not-enrolled", 403, "https://console.x.com"),
        ("media-not-permitted", 403, "attach this media"),
        ("no-permission-to-dm", 403, "permission to DM"),
        ("rate-limit-88", 429, '"code": 88'),
        ("over-capacity", 503, '"code": 130'),
        ("limited-v1", 403, '"code": 453'),
        ("no-endpoint", 404, ""),
        ("html", 503, "<!DOCTYPE html>"),
        ("html-200", 200, "<!DOCTYPE html>"),
        ("no-data-200", 200, "{}"),
    ],
)
def test_every_problem_can_be_chosen_by_its_name(sandbox: Sandbox, name: str, status: int, words: str) -> None:
    sandbox.post("faults", family="twitter", path="/messages$", problem=name, times=1, customer_id=CUSTOMER)
    answer = sandbox.as_user("POST", SEND, json={"text": "x"})
    assert answer.status_code == status
    assert words in answer.text.replace('":', '": ').replace('":  ', '": ') or words in answer.text
    if name in {"no-endpoint"}:
        assert answer.content == b""
    assert sandbox.as_user("POST", SEND, json={"text": "x"}).status_code == 201


def upload(sandbox: Sandbox, content: bytes, mime: str, category: str) -> str:
    base = "/2/media/upload"
    body = {"media_type": mime, "total_bytes": len(content), "media_category": category}
    media_id: str = sandbox.as_user("POST", f"{base}/initialize", json=body).json()["data"]["id"]
    half = len(content) // 2
    for index, part in enumerate((content[:half], content[half:])):
        files = {"media": ("part", part, "application/octet-stream")}
        answer = sandbox.as_user("POST", f"{base}/{media_id}/append", data={"segment_index": index}, files=files)
        assert answer.status_code == 200, answer.text
    done = sandbox.as_user("POST", f"{base}/{media_id}/finalize")
    assert done.status_code == 200, done.text
    return media_id


def status_of(sandbox: Sandbox, media_id: str) -> dict[str, Any]:
    params = {"command": "STATUS", "media_id": media_id}
    data: dict[str, Any] = sandbox.as_user("GET", "/2/media/upload", params=params).json()["data"]
    return data


@pytest.mark.parametrize("form", ["multipart", "json"])
def test_an_image_is_uploaded_at_once_and_sent(sandbox: Sandbox, form: str) -> None:
    sandbox.post("settings", one_shot_forms=[form])
    fields = {"media_category": "dm_image"}
    multipart: dict[str, Any] = {"data": fields, "files": {"media": ("p.png", png(), "image/png")}}
    as_json: dict[str, Any] = {"json": {**fields, "media": base64.b64encode(png()).decode()}}
    good, bad = (multipart, as_json) if form == "multipart" else (as_json, multipart)
    assert sandbox.as_user("POST", "/2/media/upload", **bad).status_code == 400
    data = sandbox.as_user("POST", "/2/media/upload", **good).json()["data"]
    assert data["image"] == {"w": 32, "h": 20, "image_type": "image/png"}
    assert data["media_key"] == f"3_{data['id']}"
    sent = sandbox.as_user("POST", SEND, json={"text": "look", "attachments": [{"media_id": data["id"]}]})
    assert sent.status_code == 201
    body = look(sandbox, expansions="attachments.media_keys", **{"media.fields": "url,width"})
    assert body["data"][0]["attachments"] == {"media_keys": [data["media_key"]]}
    (media,) = body["includes"]["media"]
    assert media["type"] == "photo"
    assert f"/1.1/ton/data/dm/{sent.json()['data']['dm_event_id']}/{data['id']}/" in media["url"]


def test_a_video_is_uploaded_in_segments_and_processed(sandbox: Sandbox) -> None:
    sandbox.post("settings", processing_seconds=0.6)
    media_id = upload(sandbox, MP4, "video/mp4", "dm_video")
    attachment = {"attachments": [{"media_id": media_id}]}
    assert sandbox.as_user("POST", SEND, json=attachment).status_code == 403
    assert status_of(sandbox, media_id)["processing_info"]["state"] in {"pending", "in_progress"}
    until(lambda: status_of(sandbox, media_id)["processing_info"]["state"] == "succeeded")
    assert sandbox.as_user("POST", SEND, json=attachment).status_code == 201
    body = look(sandbox, expansions="attachments.media_keys", **{"media.fields": "variants,preview_image_url"})
    (media,) = body["includes"]["media"]
    assert media["type"] == "video"
    assert max(variant.get("bit_rate", 0) for variant in media["variants"]) == 2_176_000


def test_processing_can_fail(sandbox: Sandbox) -> None:
    sandbox.post("settings", processing_seconds=0.0, processing_failures=1)
    media_id = upload(sandbox, GIF, "image/gif", "dm_gif")
    info = status_of(sandbox, media_id)["processing_info"]
    assert (info["state"], info["error"]["message"]) == ("failed", "Unsupported video format")


def test_media_needs_the_scope_media_write(sandbox: Sandbox) -> None:
    token = sandbox.grant(scopes=["dm.read", "dm.write", "tweet.read", "users.read"])["OAUTH2-ACCESS-TOKEN"]
    body = {"media_type": "video/mp4", "total_bytes": 9, "media_category": "dm_video"}
    assert sandbox.with_token("POST", "/2/media/upload/initialize", token, json=body).status_code == 403


def picture(sandbox: Sandbox) -> tuple[str, str]:
    """Let a customer send a picture; return its path parts for the download of v2, and its ton address."""
    answer: requests.Response = sandbox.http.post(
        f"{sandbox.url}/_sandbox/customer/messages",
        data={**V2_PAIR, "text": "look"},
        files={"media_file": ("p.png", png(), "image/png")},
        timeout=10,
    )
    dm = answer.json()
    params = {"expansions": "attachments.media_keys", "media.fields": "url"}
    url = sandbox.as_user("GET", "/2/dm_events", params=params).json()["includes"]["media"][0]["url"]
    return "/".join([dm["id"], dm["media_id"], url.rpartition("/")[2]]), url


def test_media_of_a_message_needs_an_oauth2_token_of_a_participant(sandbox: Sandbox) -> None:
    place, url = picture(sandbox)
    path = f"/2/dm_conversations/media/{place}"
    token = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
    answer = sandbox.with_token("GET", path, token)
    assert (answer.content, answer.headers["content-type"]) == (png(), "application/octet-stream")
    assert sandbox.as_user("GET", path).status_code == 403
    assert sandbox.as_app("GET", path).status_code == 403
    assert sandbox.with_token("GET", path.replace(".png", ".gif"), token).status_code == 404
    other = sandbox.post("accounts", api="v2", share_app_with=V2_ACCOUNT)["WEBHOOK-URL"].rpartition("/")[2]
    stranger = sandbox.grant(other)["OAUTH2-ACCESS-TOKEN"]
    assert sandbox.with_token("GET", path, stranger).status_code == 403
    signed = sandbox.as_user("GET", url.removeprefix(sandbox.url))
    assert signed.content == png()


def test_a_user_is_found_by_id_with_the_fields_asked_for(sandbox: Sandbox) -> None:
    answer = sandbox.as_app("GET", f"/2/users/{CUSTOMER}", params={"user.fields": "verified,receives_your_dm"})
    assert answer.json()["data"] == {
        "id": CUSTOMER,
        "name": "Ada Lovelace",
        "username": "ada",
        "verified": False,
        "receives_your_dm": True,
    }
    missing = sandbox.as_app("GET", "/2/users/1")
    assert (missing.status_code, missing.json()["errors"][0]["resource_type"]) == (200, "user")
    assert sandbox.as_user("GET", "/2/users/me").json()["data"]["id"] == V2_ACCOUNT
