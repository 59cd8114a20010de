"""Webhooks of API v2: create, list, validate, delete, and X's reasons for a refusal."""

import json

import pytest
from fake_connector import FakeConnector
from sandbox_process import ACCOUNT, V2_ACCOUNT, Sandbox

pytestmark = pytest.mark.integration


def reason(answer: object) -> str:
    """Return the reason in front of the message of an invalid request."""
    message: str = answer.json()["errors"][0]["message"]  # type: ignore[attr-defined]
    return message.partition(":")[0]


def test_a_webhook_is_challenged_before_it_exists(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector)
    assert len(connector.crc_requests) == 1
    listed = sandbox.as_app("GET", "/2/webhooks").json()
    (shown,) = listed["data"]
    assert (shown["id"], shown["url"], shown["valid"]) == (webhook_id, sandbox.keys(V2_ACCOUNT)["WEBHOOK-URL"], True)
    assert listed["meta"] == {"result_count": 1}


def test_a_wrong_answer_to_the_challenge_is_a_crc_validation_failure(
    sandbox: Sandbox, connector: FakeConnector
) -> None:
    connector.crc = lambda account_id, token: (200, json.dumps({"response_token": "sha256=wrong"}))
    url = sandbox.keys(V2_ACCOUNT)["WEBHOOK-URL"]
    answer = sandbox.as_app("POST", "/2/webhooks", json={"url": url})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "errors": [
            {
                "message": "CrcValidationFailed: URL returned bad response during CRC with error: Invalid "
                "`response_token`"
            }
        ],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    }


@pytest.mark.parametrize(
    "url", ["http://example.com/hook", "https://example.com:8443/hook", "https://e.x/" + "a" * 200]
)
def test_a_url_against_the_rules_is_refused(sandbox: Sandbox, url: str) -> None:
    assert reason(sandbox.as_app("POST", "/2/webhooks", json={"url": url})) == "UrlValidationFailed"


def test_a_url_is_registered_once_and_one_webhook_is_all_there_is(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector)
    url = sandbox.keys(V2_ACCOUNT)["WEBHOOK-URL"]
    assert reason(sandbox.as_app("POST", "/2/webhooks", json={"url": url})) == "DuplicateUrlFailed"
    assert reason(sandbox.as_app("POST", "/2/webhooks", json={"url": f"{url}9"})) == "WebhookLimitExceeded"
    sandbox.post("settings", webhook_duplicate_reason="WebhookLimitExceeded")
    assert reason(sandbox.as_app("POST", "/2/webhooks", json={"url": url})) == "WebhookLimitExceeded"


def test_the_limit_on_webhooks_is_one_for_all_apps_of_a_developer(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector)
    sandbox.post("accounts", id="777", api="v2", share_developer_with=V2_ACCOUNT)
    url = sandbox.keys("777")["WEBHOOK-URL"]
    assert reason(sandbox.as_app("POST", "/2/webhooks", "777", json={"url": url})) == "WebhookLimitExceeded"
    assert sandbox.as_app("GET", "/2/webhooks", "777").json()["data"] == []


def test_an_invalid_webhook_becomes_valid_by_put(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector)
    sandbox.post("crc", account_id=V2_ACCOUNT, invalidate=True)
    assert sandbox.as_app("GET", "/2/webhooks").json()["data"][0]["valid"] is False
    assert sandbox.as_app("PUT", f"/2/webhooks/{webhook_id}").json() == {"data": {"valid": True}}
    assert sandbox.as_app("GET", "/2/webhooks").json()["data"][0]["valid"] is True


@pytest.mark.parametrize(("status", "valid"), [(500, True), (404, True), (302, False), (200, False)])
def test_a_failed_check_makes_a_webhook_invalid_only_where_it_is_final(
    sandbox: Sandbox, connector: FakeConnector, status: int, valid: bool
) -> None:
    webhook_id = sandbox.subscribe(connector)
    connector.crc = lambda account_id, token: (status, "{}")
    assert reason(sandbox.as_app("PUT", f"/2/webhooks/{webhook_id}")) == "CrcValidationFailed"
    assert sandbox.as_app("GET", "/2/webhooks").json()["data"][0]["valid"] is valid


def test_a_webhook_can_be_deleted_by_its_own_app_only(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector)
    assert reason(sandbox.as_app("DELETE", f"/2/webhooks/{webhook_id}", ACCOUNT)) == "WebhookIdInvalid"
    assert sandbox.as_app("DELETE", f"/2/webhooks/{webhook_id}").json() == {"data": {"deleted": True}}
    assert reason(sandbox.as_app("DELETE", f"/2/webhooks/{webhook_id}")) == "WebhookIdInvalid"


def test_an_empty_list_may_lack_its_data(sandbox: Sandbox) -> None:
    assert sandbox.as_app("GET", "/2/webhooks").json() == {"data": [], "meta": {"result_count": 0}}
    sandbox.post("settings", webhook_empty_data=False)
    assert sandbox.as_app("GET", "/2/webhooks").json() == {"meta": {"result_count": 0}}


def test_a_list_needs_the_app_only_token(sandbox: Sandbox) -> None:
    answer = sandbox.as_user("GET", "/2/webhooks")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/unsupported-authentication")
    token = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
    assert sandbox.with_token("GET", "/2/webhooks", token).status_code == 403
    assert sandbox.with_token("GET", "/2/webhooks", "nothing").json()["title"] == "Unauthorized"


def test_an_app_of_api_v2_gets_453_from_api_v1(sandbox: Sandbox) -> None:
    answer = sandbox.as_user("GET", "/1.1/account/verify_credentials.json")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == 453


def test_both_demo_accounts_have_a_register_body(sandbox: Sandbox) -> None:
    demos = sandbox.get("demos")
    assert demos["v1.1"] == sandbox.get("demo")
    assert "ENVIRONMENT-NAME" in demos["v1.1"]
    assert set(demos["v2"]) == {"API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET", "WEBHOOK-URL"}
    assert demos["v2"]["WEBHOOK-URL"].endswith(f"/{V2_ACCOUNT}")


def test_the_control_api_looks_at_the_host_header(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    for host, status in (("evil.example", 403), (f"evil.example:{port}", 403), (f"localhost:{port}", 200)):
        answer = sandbox.http.get(f"{sandbox.url}/_sandbox/demos", headers={"Host": host}, timeout=10)
        assert answer.status_code == status, host
