"""CCM and the agent's desk: accepted and refused messages, and the states of replies."""

import base64
import uuid
from typing import Any

import pytest
import requests
from fake_connector import FakeConnector
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, V2_ACCOUNT, Sandbox, until

pytestmark = pytest.mark.integration


def cim(body: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "header": {
            "sender": {"id": "c", "type": "CONNECTOR"},
            "channelData": {"channelCustomerIdentifier": CUSTOMER, "serviceIdentifier": ACCOUNT},
            **header,
        },
        "body": body or {"type": "PLAIN", "markdownText": "hello"},
    }


def to_ccm(sandbox: Sandbox, message: Any) -> requests.Response:
    return sandbox.http.post(f"{sandbox.url}/ccm/message/receive", json=message, timeout=10)


def report(message_id: str, status: str, text: str = "") -> dict[str, Any]:
    return cim({"type": "DELIVERYNOTIFICATION", "markdownText": text, "messageId": message_id, "status": status})


def states(sandbox: Sandbox) -> dict[str, tuple[str, str | None]]:
    entries = sandbox.get("conversation", **PAIR)["desk"]
    return {entry["id"]: (entry["state"], entry["reason"]) for entry in entries}


def test_a_message_is_accepted_without_a_body_and_recorded_in_order(sandbox: Sandbox) -> None:
    sent = [cim({"type": "PLAIN", "markdownText": text}) for text in ("one", "two", "drei 😀")]
    for message in sent:
        answer = to_ccm(sandbox, message)
        assert (answer.status_code, answer.content) == (202, b"")
    received = sandbox.get("ccm/messages", **PAIR)["messages"]
    assert [entry["message"] for entry in received] == sent
    assert [entry["received_at"] for entry in received] == sorted(entry["received_at"] for entry in received)
    assert sandbox.get("ccm/messages", account_id="1")["messages"] == []
    assert sandbox.get("ccm/messages", since=received[1]["seq"])["messages"] == received[2:]


def test_ccm_can_answer_with_a_delivery_notification(sandbox: Sandbox) -> None:
    sandbox.post("settings", ccm_answer="delivered")
    message = cim()
    answer = to_ccm(sandbox, message)
    assert answer.status_code == 200
    assert answer.json() == {
        "type": "DELIVERYNOTIFICATION",
        "markdownText": "",
        "messageId": message["id"],
        "status": "DELIVERED",
        "reasonCode": 200,
    }


def test_an_unknown_service_identifier_is_told_in_the_body(sandbox: Sandbox) -> None:
    for unknown in ("1", CUSTOMER):
        message = cim()
        message["header"]["channelData"]["serviceIdentifier"] = unknown
        answer = to_ccm(sandbox, message)
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["reasonCode"]) == ("FAILED", 404)
    assert {entry["accepted"] for entry in sandbox.get("ccm/messages")["messages"]} == {False}


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"id": "1"},
        cim(sender=None),
        cim(sender={"id": " ", "type": "CONNECTOR"}),
        cim(sender={"id": "x", "type": "ROBOT"}),
        cim(channelData={"serviceIdentifier": ACCOUNT}),
        cim(channelData={"channelCustomerIdentifier": 210375291, "serviceIdentifier": ACCOUNT}),
        cim(language="en"),
        cim(
            channelData={
                "channelCustomerIdentifier": CUSTOMER,
                "serviceIdentifier": ACCOUNT,
                "additionalAttributes": [{"key": "MESSAGE_TYPE", "type": "String", "value": "DM"}],
            }
        ),
        cim({"markdownText": ""}),
        cim({"type": "PLAIN"}),
        cim({"type": "IMAGE", "markdownText": "", "attachment": {}}),
        cim({"type": "LOCATION", "markdownText": "", "location": {"latitude": "1", "longitude": 2}}),
        cim({"type": "DELIVERYNOTIFICATION", "markdownText": "", "messageId": "x", "status": "SEEN"}),
        cim({"type": "BUTTON", "markdownText": "", "buttons": [{"title": "a"}]}),
    ],
)
def test_what_lacks_a_mandatory_field_is_a_400(sandbox: Sandbox, message: Any) -> None:
    answer = to_ccm(sandbox, message)
    assert answer.status_code == 400
    assert answer.json()["message"]
    (entry,) = sandbox.get("ccm/messages")["messages"]
    assert (entry["status"], entry["accepted"]) == (400, False)


