"""Webhooks and subscriptions of API v1.1, and their challenges."""

import json
import time

import pytest
from fake_connector import FakeConnector, sign
from sandbox_process import ACCOUNT, PAIR, Sandbox, until

pytestmark = pytest.mark.integration

BASE = "/1.1/account_activity/all"
NON_200 = "Non-200 response code during CRC GET request (i.e. 404, 500, etc)."
SLOW = "High latency on CRC GET request. Your webhook should respond in less than 3 seconds."
WRONG = "Webhook URL does not meet the requirements. Invalid CRC token or json response format."
RULES = "Webhook URL does not meet the requirements."


def problem(answer: object) -> tuple[int, int, str]:
    error = answer.json()["errors"][0]  # type: ignore[attr-defined]
    return answer.status_code, error["code"], error["message"]  # type: ignore[attr-defined]


def test_register_challenges_the_webhook_with_a_signed_query(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook = sandbox.register(connector).json()
    assert webhook["valid"] is True
    assert webhook["url"] == sandbox.keys()["WEBHOOK-URL"]
    assert webhook["created_timestamp"].endswith(" +0000")
    ((query, headers),) = connector.crc_requests
    assert headers["x-twitter-webhooks-signature"] == sign(connector.secrets[ACCOUNT], query.encode())
    assert "nonce=" in query
    listed = sandbox.twitter("GET", f"{BASE}/sandbox/webhooks.json").json()
    assert listed == [webhook]
    bearer = {"Authorization": f"Bearer {sandbox.bearer()}"}
    everything = sandbox.twitter("GET", f"{BASE}/webhooks.json", auth=None, headers=bearer).json()
    assert everything == {"environments": [{"environment_name": "sandbox", "webhooks": [webhook]}]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, "{}"), NON_200),
        ((500, "{}"), NON_200),
        ((302, "{}"), NON_200),
        ((200, "<html>"), WRONG),
        ((200, "[]"), WRONG),
        ((200, json.dumps({"response_token": "sha256=AAAA"})), WRONG),
    ],
)
def test_a_webhook_that_fails_the_challenge_is_not_registered(
    sandbox: Sandbox, connector: FakeConnector, answer: tuple[int, str], message: str
) -> None:
    connector.crc = lambda account_id, token: answer
    url = {"url": sandbox.keys()["WEBHOOK-URL"]}
    refused = sandbox.twitter("POST", f"{BASE}/sandbox/webhooks.json", params=url)
    assert problem(refused) == (403, 214, message)
    assert sandbox.twitter("GET", f"{BASE}/sandbox/webhooks.json").json() == []


def test_a_webhook_that_takes_over_three_seconds_is_refused(sandbox: Sandbox, connector: FakeConnector) -> None:
    def slow(account_id: str, token: str) -> tuple[int, str]:
        time.sleep(3.3)
        return connector.prove(account_id, token)

    connector.secrets[ACCOUNT] = sandbox.keys()["API-KEY-SECRET"]
    connector.crc = slow
    url = {"url": sandbox.keys()["WEBHOOK-URL"]}
    assert problem(sandbox.twitter("POST", f"{BASE}/sandbox/webhooks.json", params=url)) == (403, 214, SLOW)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/hook", RULES),
        ("https://example.com:443/hook", RULES),
        ("ftp://127.0.0.1/hook", RULES),
        ("nonsense", RULES),
        ("https://example.com/hook", NON_200),
        ("http://127.0.0.1:9/hook", NON_200),
    ],
)
def test_a_url_has_to_follow_the_rules(sandbox: Sandbox, url: str, message: str) -> None:
    refused = sandbox.twitter("POST", f"{BASE}/sandbox/webhooks.json", params={"url": url})
    assert problem(refused) == (403, 214, message)


def test_an_environment_has_one_webhook_and_its_name_has_its_capitals(
    sandbox: Sandbox, connector: FakeConnector
) -> None:
    webhook = sandbox.register(connector).json()
    url = {"url": webhook["url"]}
    again = sandbox.twitter("POST", f"{BASE}/sandbox/webhooks.json", data=url)
    assert problem(again) == (403, 214, "Too many resources already created.")
    for env in ("Sandbox", "other"):
        assert problem(sandbox.twitter("GET", f"{BASE}/{env}/webhooks.json"))[:2] == (404, 34)
    missing = sandbox.twitter("DELETE", f"{BASE}/sandbox/webhooks/1.json")
    assert problem(missing)[:2] == (404, 34)
    removed = sandbox.twitter("DELETE", f"{BASE}/sandbox/webhooks/{webhook['id']}.json")
    assert (removed.status_code, removed.content) == (204, b"")
    assert problem(sandbox.twitter("GET", f"{BASE}/sandbox/subscriptions.json"))[:2] == (404, 34)


