"""Troubles of the page's menu, the details of a message, and a message that is sent again."""

import pytest
import requests
from fake_connector import FakeConnector
from message_relay import Relay
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, V2_ACCOUNT, V2_PAIR, Sandbox, until

pytestmark = pytest.mark.integration


def switch(sandbox: Sandbox, name: str, on: bool) -> dict[str, bool]:
    answer = sandbox.post("troubles", name=name, on=on)
    return {trouble["name"]: trouble["on"] for trouble in answer["troubles"]}


def send_v2(sandbox: Sandbox) -> requests.Response:
    return sandbox.as_user("POST", f"/2/dm_conversations/with/{CUSTOMER}/messages", json={"text": "x"})


@pytest.mark.parametrize(("name", "v1", "v2"), [("limited", 429, 429), ("locked", 403, 403), ("no-credit", 200, 402)])
def test_a_trouble_refuses_replies_until_it_is_switched_off(sandbox: Sandbox, name: str, v1: int, v2: int) -> None:
    assert switch(sandbox, name, True)[name] is True
    assert (sandbox.send_dm({"text": "x"}).status_code, send_v2(sandbox).status_code) == (v1, v2)
    assert switch(sandbox, name, False)[name] is False
    assert (sandbox.send_dm({"text": "x"}).status_code, send_v2(sandbox).status_code) == (200, 201)


def test_an_answer_is_lost_after_the_message_is_sent(sandbox: Sandbox) -> None:
    switch(sandbox, "lost-answer", True)
    with pytest.raises(requests.ConnectionError):
        send_v2(sandbox)
    assert len(sandbox.get("twitter/messages")["messages"]) == 1


def test_ccm_is_down_until_everything_is_restored(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/ccm/message/receive"
    switch(sandbox, "ccm-down", True)
    switch(sandbox, "ccm-slow", True)
    with pytest.raises(requests.ConnectionError):
        sandbox.http.post(url, json={}, timeout=5)
    sandbox.delete("troubles")
    assert sandbox.http.post(url, json={}, timeout=3).status_code == 400
    assert not any(trouble["on"] for trouble in sandbox.get("troubles")["troubles"])
    assert sandbox.get("faults")["faults"] == []


@pytest.mark.parametrize("forget", ["faults", "reset"])
def test_deleting_all_faults_or_a_reset_switches_troubles_off(sandbox: Sandbox, forget: str) -> None:
    switch(sandbox, "limited", True)
    switch(sandbox, "no-credit", True)
    if forget == "faults":
        sandbox.delete("faults")
    else:
        sandbox.post("reset")
    assert not any(trouble["on"] for trouble in sandbox.get("troubles")["troubles"])
    assert send_v2(sandbox).status_code == 201


def test_events_come_repeated_or_swapped(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    switch(sandbox, "repeated", True)
    sandbox.post("customer/messages", **PAIR, text="three times")
    until(lambda: len(connector.events) == 3)
    switch(sandbox, "repeated", False)
    switch(sandbox, "swapped", True)
    connector.events.clear()
    first = sandbox.post("customer/messages", **PAIR, text="first")["id"]
    switch(sandbox, "swapped", False)
    second = sandbox.post("customer/messages", **PAIR, text="second")["id"]
    until(lambda: len(connector.events) == 2)
    assert [e["direct_message_events"][0]["id"] for e in connector.envelopes()] == [second, first]


def test_an_unknown_trouble_is_refused(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_sandbox/troubles"
    for body in ({"name": "rain", "on": True}, {"name": "locked", "on": "yes"}):
        assert sandbox.http.post(url, json=body, timeout=5).status_code == 400


def test_details_of_a_customers_message(sandbox: Sandbox, connector: FakeConnector) -> None:
    Relay(sandbox, connector)
    dm = sandbox.post("customer/messages", **PAIR, text="hello")
    until(lambda: sandbox.get("ccm/messages")["messages"])
    shown = sandbox.get("message", event_id=dm["id"])
    assert shown["x_events"][0]["direct_message_events"][0]["id"] == dm["id"]
    assert [message["body"]["markdownText"] for message in shown["cim_messages"]] == ["hello"]
    assert shown["journey"] is None
    log = {"state": "delivered", "journey": [{"at": "2026-11-27T14:05:00Z", "event": "received", "detail": None}]}
    connector.journeys = {dm["id"]: log}
    assert sandbox.get("message", event_id=dm["id"])["journey"] == log


def test_details_of_a_reply(sandbox: Sandbox, connector: FakeConnector) -> None:
    Relay(sandbox, connector)
    reply = sandbox.post("agent/messages", **PAIR, text="on its way")
    (dm,) = until(lambda: sandbox.get("twitter/messages")["messages"])
    by_text = sandbox.get("message", message_id=reply["id"])
    assert by_text["x_events"][0]["direct_message_events"][0]["id"] == dm["id"]
    assert by_text["cim_messages"][0]["id"] == reply["id"]
    assert sandbox.get("message", event_id=dm["id"])["cim_messages"][0]["id"] == reply["id"]
    other = sandbox.post("account/native-message", **PAIR, text="not from the desk")
    connector.journeys = {reply["id"]: {"state": "delivered", "journey": [], "x_ids": [other["id"]]}}
    by_log = sandbox.get("message", message_id=reply["id"])
    assert by_log["x_events"][0]["direct_message_events"][0]["id"] == other["id"]


def test_a_message_of_api_v2_is_shown_as_its_connector_gets_it(sandbox: Sandbox, connector: FakeConnector) -> None:
    polled = sandbox.post("customer/messages", **V2_PAIR, text="by lookup")
    assert sandbox.get("message", event_id=polled["id"])["x_events"][0]["data"][0]["sender_id"] == CUSTOMER
    sandbox.subscribe(connector, "dm.received")
    (event,) = sandbox.get("message", event_id=polled["id"])["x_events"]
    assert event["data"]["event_type"] == "dm.received"
    assert event["data"]["filter"] == {"user_id": V2_ACCOUNT}


def test_a_customers_message_is_sent_again_as_a_new_one(sandbox: Sandbox) -> None:
    failed = sandbox.post("customer/messages", **PAIR, text="anybody?")
    assert failed["state"] == "failed"
    again = sandbox.post("customer/messages/again", event_id=failed["id"])
    assert (again["text"], again["sender_id"], again["recipient_id"]) == ("anybody?", CUSTOMER, ACCOUNT)
    assert again["id"] != failed["id"]
