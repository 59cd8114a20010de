"""Direct Messages of API v1.1: send, webhook events, read, list."""

import json
import re
import threading

import pytest
from fake_connector import FakeConnector, sign
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, Sandbox, until

pytestmark = pytest.mark.integration

EPOCH_MS = 1288834974657


def test_a_customers_message_reaches_the_webhook_in_twitters_shape(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("customer/messages", **PAIR, text="Tea & <cake> at https://example.com/a?b=1&c=2! 😀")
    headers, body = until(lambda: connector.events)[0]
    assert headers["x-twitter-webhooks-signature"] == sign(connector.secrets[ACCOUNT], body)
    assert b"https:\\/\\/t.co\\/" in body
    envelope = json.loads(body)
    assert set(envelope) == {"for_user_id", "direct_message_events", "users"}
    assert envelope["for_user_id"] == ACCOUNT
    assert envelope["users"][CUSTOMER]["name"] == "Ada Lovelace"
    assert "url" not in envelope["users"][CUSTOMER]
    (event,) = envelope["direct_message_events"]
    create = event["message_create"]
    assert (create["sender_id"], create["target"]["recipient_id"]) == (CUSTOMER, ACCOUNT)
    assert "source_app_id" not in create
    (url,) = create["message_data"]["entities"]["urls"]
    assert url["expanded_url"] == "https://example.com/a?b=1&c=2"
    text = create["message_data"]["text"]
    assert text == f"Tea &amp; &lt;cake&gt; at {url['url']}! 😀"
    start, end = url["indices"]
    assert text[start:end] == url["url"]
    assert (int(event["id"]) >> 22) + EPOCH_MS == int(event["created_timestamp"])


def test_a_sent_message_is_answered_as_captured_and_echoed_with_the_app(
    sandbox: Sandbox, connector: FakeConnector
) -> None:
    sandbox.register(connector)
    answer = sandbox.send_dm({"text": "testing"})
    assert answer.status_code == 200
    event = answer.json()["event"]
    assert event == {
        "type": "message_create",
        "id": event["id"],
        "created_timestamp": event["created_timestamp"],
        "message_create": {
            "target": {"recipient_id": CUSTOMER},
            "sender_id": ACCOUNT,
            "message_data": {
                "text": "testing",
                "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
            },
        },
    }
    (echo,) = until(connector.envelopes)
    create = echo["direct_message_events"][0]["message_create"]
    assert echo["direct_message_events"][0]["id"] == event["id"]
    assert echo["apps"][create["source_app_id"]]["name"] == "Acme Care"


def test_the_brands_own_app_is_named_in_the_echo_of_its_message(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("account/native-message", **PAIR, text="from my phone")
    (echo,) = until(connector.envelopes)
    assert echo["direct_message_events"][0]["message_create"]["source_app_id"] == "3033300"
    assert echo["apps"]["3033300"]["name"] == "Twitter Web App"


def test_ids_grow_strictly(sandbox: Sandbox) -> None:
    ids = [int(sandbox.post("customer/messages", **PAIR, text=str(n))["id"]) for n in range(50)]
    assert ids == sorted(set(ids))


def test_nobody_subscribed_means_the_customer_sees_a_failure(sandbox: Sandbox) -> None:
    dm = sandbox.post("customer/messages", **PAIR, text="anybody?")
    assert dm["state"] == "failed"
    assert "subscribed" in dm["reason"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"text": "x" * 10_001}, 403, 354),
        ({"text": ""}, 400, 38),
        ({}, 400, 38),
        ({"text": "x", "quick_reply": {"type": "options", "options": []}}, 400, 214),
        ({"text": "x", "quick_reply": {"type": "options", "options": [{"label": "x" * 37}]}}, 400, 214),
        ({"text": "x", "quick_reply": {"type": "options", "options": [{"label": "see http://a.b"}]}}, 400, 214),
        (
            {
                "text": "x",
                "quick_reply": {"type": "options", "options": [{"label": "a", "description": "b"}, {"label": "c"}]},
            },
            400,
            214,
        ),
        (
            {"text": "x", "quick_reply": {"type": "options", "options": [{"label": "a", "metadata": "x" * 1001}]}},
            400,
            214,
        ),
        ({"text": "x", "ctas": [{"type": "web_url", "label": "a", "url": "ftp://a"}]}, 400, 214),
        ({"text": "x", "ctas": [{"type": "web_url", "label": "a", "url": "https://a"}] * 4}, 400, 214),
        ({"text": "x", "attachment": {"type": "media", "media": {"id": "123"}}}, 400, 325),
        ({"text": "x", "attachment": {"type": "poll"}}, 400, 214),
    ],
)
def test_a_malformed_message_is_refused_and_not_stored(
    sandbox: Sandbox, data: dict[str, object], status: int, code: int
) -> None:
    answer = sandbox.send_dm(data)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert sandbox.get("twitter/messages")["messages"] == []


def test_limits_that_are_just_met_are_let_pass(sandbox: Sandbox) -> None:
    options = [{"label": "x" * 36, "description": "y" * 72, "metadata": "z" * 1000}] * 20
    ctas = [{"type": "web_url", "label": "Map", "url": "https://example.com/map"}] * 3
    data = {"text": "é" * 10_000, "quick_reply": {"type": "options", "options": options}, "ctas": ctas}
    answer = sandbox.send_dm(data)
    assert answer.status_code == 200
    shown = answer.json()["event"]["message_create"]["message_data"]
    assert shown["ctas"][0]["tco_url"].startswith("https://t.co/")


