"""CCM's routes under bodies of any shape: 202 or a 400 that names the fields, never a failure of ours; and what was
accepted can be planned, or fails by name."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tests.security.fuzz_effort import budget
from tests.security.shapes import mutated, values
from tests.web.web_requests import ACCOUNT, cim, is_problem
from twitter_connector.cim.channel_configuration import load_push
from twitter_connector.cim.envelope import dump_message, load_message
from twitter_connector.errors import Permanent
from twitter_connector.messages.kinds.delivery_report import failed
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.startup import now
from twitter_connector.web.request_body import NotJson, read_json

_BUTTON = {"title": "Yes", "payload": "/yes", "type": "postback", "additionalButtonDetails": {}}
_FILE = {"mediaUrl": "https://x.example/f?filename=a.png", "mimeType": "image/png", "size": 3, "mediaName": "a.png"}
_BODIES: list[dict[str, Any]] = [
    {"type": "PLAIN", "markdownText": "Your order leaves *today*."},
    {"type": "IMAGE", "caption": "a.png", "attachment": _FILE, "additionalDetails": {}, "markdownText": ""},
    {"type": "FILE", "caption": "a.pdf", "attachment": _FILE, "additionalDetails": {"fileName": "a.pdf"}},
    {"type": "BUTTON", "buttons": [_BUTTON] * 3, "buttonMessageType": "QUICK_REPLIES", "markdownText": "?"},
    {"type": "CAROUSEL", "elements": [{"text": "t", "url": "https://x.example", "buttons": [_BUTTON]}]},
    {"type": "LOCATION", "location": {"latitude": 1, "longitude": 2}, "additionalDetails": {"name": "x"}},
    {"type": "CONTACT", "contacts": [{"name": {"formattedName": "Ada"}, "phones": [{"phone": "1"}]}]},
    {"type": "TEMPLATE", "namespace": "n", "name": "x", "components": [{"type": "body", "parameters": [{}]}]},
    {"type": "URL", "mediaUrl": "https://x.example", "markdownText": "x"},
    {"type": "STICKER", "mediaUrl": "https://x.example/s.webp", "stickerId": "1"},
    {"type": "NOTIFICATION", "notificationType": "TYPING_STARTED", "notificationData": {}},
    {"type": "DELIVERYNOTIFICATION", "messageId": "1", "status": "READ", "reasonCode": 200},
    {"type": "LIST", "sections": [{"title": "t", "rows": [{"id": "1", "title": "x"}]}], "markdownText": "x"},
    {"type": "FORM_DATA", "data": {"a": 1}},
    {"type": "WRAPUP", "note": "x", "wrapups": []},
    {"type": "WHATEVER", "markdownText": "x"},
]


def _message(body: dict[str, Any]) -> dict[str, Any]:
    message = cim()
    message["body"] = body
    message["header"].update(
        timestamp=1706273984134,
        intent="REPLY_TO",
        entities={"a": 1},
        originalMessageId="1",
        schedulingMetaData={"b": 2},
        additionalData={"isEncoded": True},
    )
    return message


messages = st.sampled_from([_message(body) for body in _BODIES]).flatmap(mutated) | values


@budget(250)
@given(messages)
@example(_message({"type": "PLAIN", "markdownText": "\ud83d"}))
@example({**cim(), "header": {"channelSession": {"channelData": cim()["header"]["channelData"]}}})
@example({**cim(), "header": {**cim()["header"], "timestamp": 10**15 - 1}})
@example({**cim(), "header": {**cim()["header"], "timestamp": "9999-12-31T23:59:59-14:00"}})
@example({**cim(), "header": {**cim()["header"], "timestamp": "0001-01-01T00:00:00+14:00"}})
def test_a_message_of_any_shape_is_accepted_or_refused_by_its_fields(client: FlaskClient, message: Any) -> None:
    response = client.post("/cim-messages", data=json.dumps(message), content_type="application/json")
    assert response.status_code in (202, 400), response.get_data(as_text=True)
    if response.status_code == 400:
        assert is_problem(response)
        assert response.get_json()["errors"]


@budget(400)
@given(messages)
@example({**cim(), "header": {**cim()["header"], "timestamp": 10**15 - 1}})
@example({**cim(), "header": {**cim()["header"], "timestamp": "9999-12-31T23:59:59-14:00"}})
def test_what_is_accepted_survives_storage_and_can_be_planned_or_fails_by_name(message: Any) -> None:
    try:
        accepted = load_message(read_json(json.dumps(message).encode()))
    except (ValidationError, NotJson):
        return
    stored = json.loads(json.dumps(dump_message(accepted)))
    again = load_message(stored)
    assert (again.id, again.header.account_id, again.header.customer_id) == (
        accepted.id,
        accepted.header.account_id,
        accepted.header.customer_id,
    )
    try:
        to_plan(again)
    except Permanent as error:
        report = failed(again, error, now())
        json.dumps(dump_message(report), allow_nan=False).encode()


_attribute = st.fixed_dictionaries(
    {"key": st.sampled_from(["API-KEY", "Consumer_Secret", "tokenkey", "x"]), "value": values}
)
_pushes = (
    st.fixed_dictionaries({"serviceIdentifier": st.just(ACCOUNT.id) | values}).flatmap(mutated)
    | st.fixed_dictionaries(
        {"serviceIdentifier": st.just(ACCOUNT.id) | values, "connectorConfigurations": st.lists(_attribute | values)}
    )
    | values
)


@budget(120)
@given(_pushes)
def test_a_configuration_of_any_shape_is_taken_or_refused_by_its_fields(client: FlaskClient, body: Any) -> None:
    response = client.post("/connector-configurations", data=json.dumps(body), content_type="application/json")
    assert response.status_code in (200, 400), response.get_data(as_text=True)
    response = client.post("/channel-type-configurations", data=json.dumps(body), content_type="application/json")
    assert response.status_code in (200, 400), response.get_data(as_text=True)
    assert client.get("/accounts").status_code == 200


@budget(200)
@given(_pushes)
def test_what_a_push_tells_is_usable_as_credentials(body: Any) -> None:
    try:
        outcome = load_push(body)
    except ValidationError:
        return
    for value in outcome.values.values():
        value.encode("ascii")
        assert value.strip("*")
        assert not any(c.isspace() for c in value)


@budget(60)
@given(st.text(max_size=40), st.text(max_size=40))
@example("/twitter-connector", "")
@example("/accounts", "")
def test_any_address_and_query_is_answered(client: FlaskClient, path: str, query: str) -> None:
    # Set behind the client's back, which would take what follows two slashes for a host.
    path = path.encode("utf-8", "replace").decode("latin-1")
    for start in ("/", "/webhook/twitter/", "/accounts/", "/dead-letters/", "/dead-letters"):
        for method in ("GET", "POST", "DELETE"):
            asked = {"crc_token": query, "limit": query, "account_id": path, "after": query, "direction": query}
            response = client.open(
                "/", method=method, query_string=asked, environ_overrides={"PATH_INFO": start + path}
            )
            assert response.status_code < 500, (method, start + path)