def test_an_invalid_webhook_gets_nothing_until_it_is_checked_again(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook = sandbox.register(connector).json()
    path = f"{BASE}/sandbox/webhooks/{webhook['id']}.json"
    connector.crc = lambda account_id, token: (500, "{}")
    assert problem(sandbox.twitter("PUT", path)) == (403, 214, NON_200)
    assert sandbox.twitter("GET", f"{BASE}/sandbox/webhooks.json").json()[0]["valid"] is False
    sandbox.post("customer/messages", **PAIR, text="unheard")
    (dm,) = until(lambda: [m for m in sandbox.get("twitter/messages")["messages"] if m["state"] == "failed"])
    assert dm["reason"] == "the webhook is not valid"
    connector.crc = connector.prove
    assert sandbox.twitter("PUT", path).status_code == 204
    sandbox.post("customer/messages", **PAIR, text="heard")
    until(lambda: connector.events)
    assert len(connector.events) == 1


def test_subscriptions_are_added_once_listed_counted_and_removed(sandbox: Sandbox, connector: FakeConnector) -> None:
    path = f"{BASE}/sandbox/subscriptions.json"
    assert problem(sandbox.twitter("POST", path))[:2] == (404, 34)
    sandbox.register(connector)
    assert problem(sandbox.twitter("POST", path)) == (409, 355, "Subscription already exists.")
    assert sandbox.twitter("GET", path).status_code == 204
    bearer = {"auth": None, "headers": {"Authorization": f"Bearer {sandbox.bearer()}"}}
    listed = sandbox.twitter("GET", f"{BASE}/sandbox/subscriptions/list.json", **bearer).json()
    assert listed == {
        "environment": "sandbox",
        "application_id": "27182818",
        "subscriptions": [{"user_id": ACCOUNT}],
    }
    for count in ("subscriptions/count", "count"):
        assert sandbox.twitter("GET", f"{BASE}/{count}.json", **bearer).json()["subscriptions_count"] == "1"
    by_app = f"{BASE}/sandbox/subscriptions/{ACCOUNT}.json"
    assert sandbox.twitter("DELETE", by_app, **bearer).status_code == 204
    assert sandbox.twitter("DELETE", by_app, **bearer).status_code == 404
    sandbox.twitter("POST", path)
    assert sandbox.twitter("DELETE", path).status_code == 204


def test_two_accounts_of_one_app_share_the_webhook(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    other = sandbox.post("accounts", share_app_with=ACCOUNT, screen_name="globex")
    other_id = other["WEBHOOK-URL"].rpartition("/")[2]
    assert other["API-KEY"] == sandbox.keys()["API-KEY"]
    assert sandbox.twitter("POST", f"{BASE}/sandbox/subscriptions.json", other_id).status_code == 204
    sandbox.send_dm({"text": "from brand to brand"}, to=other_id)
    until(lambda: len(connector.events) == 2)
    assert {envelope["for_user_id"] for envelope in connector.envelopes()} == {ACCOUNT, other_id}
    named = ["apps" in envelope for envelope in connector.envelopes() if envelope["for_user_id"] == other_id]
    assert named == [False]


def test_an_account_with_its_own_app_has_its_own_keys(sandbox: Sandbox, connector: FakeConnector) -> None:
    other = sandbox.post("accounts", id="555", name="Initech")
    assert other["API-KEY-SECRET"] != sandbox.keys()["API-KEY-SECRET"]
    sandbox.register(connector, "555")
    sandbox.post("customer/messages", account_id="555", customer_id=PAIR["customer_id"], text="hi")
    headers, body = until(lambda: connector.events)[0]
    assert headers["x-twitter-webhooks-signature"] == sign(other["API-KEY-SECRET"], body)


def test_a_revoked_token_is_dead_and_the_app_hears_of_it(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("revoke", account_id=ACCOUNT)
    (envelope,) = until(connector.envelopes)
    assert set(envelope) == {"user_event"}
    assert envelope["user_event"]["revoke"]["source"] == {"user_id": ACCOUNT}
    assert problem(sandbox.send_dm({"text": "x"}))[:2] == (401, 89)


def test_raw_events_are_signed_as_wished(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    connector.event_statuses[:] = [200, 401, 413]
    body = {"for_user_id": ACCOUNT, "direct_message_events": []}
    assert sandbox.post("events", account_id=ACCOUNT, body=body) == {"status": 200}
    assert sandbox.post("events", account_id=ACCOUNT, body=body, spoil=True) == {"status": 401}
    assert sandbox.post("events", account_id=ACCOUNT, raw="{broken") == {"status": 413}
    right, wrong = (headers["x-twitter-webhooks-signature"] for headers, _ in connector.events[:2])
    assert right == sign(connector.secrets[ACCOUNT], connector.events[0][1])
    assert wrong != right
