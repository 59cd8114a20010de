"""GET /messages and GET /messages/{any id}: the message log as an operator's program reads it."""

from __future__ import annotations

import pytest
import redis
from flask.testing import FlaskClient

from tests.web.web_requests import ACCOUNT, HEADER, PATH, cim, dm, is_problem, post_event
from twitter_connector.bootstrap import Services
from twitter_connector.model.message_log import LogLine
from twitter_connector.model.work import Direction

MESSAGE = "8d3fd806-e865-441c-a93a-c5d8e6322e94"
# What the interface names, in every item.
FIELDS = {
    "direction", "kind", "state", "account_id", "customer_id", "x_ids", "cim_ids", "dead_letter_id", "reason", "tries",
    "happened_at", "received_at", "updated_at",
}  # fmt: skip


@pytest.fixture(autouse=True)
def arrived(client: FlaskClient) -> None:
    assert post_event(client, dm("1206724334791753732")).status_code == 200
    assert post_event(client, dm("1206724334791753733", sender="67890")).status_code == 200
    assert client.post("/cim-messages", json=cim()).status_code == 202


def test_the_list_has_the_fields_of_the_interface_and_no_text(client: FlaskClient) -> None:
    answer = client.get("/messages")
    items = answer.get_json()["items"]
    assert answer.get_json()["next"] is None
    assert [set(item) for item in items] == [FIELDS] * 3
    assert items[0] | {"happened_at": "", "received_at": "", "updated_at": ""} == {
        "direction": "outbound",
        "kind": "PLAIN",
        "state": "waiting",
        "account_id": ACCOUNT.id,
        "customer_id": "12345",
        "x_ids": [],
        "cim_ids": [MESSAGE],
        "dead_letter_id": None,
        "reason": None,
        "tries": 0,
        "happened_at": "",
        "received_at": "",
        "updated_at": "",
    }
    assert b"Your order" not in answer.get_data()
    assert b"Yes, you are" not in answer.get_data()


def test_each_filter_selects(client: FlaskClient) -> None:
    def count(query: str) -> int:
        return len(client.get(f"/messages?{query}").get_json()["items"])

    assert count("customer_id=12345") == 2
    assert count(f"account_id={ACCOUNT.id}") == 3
    assert count("account_id=1") == 0
    assert count("state=waiting") == 3
    assert count("state=delivered") == 0
    assert count("since=1h") == 3
    assert count("until=2020-01-01") == 0
    assert count("id=1206724334791753732") == 1
    assert count("id=1206724334791753732&customer_id=67890") == 0
    assert count("id=4711") == 0


def test_pages_follow_each_other(client: FlaskClient) -> None:
    first = client.get("/messages?limit=2").get_json()
    rest = client.get("/messages", query_string={"limit": 2, "after": first["next"]}).get_json()
    ids = [item["x_ids"] or item["cim_ids"] for item in (*first["items"], *rest["items"])]
    assert ids == [[MESSAGE], ["1206724334791753733"], ["1206724334791753732"]]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("limit=0", "limit"),
        ("since=yesterday", "since"),
        ("until=25:00", "until"),
        ("after=***", "after"),
        ("text=hello", "text"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_named(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/messages?{query}")
    assert answer.status_code == 400
    assert is_problem(answer)
    assert list(answer.get_json()["errors"]) == [field]


def test_a_message_is_shown_with_its_journey(client: FlaskClient, services: Services) -> None:
    post_event(client, dm("1206724334791753732"))
    services.lanes.accept([LogLine(Direction.OUT, ACCOUNT.id, MESSAGE, "delivered", 1, x_ids=("77",))])
    inbound = client.get("/messages/1206724334791753732").get_json()
    assert set(inbound) == {*FIELDS, "journey"}
    assert [step["event"] for step in inbound["journey"]] == ["received", "repeated"]
    assert {frozenset(step) for step in inbound["journey"]} == {frozenset({"at", "event", "detail"})}
    for any_id in (MESSAGE, "77"):
        outbound = client.get(f"/messages/{any_id}/").get_json()
        assert (outbound["state"], outbound["x_ids"], outbound["cim_ids"]) == ("delivered", ["77"], [MESSAGE])
        assert "delivered_at" in outbound
        assert "failed_at" not in outbound


@pytest.mark.parametrize("any_id", ["4711", "8d3fd806", "%2A", "a:b", "a%20b", "in:2975699229:dm:1"])
def test_an_unknown_id_is_404(client: FlaskClient, any_id: str) -> None:
    answer = client.get(f"/messages/{any_id}")
    assert answer.status_code == 404
    assert is_problem(answer)


def test_the_log_is_read_in_few_round_trips(client: FlaskClient, inspector: redis.Redis, services: Services) -> None:
    before = inspector.info("commandstats")
    client.get("/messages?limit=100")
    after = inspector.info("commandstats")
    calls = {
        name: stats["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, stats in after.items()
        if name not in ("cmdstat_info", "cmdstat_time")
    }
    assert sum(calls.values()) <= 6, calls


def test_the_history_of_an_account_says_what_happened_in_a_period(client: FlaskClient, services: Services) -> None:
    client.post(PATH, data=b"{}", headers={HEADER: "sha256=wrong"})
    services.accounts.note(ACCOUNT.id, webhook_valid=0)
    items = client.get(f"/accounts/{ACCOUNT.id}/history?since=1h").get_json()["items"]
    assert {item["event"] for item in items} == {"registered", "signature_refused", "webhook_invalid"}
    later = client.get(f"/accounts/{ACCOUNT.id}/history?until=2020-01-01").get_json()["items"]
    assert later == []
    assert client.get(f"/accounts/{ACCOUNT.id}/history?until=soon").status_code == 400


def test_the_log_is_for_internal_callers_only(client: FlaskClient) -> None:
    for path in ("/messages", f"/messages/{MESSAGE}"):
        assert client.get(path, headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 403
