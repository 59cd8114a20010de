"""Twitter's route under validly signed bodies of any shape: always an answer below 500, and what is taken in can be
worked on, or is given up by name."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from tests.security.shapes import mutated, scalars, values
from tests.web.web_requests import ACCOUNT, HEADER, PATH, SECRET, dm, post_event, signed
from twitter_connector.bootstrap import Services
from twitter_connector.cim.envelope import dump_message
from twitter_connector.delivery.intake import decode, event_payload
from twitter_connector.errors import Permanent
from twitter_connector.messages.to_cim import to_cim
from twitter_connector.model.account import signature
from twitter_connector.model.message import CimMessage
from twitter_connector.model.work import Direction, TwitterEvent
from twitter_connector.twitter.account_activity import load, raw_events
from twitter_connector.web.request_body import NotJson, read_json
from twitter_connector.web.webhook_signature import is_genuine

CUSTOMER = "12345"
MEDIA = {
    "id": 1,
    "id_str": "1",
    "type": "video",
    "url": "https://t.co/x",
    "media_url_https": "https://ton.twitter.com/1.1/ton/data/dm/1/1/x.jpg",
    "video_info": {"duration_millis": 1, "variants": [{"url": "https://video.twimg.com/x.mp4", "bitrate": 1}]},
}
LOCATION = {
    "type": "shared_place",
    "shared_coordinate": {"coordinates": {"type": "Point", "coordinates": [-0.1, 51.5]}},
    "shared_place": {"place": {"id": "1", "full_name": "London", "attributes": {"street_address": "1 High St"}}},
}


def _rich() -> dict[str, Any]:
    """Return an event that has everything an event may have."""
    payload = dm(sender=CUSTOMER)
    event = payload["direct_message_events"][0]
    event["initiated_via"] = {"tweet_id": "1", "welcome_message_id": "2"}
    data = event["message_create"]["message_data"]
    data["entities"] = {"urls": [{"url": "https://t.co/x", "expanded_url": "https://example.com/", "indices": [0, 1]}]}
    data["attachment"] = {"type": "media", "media": MEDIA, "location": LOCATION}
    data["quick_reply_response"] = {"type": "options", "metadata": "m"}
    return payload


def _signal(family: str) -> dict[str, Any]:
    signal = {
        "created_timestamp": "1518127183443",
        "sender_id": CUSTOMER,
        "target": {"recipient_id": ACCOUNT.id},
        "last_read_event_id": "963085315333238788",
    }
    return {"for_user_id": ACCOUNT.id, family: [signal], "users": {CUSTOMER: {"id": CUSTOMER, "name": "Ada"}}}


def _echo() -> dict[str, Any]:
    payload = dm(sender=ACCOUNT.id)
    payload["direct_message_events"][0]["message_create"]["target"]["recipient_id"] = CUSTOMER
    return payload


REVOKED = {"user_event": {"revoke": {"source": {"user_id": "1"}, "target": {"app_id": "2"}, "date_time": "x"}}}
WELL_FORMED = [
    _rich(),
    _echo(),
    _signal("direct_message_mark_read_events"),
    _signal("direct_message_indicate_typing_events"),
    REVOKED,
    {"for_user_id": ACCOUNT.id, "tweet_create_events": [{"id": 1}]},
    {"replay_job_status": {"webhook_id": "1", "job_state": "Complete"}},
]
payloads = st.one_of([mutated(payload) for payload in WELL_FORMED]) | values


def _posted(client: FlaskClient, payload: Any) -> None:
    response = post_event(client, payload)
    assert response.status_code in ((200,) if isinstance(payload, dict) else (400,)), response.get_data(as_text=True)


@budget(250)
@given(payloads)
@example({"direct_message_events": {"id": "1"}})
@example({"direct_message_events": [None, 1, "x", []], "users": []})
@example(dm("99999999999999999999", "\ud83d", sender="0"))
@example({**_echo(), "users": {ACCOUNT.id: {"id": {"a": 1}, "name": ["\ud800"]}}})
def test_a_signed_body_of_any_shape_is_answered(client: FlaskClient, payload: Any) -> None:
    _posted(client, payload)


@budget(60)
@given(st.lists(st.sampled_from(WELL_FORMED).flatmap(mutated), min_size=2, max_size=5))
def test_several_in_one_body_too(client: FlaskClient, several: list[Any]) -> None:
    merged: dict[str, Any] = {}
    for payload in several:
        if isinstance(payload, dict):
            merged.update(payload)
    _posted(client, merged)


@budget(300)
@given(payloads)
def test_what_is_taken_in_becomes_a_message_or_is_given_up_by_name(payload: Any) -> None:
    try:
        payload = read_json(json.dumps(payload).encode(), unambiguous=False)
    except NotJson:
        return
    if not isinstance(payload, dict):
        return
    for raw_event in raw_events(payload, ACCOUNT.id):
        try:
            work = decode(event_payload(raw_event), Direction.IN, lambda envelope, _: load(envelope))
            assert isinstance(work, TwitterEvent)
            made = to_cim(work.activity)
        except Permanent:
            continue
        for part in made if isinstance(made, tuple) else ():
            if isinstance(part, CimMessage):
                json.dumps(dump_message(part), allow_nan=False).encode()


@budget(100)
@given(st.binary(max_size=300), st.text(max_size=80) | scalars.map(str))
def test_no_unsigned_body_is_let_in(client: FlaskClient, services: Services, body: bytes, header: str) -> None:
    latin = header.encode("latin-1", "replace").decode("latin-1").replace("\n", "").replace("\r", "")
    for headers in ({}, {HEADER: latin}, {HEADER: signed(body, "another-secret")}):
        response = client.post(PATH, data=body, headers=headers)
        assert response.status_code == 401
    assert services.lanes.waiting(ACCOUNT.id) == dict.fromkeys(services.lanes.waiting(ACCOUNT.id), 0)


# HMAC fills a short key up with zeros, so that one which ends in them equals the one without.
_secrets = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@budget(400)
@given(st.binary(max_size=300), st.text(max_size=60), st.lists(_secrets, max_size=3))
@example(b"", "sha256=", [""])
@example(b"x", "sha256=\ud800", ["a"])
def test_only_a_secret_of_the_account_makes_a_signature(body: bytes, header: str, secrets: list[str]) -> None:
    assert not is_genuine(header, secrets, body)
    assert not is_genuine(None, secrets, body)
    for secret in filter(None, secrets):
        assert signature(secret, body) == signed(body, secret)
        assert is_genuine(signed(body, secret), secrets, body)
        assert not is_genuine(signed(body, secret), secrets, body + b" ")
        assert not is_genuine(signed(body, secret).upper(), secrets, body)
        assert not is_genuine(signed(body, secret) + "=", secrets, body)
    assert not is_genuine(signed(body, ""), ["", *secrets], body)


def test_the_secret_of_these_tests_is_the_accounts() -> None:
    assert ACCOUNT.credentials.api_key_secret == SECRET