def test_the_customers_message_counts_as_delivered_when_ccm_has_it(sandbox: Sandbox) -> None:
    dm = sandbox.post("customer/messages", **PAIR, text="hello", deliver=False)
    to_ccm(sandbox, cim(providerMessageId=dm["id"]))
    (shown,) = sandbox.get("conversation", **PAIR)["phone"]
    assert shown["state"] == "delivered"


def test_a_reply_reaches_the_connector_in_the_new_shape(sandbox: Sandbox, connector: FakeConnector) -> None:
    reply = sandbox.post("agent/messages", **PAIR, text="Your order leaves *today*. 😀")
    assert (reply["status"], reply["state"]) == (202, "sent")
    (message,) = connector.messages
    assert message["path"] == "/twitter-connector/cim-messages"
    assert message["id"] == reply["id"] == str(uuid.UUID(reply["id"], version=4))
    header = message["header"]
    assert header["channelData"]["channelCustomerIdentifier"] == CUSTOMER
    assert header["channelData"]["customerLastName"] == "Lovelace"
    assert header["sender"]["type"] == "AGENT"
    assert header["entities"] is None
    assert message["body"] == {"type": "PLAIN", "markdownText": "Your order leaves *today*. 😀"}


def test_replies_in_other_shapes(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.post("agent/messages", **PAIR, text="old", shape="old")
    sandbox.post("agent/messages", **PAIR, text="hidden 😀", encoded=True)
    body = {"type": "LOCATION", "markdownText": "", "location": {"latitude": 1, "longitude": 2}}
    sandbox.post("agent/messages", **PAIR, body=body, id="m1", header={"intent": "REPLY_TO"}, path="/message/receive")
    old, encoded, place = connector.messages
    assert "channelData" not in old["header"]
    assert old["header"]["channelSession"]["channelData"]["serviceIdentifier"] == ACCOUNT
    assert encoded["header"]["additionalData"] == {"isEncoded": True}
    assert base64.b64decode(encoded["body"]["markdownText"]).decode() == "hidden 😀"
    assert (place["id"], place["body"], place["header"]["intent"]) == ("m1", body, "REPLY_TO")
    assert place["path"] == "/twitter-connector/message/receive"


def test_reports_move_a_reply_forward_and_never_back(sandbox: Sandbox) -> None:
    first, second, third = (sandbox.post("agent/messages", **PAIR, text=text)["id"] for text in "123")
    for message_id in (first, second):
        to_ccm(sandbox, report(message_id, "DELIVERED"))
    to_ccm(sandbox, report(second, "READ"))
    to_ccm(sandbox, report(second, "DELIVERED"))
    to_ccm(sandbox, report(third, "FAILED", "Nobody there"))
    assert states(sandbox) == {first: ("read", None), second: ("read", None), third: ("failed", "Nobody there")}


def test_a_reply_the_connector_refuses_has_failed(sandbox: Sandbox, connector: FakeConnector) -> None:
    connector.message_status = 400
    reply = sandbox.post("agent/messages", **PAIR, text="x")
    assert (reply["status"], reply["state"], reply["reason"]) == (400, "failed", "The connector answered 400.")


def test_a_repeated_reply_is_posted_again_and_listed_once(sandbox: Sandbox, connector: FakeConnector) -> None:
    for _ in range(2):
        sandbox.post("agent/messages", **PAIR, text="x", id="same")
    assert [message["id"] for message in connector.messages] == ["same", "same"]
    assert list(states(sandbox)) == ["same"]


def test_configuration_can_be_fetched(sandbox: Sandbox) -> None:
    def get(path: str) -> requests.Response:
        return sandbox.http.get(f"{sandbox.url}/ccm/{path}", timeout=10)

    keys = sandbox.keys()
    saved = {entry["key"]: entry["value"] for entry in get(f"channel-connectors/configurations/{ACCOUNT}").json()}
    assert saved == {name: keys[name] for name in ("API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET")}
    assert get("channel-connectors/configurations/1").status_code == 404
    assert [kind["name"] for kind in get("channel-types").json()] == ["TWITTER"]
    channel = get(f"channels/service-identifier/{ACCOUNT}").json()
    assert channel["serviceIdentifier"] == ACCOUNT
    assert channel["channelConnector"]["channelProviderInterface"]["providerWebhook"].endswith("/twitter-connector")
    assert get("channels").json() == [channel, get(f"channels/service-identifier/{V2_ACCOUNT}").json()]
    assert get(f"channels/service-identifier/{CUSTOMER}").status_code == 404


def test_what_ccm_tells_of_an_account_can_be_turned(sandbox: Sandbox) -> None:
    def attributes() -> dict[str, str]:
        answer = sandbox.http.get(f"{sandbox.url}/ccm/channel-connectors/configurations/{ACCOUNT}", timeout=10)
        return {item["key"]: item["value"] for item in answer.json()} if answer.ok else {}

    saved = attributes()
    sandbox.post("ccm/configuration", account_id=ACCOUNT, state="masked")
    assert attributes() == dict.fromkeys(saved, "****")
    sandbox.post("ccm/configuration", account_id=ACCOUNT, values={"ACCESS-TOKEN": "1-x", "API-KEY": None})
    assert attributes() == {**{k: v for k, v in saved.items() if k != "API-KEY"}, "ACCESS-TOKEN": "1-x"}
    sandbox.post("ccm/configuration", account_id=ACCOUNT, state="missing")
    assert attributes() == {}
    sandbox.post("reset")
    assert set(attributes()) == set(saved)


def test_the_feed_tells_of_messages_and_of_their_states(sandbox: Sandbox) -> None:
    lines: list[str] = []
    with sandbox.http.get(f"{sandbox.url}/_sandbox/events", stream=True, timeout=10) as feed:
        arriving = feed.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(arriving).startswith("retry")
        reply = sandbox.post("agent/messages", **PAIR, text="x")
        to_ccm(sandbox, report(reply["id"], "DELIVERED"))
        until(lambda: lines.append(next(arriving)) or any('"state": "delivered"' in line for line in lines))
    assert lines.count("event: desk") >= 3


def channel_types(sandbox: Sandbox, method: str = "GET", **more: Any) -> requests.Response:
    return sandbox.http.request(method, f"{sandbox.url}/ccm/channel-types", timeout=0.5, **more)


def test_the_channel_type_is_there_or_can_be_created(sandbox: Sandbox) -> None:
    twitter = {"name": "TWITTER", "channelLogo": "_TWITTER.svg", "isInteractive": False, "mediaRoutingDomain": None}
    assert "TWITTER" in {kind["name"] for kind in channel_types(sandbox).json()}
    assert channel_types(sandbox, "POST", json=twitter).status_code == 409
    sandbox.post("settings", ccm_channel_types="missing")
    assert "TWITTER" not in {kind["name"] for kind in channel_types(sandbox).json()}
    assert channel_types(sandbox, "POST", json={"name": "OTHER"}).status_code == 400
    assert channel_types(sandbox, "POST", json=twitter).status_code == 201
    assert "TWITTER" in {kind["name"] for kind in channel_types(sandbox).json()}


@pytest.mark.parametrize(("setting", "on_get"), [("401", 401), ("403", 403), ("404", 404), ("409", 200)])
def test_ccm_may_refuse_channel_types(sandbox: Sandbox, setting: str, on_get: int) -> None:
    sandbox.post("settings", ccm_channel_types=setting)
    assert channel_types(sandbox).status_code == on_get
    assert channel_types(sandbox, "POST", json={"name": "TWITTER"}).status_code == int(setting)


def test_ccm_may_keep_silent_about_channel_types(sandbox: Sandbox) -> None:
    sandbox.post("settings", ccm_channel_types="silence")
    with pytest.raises(requests.Timeout):
        channel_types(sandbox)


def test_an_account_may_have_no_channel(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/ccm/channels/service-identifier/{ACCOUNT}"
    assert sandbox.http.get(url, timeout=5).json()["serviceIdentifier"] == ACCOUNT
    sandbox.post("ccm/configuration", account_id=ACCOUNT, state="no-channel")
    assert sandbox.http.get(url, timeout=5).status_code == 404
    listed = sandbox.http.get(f"{sandbox.url}/ccm/channels", timeout=5).json()
    assert ACCOUNT not in {channel["serviceIdentifier"] for channel in listed}
