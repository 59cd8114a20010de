"""Credentials that Twitter refuses, in the running service: CCM is asked, and what it has takes over by itself."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from tree import Tree, eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def account(tree: Tree) -> dict[str, str]:
    """A registered account on the shared service: the body of its registration."""
    body: dict[str, str] = tree.sandbox.post("accounts")
    answer = tree.http.post(f"{tree.url}/webhook/twitter/register-and-subscribe", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return body


def id_of(body: dict[str, str]) -> str:
    return body["WEBHOOK-URL"].rpartition("/")[2]


def push(tree: Tree, account_id: str, **values: str) -> dict[str, Any]:
    rows = [{"key": key.replace("_", "-"), "type": "String2000", "value": value} for key, value in values.items()]
    configuration = {"serviceIdentifier": account_id, "connectorConfigurations": rows}
    answer = tree.http.post(f"{tree.url}/connector-configurations", json=configuration, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def agent_says(tree: Tree, account_id: str, customer_id: str, text: str) -> None:
    message = {
        "id": str(uuid.uuid4()),
        "header": {"channelData": {"channelCustomerIdentifier": customer_id, "serviceIdentifier": account_id}},
        "body": {"type": "PLAIN", "markdownText": text},
    }
    assert tree.http.post(f"{tree.url}/cim-messages", json=message, timeout=10).status_code == 202


def heard(tree: Tree, account_id: str, customer_id: str) -> list[tuple[str, str]]:
    """Return status and sentence of what CCM heard about its messages, in the order in which it did."""
    found = tree.sandbox.get("ccm/messages", account_id=account_id, customer_id=customer_id)["messages"]
    bodies = [m["message"]["body"] for m in found if m["type"] == "DELIVERYNOTIFICATION"]
    return [(body["status"], body["markdownText"]) for body in bodies]


def pulls(tree: Tree, account_id: str) -> int:
    found = tree.sandbox.get("requests", family="ccm", path=f"channel-connectors/configurations/{account_id}")
    return len(found["requests"])


def shown(tree: Tree, account_id: str) -> dict[str, Any]:
    found: dict[str, Any] = tree.http.get(f"{tree.url}/accounts/{account_id}", timeout=10).json()
    return found


def texts(tree: Tree, account_id: str, customer_id: str) -> list[str]:
    found = tree.sandbox.get("twitter/messages", account_id=account_id, customer_id=customer_id)["messages"]
    return [dm["text"] for dm in found]


def test_refused_credentials_are_replaced_by_those_of_ccm_and_the_reply_goes_out(
    tree: Tree, account: dict[str, str]
) -> None:
    account_id = id_of(account)
    (customer,) = tree.sandbox.post("customers")["customers"]
    agent_says(tree, account_id, customer["id"], "before")
    eventually(lambda: texts(tree, account_id, customer["id"]) == ["before"], what="the first text at Twitter")
    assert push(tree, account_id, ACCESS_TOKEN_SECRET="mistyped-in-unified-admin")["changed"] is True
    # CCM still has the right one, under its own names. A worker may remember the former for a second.
    said = ["before"]

    def asked_of_ccm() -> list[str]:
        said.append(f"after {len(said)}")
        agent_says(tree, account_id, customer["id"], said[-1])
        requests = tree.sandbox.get("requests", family="ccm", path="configurations")["requests"]
        return [r["path"] for r in requests if r["path"].endswith(account_id)]

    assert len(eventually(asked_of_ccm, what="a question to CCM")) == 1
    eventually(lambda: texts(tree, account_id, customer["id"]) == said, 30, what="all texts at Twitter, in order")
    assert push(tree, account_id, ACCESS_TOKEN_SECRET=account["ACCESS-TOKEN-SECRET"])["changed"] is False


def test_a_push_ends_the_pause_of_an_account_for_which_ccm_had_nothing_better(
    tree: Tree, account: dict[str, str]
) -> None:
    account_id = id_of(account)
    (customer,) = tree.sandbox.post("customers")["customers"]
    away = tree.sandbox.fault(family="ccm", path=f"{account_id}$", status=404)
    push(tree, account_id, ACCESS_TOKEN_SECRET="mistyped-in-unified-admin")
    said = []

    def pauses() -> Any:
        if not said or texts(tree, account_id, customer["id"]) == said:
            said.append(f"text {len(said)}")
            agent_says(tree, account_id, customer["id"], said[-1])
        return tree.http.get(f"{tree.url}/accounts/{account_id}", timeout=10).json()["pauses"]

    assert eventually(pauses, what="the pause")["outbound"]["reason"] == "credentials_rejected"
    tree.sandbox.lift(away)
    push(tree, account_id, TOKEN_SECRET=account["ACCESS-TOKEN-SECRET"])
    eventually(lambda: texts(tree, account_id, customer["id"]) == said, what="all texts at Twitter, in order")
    assert tree.http.get(f"{tree.url}/accounts/{account_id}", timeout=10).json()["pauses"] == {}


def test_replies_of_an_account_nobody_registered_go_out_with_the_credentials_ccm_has(tree: Tree) -> None:
    account: dict[str, str] = tree.sandbox.post("accounts")
    account_id = id_of(account)
    one, other = tree.sandbox.post("customers", count=2)["customers"]
    said = [f"text {number}" for number in range(5)]
    for text in said:
        agent_says(tree, account_id, one["id"], text)
    agent_says(tree, account_id, other["id"], "and you?")
    eventually(lambda: heard(tree, account_id, one["id"]) == [("DELIVERED", "")] * 5, what="all reports")
    eventually(lambda: heard(tree, account_id, other["id"]) == [("DELIVERED", "")], what="the other report")
    assert texts(tree, account_id, one["id"]) == said
    assert pulls(tree, account_id) == 1
    # It sends, and does nothing else; what is missing is said wherever somebody may look.
    found = shown(tree, account_id)
    assert (found["state"], found["webhook"], found.get("environment")) == ("attention", None, None)
    assert (found["subscribed"], found["registered_at"]) == (False, None)
    assert "register-and-subscribe" in found["attention"]
    status = tree.http.get(f"{tree.url}/webhook/twitter/{account_id}/status", timeout=20)
    assert (status.status_code, status.json()["subscribed"]) == (200, False)
    findings = [f for f in json.loads(tree.cli("doctor", "--json").stdout) if f["what"] == f"account {account_id}"]
    assert [found["attention"] in f.values() for f in findings].count(True) == 1
    checked = tree.cli("check", account_id)
    assert (checked.returncode, found["attention"] in checked.stderr) == (1, True)
    assert "--file" in tree.cli("webhooks", "list", "--account", account_id).stderr
    asked = tree.sandbox.get("requests", family="twitter", path="account_activity")["requests"]
    assert [r["path"] for r in asked if r["account_id"] == account_id] == []
    # Registering completes the same account.
    answer = tree.http.post(f"{tree.url}/webhook/twitter/register-and-subscribe", json=account, timeout=60)
    assert (answer.status_code, answer.json()["actions"]) == (200, ["created", "subscribed"])
    assert (shown(tree, account_id)["state"], shown(tree, account_id)["subscribed"]) == ("active", True)
    for secret in ("API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET"):
        assert account[secret] not in tree.output()
    # Unregistered on purpose, it stays away, whatever CCM still has. The worker learns of it a moment later.
    assert tree.http.delete(f"{tree.url}/webhook/twitter/{account_id}", timeout=60).status_code == 204

    def refused() -> list[str]:
        reports = heard(tree, account_id, one["id"])
        sentences = [sentence for status, sentence in reports if status == "FAILED"]
        if not sentences and len(reports) == len(said):
            said.append("too late")
            agent_says(tree, account_id, one["id"], said[-1])
        return sentences

    assert "unregistered here" in eventually(refused, what="a reply that is refused")[0]
    assert texts(tree, account_id, one["id"]) == said[:-1]
    assert pulls(tree, account_id) == 1


def test_ccm_is_asked_once_about_an_account_it_does_not_know_however_many_messages_come(tree: Tree) -> None:
    account_id = id_of(tree.sandbox.post("accounts"))
    tree.sandbox.post("ccm/configuration", account_id=account_id, state="missing")
    customers = [c["id"] for c in tree.sandbox.post("customers", count=4)["customers"]]
    for number in range(12):
        agent_says(tree, account_id, customers[number % 4], f"text {number}")
    eventually(lambda: sum(len(heard(tree, account_id, c)) for c in customers) == 12, what="twelve reports")
    assert {status for c in customers for status, _ in heard(tree, account_id, c)} == {"FAILED"}
    assert any("no credentials" in sentence for c in customers for _, sentence in heard(tree, account_id, c))
    assert pulls(tree, account_id) == 1
    # Saved in Unified Admin at last; CCM pushes, and what it said before does not count any more.
    tree.sandbox.post("ccm/configuration", account_id=account_id, state="saved")
    assert push(tree, account_id)["registered"] is False
    agent_says(tree, account_id, customers[0], "at last")
    eventually(lambda: texts(tree, account_id, customers[0]) == ["at last"], what="the text at Twitter")
    assert pulls(tree, account_id) == 2