@pytest.mark.parametrize(("code", "status"), [(349, 403), (150, 403), (389, 403), (63, 403)])
def test_a_customer_may_refuse_messages(sandbox: Sandbox, code: int, status: int) -> None:
    sandbox.post("customer/refuse", customer_id=CUSTOMER, code=code)
    answer = sandbox.send_dm({"text": "hello"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    sandbox.post("customer/refuse", customer_id=CUSTOMER, code=None)
    assert sandbox.send_dm({"text": "hello"}).status_code == 200


def test_an_unknown_recipient_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.send_dm({"text": "x"}, to="404404404").json()["errors"][0]["code"] == 108
    answer = sandbox.send_dm({"text": "x"}, to="ada")
    assert answer.json()["errors"][0]["message"] == (
        "event.message_create.target.recipient_id: 'ada' is not a valid Long"
    )


def test_events_list_walks_back_through_both_directions(sandbox: Sandbox) -> None:
    ids = [sandbox.post("customer/messages", **PAIR, text="in")["id"] for _ in range(3)]
    ids += [sandbox.send_dm({"text": "out"}).json()["event"]["id"] for _ in range(2)]
    path = "/1.1/direct_messages/events/list.json"
    first = sandbox.twitter("GET", path, params={"count": 3}).json()
    second = sandbox.twitter("GET", path, params={"count": 3, "cursor": first["next_cursor"]}).json()
    assert [event["id"] for event in first["events"] + second["events"]] == ids[::-1]
    assert "next_cursor" not in second
    shown = sandbox.twitter("GET", "/1.1/direct_messages/events/show.json", params={"id": ids[0]}).json()
    assert shown["event"]["message_create"]["message_data"]["text"] == "in"


def test_typing_and_reading_go_both_ways(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sent = sandbox.send_dm({"text": "read me"}).json()["event"]["id"]
    dm = sandbox.post("customer/messages", **PAIR, text="and me")
    until(lambda: len(connector.events) == 2)
    sandbox.post("customer/typing", **PAIR)
    sandbox.post("customer/read", **PAIR)
    typing, read = until(lambda: connector.envelopes()[2:4] if len(connector.events) == 4 else None)
    (element,) = typing["direct_message_indicate_typing_events"]
    assert set(element) == {"created_timestamp", "sender_id", "target"}
    assert read["direct_message_mark_read_events"][0]["last_read_event_id"] == sent
    assert re.fullmatch(r"\d{13}", read["direct_message_mark_read_events"][0]["created_timestamp"])
    for path, form in (
        ("indicate_typing", {"recipient_id": CUSTOMER}),
        ("mark_read", {"recipient_id": CUSTOMER, "last_read_event_id": dm["id"]}),
    ):
        assert sandbox.twitter("POST", f"/1.1/direct_messages/{path}.json", data=form).status_code == 204
        assert sandbox.twitter("POST", f"/1.1/direct_messages/{path}.json", params=form).status_code == 204
    states = {entry["id"]: entry["state"] for entry in sandbox.get("twitter/messages")["messages"]}
    assert states == {sent: "read", dm["id"]: "read"}


def test_a_failed_event_is_tried_again_and_the_one_behind_it_overtakes(
    sandbox: Sandbox, connector: FakeConnector
) -> None:
    sandbox.register(connector)
    sandbox.post("settings", retry_delays=[0.3, 0.3])
    connector.event_statuses[:] = [503]
    first = sandbox.post("customer/messages", **PAIR, text="first")["id"]
    second = sandbox.post("customer/messages", **PAIR, text="second")["id"]
    until(lambda: len(connector.events) == 3)
    assert [envelope["direct_message_events"][0]["id"] for envelope in connector.envelopes()] == [first, second, first]
    bodies = [body for _, body in connector.events]
    assert bodies[0] == bodies[2]
    (delivery,) = until(lambda: sandbox.get("webhook-deliveries", event_id=first, status="delivered")["deliveries"])
    assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 200]


def test_an_event_is_lost_after_the_last_try(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("settings", retry_delays=[0.05])
    connector.event_statuses[:] = [500, 500]
    sandbox.post("customer/messages", **PAIR, text="lost")
    (dm,) = until(lambda: [m for m in sandbox.get("twitter/messages")["messages"] if m["state"] == "failed"])
    assert dm["reason"] == "the webhook answered 500"


def test_repeated_and_swapped_deliveries(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    late = sandbox.post("customer/messages", **PAIR, text="1", swap=True)["id"]
    early = sandbox.post("customer/messages", **PAIR, text="2", repeat_delivery=2)["id"]
    until(lambda: len(connector.events) == 3)
    ids = [envelope["direct_message_events"][0]["id"] for envelope in connector.envelopes()]
    assert sorted(ids) == sorted([late, early, early])
    assert ids[0] == early
    undelivered = sandbox.post("customer/messages", **PAIR, text="3", deliver=False)
    assert undelivered["state"] == "sent"
    sandbox.post("customer/messages", **PAIR, text="4")
    until(lambda: len(connector.events) == 4)
    assert undelivered["id"] not in json.dumps(connector.envelopes())


def test_more_threads_bring_events_side_by_side(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("settings", delivery_threads=4)
    together = threading.Barrier(4, timeout=5)
    connector.before_event = together.wait
    for text in "1234":
        sandbox.post("customer/messages", **PAIR, text=text)
    until(lambda: len(sandbox.get("webhook-deliveries", status="delivered")["deliveries"]) == 4)
    assert len(connector.events) == 4


def test_one_thread_keeps_the_order_of_events(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    ids = [sandbox.post("customer/messages", **PAIR, text=str(n))["id"] for n in range(30)]
    until(lambda: len(connector.events) == 30)
    assert [envelope["direct_message_events"][0]["id"] for envelope in connector.envelopes()] == ids
