"""What the sandbox records and answers, against X's OpenAPI document."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
import requests
from fake_connector import FakeConnector
from sample_files import png
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox
from x_openapi import EXCEPTIONS, answer_complaint, complaints

pytestmark = pytest.mark.integration

SEND = f"/2/dm_conversations/with/{CUSTOMER}/messages"


def test_good_requests_of_every_kind_are_in_the_document(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector, "dm.received", "dm.sent")
    revoke = {"event_type": "oauth.revoke", "filter": {}, "webhook_id": webhook_id}
    sandbox.as_app("POST", "/2/activity/subscriptions", json=revoke)
    sandbox.as_app("PUT", f"/2/webhooks/{webhook_id}")
    sandbox.as_user("POST", SEND, json={"text": "hello"})
    fields = {"dm_event.fields": "id,text,sender_id", "expansions": "sender_id,attachments.media_keys"}
    sandbox.as_user("GET", "/2/dm_events", params={"max_results": 10, **fields})
    sandbox.as_user("GET", "/2/users/me", params={"user.fields": "profile_image_url"})
    image = {"media_category": "dm_image"}
    sandbox.as_user("POST", "/2/media/upload", data=image, files={"media": ("p.png", png(), "image/png")})
    sandbox.as_user("POST", "/2/media/upload", json={**image, "media": base64.b64encode(png() * 40).decode()})
    body = {"media_type": "image/png", "total_bytes": len(png()), "media_category": "dm_image"}
    media_id = sandbox.as_user("POST", "/2/media/upload/initialize", json=body).json()["data"]["id"]
    part = {"media": ("part", png(), "application/octet-stream")}
    sandbox.as_user("POST", f"/2/media/upload/{media_id}/append", data={"segment_index": 0}, files=part)
    sandbox.as_user("POST", f"/2/media/upload/{media_id}/finalize")
    sandbox.as_user("GET", "/2/media/upload", params={"command": "STATUS", "media_id": media_id})
    records = sandbox.get("requests/recorded")["requests"]
    assert len(records) == 14
    assert {record["status"] for record in records} == {200, 201}
    assert complaints(records) == []


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.as_user("POST", SEND, json={"text": "x", "quick_reply": {}}), "quick_reply"),
        (lambda s: s.as_user("POST", SEND, json={"text": ""}), "too short|non-empty"),
        (lambda s: s.as_user("POST", SEND, json={"attachments": [{"media_id": 1}]}), "1 is not of type"),
        (lambda s: s.as_user("GET", "/2/dm_events", params={"max_results": 101}), "101 is greater"),
        (lambda s: s.as_user("GET", "/2/dm_events", params={"since_id": "1"}), "since_id"),
        (lambda s: s.as_user("GET", "/2/dm_events", params={"dm_event.fields": "colour"}), "colour"),
        (lambda s: s.as_app("POST", "/2/webhooks", json={}), "url"),
        (lambda s: s.as_user("POST", "/2/dm_conversations/nothing"), "Path not found"),
        (lambda s: s.as_user("POST", "/2/activity/subscriptions", json={"event_type": "dm.x", "filter": {}}), "dm.x"),
    ],
)
def test_a_request_that_is_not_in_the_document_is_named(
    sandbox: Sandbox, ask: Callable[[Sandbox], requests.Response], words: str
) -> None:
    ask(sandbox)
    (problem,) = complaints(sandbox.get("requests/recorded")["requests"])
    assert any(word in problem for word in words.split("|")), problem


def test_the_exceptions_are_the_four_that_are_known() -> None:
    assert set(EXCEPTIONS) == {"sender_id", "oauth.revoke", "token endpoint", "segment_index"}


def test_records_hold_neither_credentials_nor_token_requests(sandbox: Sandbox) -> None:
    attributes = sandbox.grant()
    sandbox.with_token("GET", "/2/users/me", attributes["OAUTH2-ACCESS-TOKEN"])
    form = {"grant_type": "refresh_token", "refresh_token": attributes["OAUTH2-REFRESH-TOKEN"]}
    sandbox.http.post(
        f"{sandbox.url}/2/oauth2/token", data=form, auth=(attributes["CLIENT-ID"], attributes["CLIENT-SECRET"])
    )
    records = sandbox.http.get(f"{sandbox.url}/_sandbox/requests/recorded", timeout=10).text
    for value in attributes.values():
        assert value not in records
    assert [record["auth"] for record in sandbox.get("requests/recorded")["requests"]] == ["oauth2", "basic"]


def test_the_answers_of_the_sandbox_are_in_the_document(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.post("settings", subscription_answer="wrapped", processing_seconds=5.0)
    webhook_id = sandbox.subscribe(connector)
    sandbox.post("customer/messages", **V2_PAIR, text="see https://example.com @acme #tag $CASH", deliver=False)
    body = {"event_type": "dm.received", "filter": {"user_id": V2_ACCOUNT}, "tag": "t", "webhook_id": webhook_id}
    made = sandbox.as_user("POST", "/2/activity/subscriptions", json=body)
    subscription_id = made.json()["data"]["subscription"]["subscription_id"]
    image: dict[str, Any] = {
        "data": {"media_category": "dm_image"},
        "files": {"media": ("p.png", png(), "image/png")},
    }
    uploaded = sandbox.as_user("POST", "/2/media/upload", **image)
    attachment = {"text": "look", "attachments": [{"media_id": uploaded.json()["data"]["id"]}]}
    everything = {
        "dm_event.fields": "id,text,event_type,created_at,dm_conversation_id,attachments,entities",
        "expansions": "sender_id,attachments.media_keys,participant_ids",
        "user.fields": "created_at,description,public_metrics,verified,receives_your_dm",
        "media.fields": "url,width,height,variants,preview_image_url",
    }
    answers = [
        made,
        uploaded,
        sandbox.as_user("POST", SEND, json=attachment),
        sandbox.as_user("GET", "/2/dm_events", params=everything),
        sandbox.as_app("GET", "/2/webhooks"),
        sandbox.as_app("PUT", f"/2/webhooks/{webhook_id}"),
        sandbox.as_app("PUT", f"/2/activity/subscriptions/{subscription_id}", json={"tag": "u"}),
        sandbox.as_app("GET", "/2/activity/subscriptions"),
        sandbox.as_app("DELETE", f"/2/activity/subscriptions/{subscription_id}"),
        sandbox.as_user("POST", f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all", json={}),
        sandbox.as_app("GET", f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all/list"),
        sandbox.as_app("GET", "/2/account_activity/subscriptions/count"),
        sandbox.as_app("GET", "/2/connections"),
        sandbox.as_user("GET", "/2/users/me", params={"user.fields": "public_metrics"}),
        sandbox.as_app("DELETE", f"/2/webhooks/{webhook_id}"),
    ]
    for answer in answers:
        assert answer.ok, answer.text
        path = answer.url.removeprefix(sandbox.url).partition("?")[0]
        assert answer_complaint(str(answer.request.method), path, answer.status_code, answer.content) == "", path


def test_an_answer_that_is_not_in_the_document_is_named() -> None:
    assert "5 is not of type 'string'" in answer_complaint("GET", "/2/webhooks", 200, b'{"data":[{"id":5}]}')
    assert answer_complaint("POST", SEND, 201, b'{"data":{"dm_event_id":"1"}}') != ""
