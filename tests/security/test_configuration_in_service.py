"""Credentials that Twitter refuses, in the running service: CCM is asked, and what it has takes over by itself."""

from __future__ import annotations

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
    told = {"serviceIdentifier": account_id, "connectorConfigurations": rows}
    answer = tree.http.post(f"{tree.url}/connector-configurations", json=told, timeout=10)
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
