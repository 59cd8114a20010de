"""The X Activity API and Account Activity v2: subscriptions, events, replay."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_connector import FakeConnector, sign
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox, until

pytestmark = pytest.mark.integration

SUBSCRIPTIONS = "/2/activity/subscriptions"


def wanted(event_type: str = "dm.received", **more: Any) -> dict[str, Any]:
    return {"event_type": event_type, "filter": {"user_id": V2_ACCOUNT}, **more}


def test_a_message_reaches_the_webhook_in_its_envelope_and_signed(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.received")
    dm = sandbox.post("customer/messages", **V2_PAIR, text="hello & good day")
    until(lambda: connector.events)
    headers, body = connector.events[0]
    assert headers["x-twitter-webhooks-signature"] == sign(connector.secrets[V2_ACCOUNT], body)
    data = connector.envelopes()[0]["data"]
    assert set(connector.envelopes()[0]) == {"data"}
    assert (data["filter"], data["event_type"], data["tag"]) == ({"user_id": V2_ACCOUNT}, "dm.received", "ours")
    assert data["event_uuid"].lstrip("-").isdigit()
    (event,) = data["payload"]["direct_message_events"]
    assert event["id"] == dm["id"]
    assert event["message_create"]["sender_id"] == CUSTOMER
    assert event["message_create"]["message_data"]["text"] == "hello &amp; good day"
    assert data["payload"]["users"][CUSTOMER]["data"]["username"] == "ada"


def test_what_the_account_sends_comes_back_as_dm_sent(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.sent")
    sent = sandbox.as_user("POST", f"/2/dm_conversations/with/{CUSTOMER}/messages", json={"text": "hi"})
    (envelope,) = until(connector.envelopes)
    (event,) = envelope["data"]["payload"]["direct_message_events"]
    assert event["id"] == sent.json()["data"]["dm_event_id"]
    assert envelope["data"]["event_type"] == "dm.sent"
    assert event["message_create"]["source_app_id"] == "31415926"


def test_typing_and_reading_come_as_events_of_their_own(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.read", "dm.indicate_typing")
    sandbox.post("account/native-message", **V2_PAIR, text="from X's own app")
    sandbox.post("customer/typing", **V2_PAIR)
    sandbox.post("customer/read", **V2_PAIR)
    until(lambda: len(connector.events) == 2)
    typing, read = (envelope["data"] for envelope in connector.envelopes())
    assert typing["event_type"] == "dm.indicate_typing"
    assert typing["payload"]["direct_message_indicate_typing_events"][0]["sender_id"] == CUSTOMER
    assert read["event_type"] == "dm.read"
    assert read["payload"]["direct_message_mark_read_events"][0]["target"] == {"recipient_id": V2_ACCOUNT}


@pytest.mark.parametrize("shape", ["array", "object", "wrapped", "empty"])
def test_the_answer_to_a_new_subscription_has_four_shapes(sandbox: Sandbox, shape: str) -> None:
    sandbox.post("settings", subscription_answer=shape)
    answer = sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted(tag="t"))
    (listed,) = sandbox.as_app("GET", SUBSCRIPTIONS).json()["data"]
    if shape == "empty":
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        expected = {"array": [listed], "object": listed, "wrapped": {"subscription": listed}}[shape]
        assert answer.json() == {"data": expected, "meta": {"total_subscriptions": 1}}
    assert set(listed) == {"created_at", "event_type", "filter", "subscription_id", "tag", "updated_at"}


@pytest.mark.parametrize("status", [400, 409])
def test_a_second_subscription_to_the_same_is_a_duplicate(sandbox: Sandbox, status: int) -> None:
    sandbox.post("settings", subscription_duplicate_status=status)
    assert sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted()).status_code == 200
    again = sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted())
    assert again.status_code == status
    assert "Duplicate" in again.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        wanted("dm.nothing"),
        {"event_type": "dm.received"},
        wanted(color="red"),
        wanted(tag=""),
        wanted(webhook_id="1"),
        {"event_type": "dm.received", "filter": {"user_id": V2_ACCOUNT, "name": "x"}},
    ],
)
def test_a_subscription_that_is_not_in_the_document_is_refused(sandbox: Sandbox, body: dict[str, Any]) -> None:
    answer = sandbox.as_user("POST", SUBSCRIPTIONS, json=body)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Invalid Request"


def test_private_events_need_the_token_of_their_user(sandbox: Sandbox) -> None:
    assert sandbox.as_app("POST", SUBSCRIPTIONS, json=wanted()).status_code == 403
    other = {"event_type": "dm.received", "filter": {"user_id": CUSTOMER}}
    assert sandbox.as_user("POST", SUBSCRIPTIONS, json=other).status_code == 403
    sandbox.post("settings", subscription_oauth1=False)
    refused = sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted())
    assert refused.json()["type"].endswith("unsupported-authentication")
    token = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
    assert sandbox.with_token("POST", SUBSCRIPTIONS, token, json=wanted()).status_code == 200


def test_one_event_type_can_be_refused(sandbox: Sandbox) -> None:
    sandbox.post("settings", subscription_refused_types=["dm.read"])
    assert sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted("dm.read")).status_code == 403
    assert sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted("dm.sent")).status_code == 200


def test_subscriptions_are_listed_page_by_page_and_deleted(sandbox: Sandbox) -> None:
    for event_type in ("dm.received", "dm.sent", "dm.read"):
        sandbox.as_user("POST", SUBSCRIPTIONS, json=wanted(event_type))
    first = sandbox.as_app("GET", SUBSCRIPTIONS, params={"max_results": 2}).json()
    assert first["meta"]["total_subscriptions"] == 3
    token = first["meta"]["next_token"]
    second = sandbox.as_app("GET", SUBSCRIPTIONS, params={"max_results": 2, "pagination_token": token}).json()
    found = [*first["data"], *second["data"]]
    assert [entry["event_type"] for entry in found] == ["dm.received", "dm.sent", "dm.read"]
    assert "next_token" not in second["meta"]
    ids = [entry["subscription_id"] for entry in found]
    one = sandbox.as_app("DELETE", f"{SUBSCRIPTIONS}/{ids[0]}")
    assert one.json() == {"data": {"deleted": True}, "meta": {"total_subscriptions": 2}}
    rest = sandbox.as_app("DELETE", SUBSCRIPTIONS, params={"ids": f"{ids[1]},{ids[2]},1"}).json()
    assert [entry["deleted"] for entry in rest["data"]] == [True, True]
    assert rest["errors"][0]["subscription_id"] == "1"


def test_a_subscription_whose_webhook_is_gone_delivers_again_after_put(
    sandbox: Sandbox, connector: FakeConnector
) -> None:
    former = sandbox.subscribe(connector, "dm.received")
    sandbox.as_app("DELETE", f"/2/webhooks/{former}")
    assert sandbox.post("customer/messages", **V2_PAIR, text="lost")["deliveries"] == {}
    webhook_id = sandbox.subscribe(connector)
    (listed,) = sandbox.as_app("GET", SUBSCRIPTIONS).json()["data"]
    changed = sandbox.as_app("PUT", f"{SUBSCRIPTIONS}/{listed['subscription_id']}", json={"webhook_id": webhook_id})
    assert changed.json()["data"]["subscription"]["webhook_id"] == webhook_id
    assert changed.json()["data"]["subscription"]["tag"] == "ours"
    sandbox.post("customer/messages", **V2_PAIR, text="here")
    until(lambda: connector.events)


def test_an_event_that_fails_is_not_tried_again(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.received")
    connector.event_statuses[:] = [503]
    dm = sandbox.post("customer/messages", **V2_PAIR, text="once")
    (delivery,) = sandbox.get("webhook-deliveries", event_id=dm["id"], wait=5)["deliveries"]
    assert (delivery["status"], [attempt["status"] for attempt in delivery["attempts"]]) == ("failed", [503])


def test_events_are_shuffled_and_doubled_on_demand(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.received")
    sandbox.post("settings", shuffle=40, doubled_share=1.0)
    sent = [sandbox.post("customer/messages", **V2_PAIR, text=str(n))["id"] for n in range(20)]
    until(lambda: len(connector.events) == 40)
    got = [e["data"]["payload"]["direct_message_events"][0]["id"] for e in connector.envelopes()]
    assert sorted(got, key=int) == sorted(sent * 2, key=int)
    assert got != sorted(got, key=int)
    uuids = {envelope["data"]["event_uuid"] for envelope in connector.envelopes()}
    assert len(uuids) == 20


def test_other_families_are_published_on_demand(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "profile.update.bio")
    payload = {"before": "a", "after": "b"}
    sent = sandbox.post("activity", account_id=V2_ACCOUNT, event_type="profile.update.bio", payload=payload)
    assert sent == {"subscriptions": 1}
    (envelope,) = until(connector.envelopes)
    assert envelope["data"]["payload"] == payload


def test_a_revoked_app_hears_it_and_loses_everything(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector, "dm.received")
    body = {"event_type": "oauth.revoke", "filter": {}, "webhook_id": webhook_id}
    assert sandbox.as_app("POST", SUBSCRIPTIONS, json=body).status_code == 200
    token = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
    sandbox.post("revoke", account_id=V2_ACCOUNT)
    (envelope,) = until(connector.envelopes)
    assert envelope["data"]["filter"] == {}
    assert envelope["data"]["payload"]["user_id"] == V2_ACCOUNT
    assert sandbox.with_token("GET", "/2/users/me", token).status_code == 401
    assert sandbox.as_user("GET", "/2/users/me").status_code == 401
    left = sandbox.as_app("GET", SUBSCRIPTIONS).json()["data"]
    assert [entry["event_type"] for entry in left] == ["oauth.revoke"]


def test_account_activity_v2_delivers_bodies_of_v1(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector)
    path = f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all"
    assert sandbox.as_user("GET", path).status_code == 404
    assert sandbox.as_user("POST", path, json={}).json() == {"data": {"subscribed": True}}
    again = sandbox.as_user("POST", path, json={})
    assert again.json()["errors"][0]["message"].startswith("DuplicateSubscriptionFailed")
    listed = sandbox.as_app("GET", f"{path}/list").json()["data"]
    assert listed["subscriptions"] == [{"user_id": V2_ACCOUNT}]
    sandbox.post("customer/messages", **V2_PAIR, text="hello")
    sandbox.post("customer/typing", **V2_PAIR)
    until(lambda: len(connector.events) == 2)
    message, typing = connector.envelopes()
    assert message["for_user_id"] == typing["for_user_id"] == V2_ACCOUNT
    assert message["direct_message_events"][0]["message_create"]["sender_id"] == CUSTOMER
    assert "direct_message_indicate_typing_events" in typing
    count = sandbox.as_app("GET", "/2/account_activity/subscriptions/count").json()["data"]
    assert count["subscriptions_count_all"] == "1"
    gone = sandbox.as_app("DELETE", f"/2/account_activity/webhooks/{webhook_id}/subscriptions/{V2_ACCOUNT}/all")
    assert gone.json() == {"data": {"subscribed": False}}


def test_a_replay_delivers_again_and_reports_its_end(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector, "dm.received", "post.mention.create")
    connector.event_statuses[:] = [503, 200]
    sent = [sandbox.post("customer/messages", **V2_PAIR, text=str(n))["id"] for n in range(2)]
    mention = sandbox.post("customer/posts", customer_id=CUSTOMER, text="@northwind help")["id"]
    until(lambda: len(connector.events) == 3)
    connector.events.clear()
    now = datetime.now(UTC)
    first, last = (f"{now - timedelta(minutes=n):%Y%m%d%H%M}" for n in (5, 0))
    body = {"webhook_id": webhook_id, "from_date": first, "to_date": last}
    early = sandbox.as_app("POST", "/2/webhooks/replay", json=body)
    assert early.json()["errors"][0]["message"].startswith("QueryParamInvalid")
    sandbox.post("settings", replay_from_minutes=0, replay_to_minutes=0, replay_seconds=0.3)
    started = sandbox.as_app("POST", "/2/webhooks/replay", json=body)
    job_id = started.json()["data"]["job_id"]
    conflict = sandbox.as_app("POST", "/2/webhooks/replay", json=body)
    assert conflict.json()["errors"][0]["message"].startswith("ReplayConflictError")
    until(lambda: len(connector.events) == 4)
    *events, post, status = connector.envelopes()
    assert [e["data"]["payload"]["direct_message_events"][0]["id"] for e in events] == sent
    assert (post["data"]["event_type"], post["data"]["payload"]["id"]) == ("post.mention.create", mention)
    assert status["replay_job_status"] == {
        "webhook_id": webhook_id,
        "job_state": "Complete",
        "job_state_description": "Job completed successfully",
        "job_id": job_id,
    }


def test_a_subscribed_account_counts_as_registered_until_a_reset(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "dm.received")
    people = {person["id"]: person["registered"] for person in sandbox.get("people")["accounts"]}
    assert people[V2_ACCOUNT] is True
    sandbox.post("reset")
    assert sandbox.as_app("GET", SUBSCRIPTIONS).json()["data"] == []
