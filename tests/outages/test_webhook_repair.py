"""A webhook that Twitter has switched off or lost comes back, and what was missed meanwhile is read back once."""

from __future__ import annotations

import json

import pytest
import requests
from requests_oauthlib import OAuth1
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation

pytestmark = pytest.mark.integration


@pytest.fixture
def chat(tree: Tree) -> Conversation:
    return Account.registered(tree).customer()


def check(chat: Conversation) -> str:
    done = chat.account.tree.cli("check", chat.account.id)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status_of(account: Account) -> dict[str, object]:
    answer = account.tree.http.get(f"{account.tree.url}/webhook/twitter/{account.id}/status", timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def at_twitter(account: Account, method: str, path: str) -> requests.Response:
    """Act at Twitter with the account's own keys, behind the connector's back."""
    body = account.body
    auth = OAuth1(body["API-KEY"], body["API-KEY-SECRET"], body["ACCESS-TOKEN"], body["ACCESS-TOKEN-SECRET"])
    url = f"{account.tree.sandbox.url}/1.1/account_activity/all/{body['ENVIRONMENT-NAME']}/{path}"
    return account.tree.sandbox.http.request(method, url, auth=auth, timeout=20)


def test_nothing_is_changed_while_all_is_well(chat: Conversation) -> None:
    before = status_of(chat.account)
    assert "kept" in check(chat)
    assert status_of(chat.account)["webhook"] == before["webhook"]


def test_an_invalid_webhook_is_made_valid_again_and_what_it_missed_arrives(chat: Conversation) -> None:
    chat.customer_says("before")
    chat.await_ccm(["before"])
    chat.account.tree.sandbox.post("crc", account_id=chat.account.id, invalidate=True)
    assert status_of(chat.account)["webhook"]["valid"] is False  # type: ignore[index]
    for number in range(3):
        chat.customer_says(f"while it was off {number}")
    assert chat.ccm_texts() == ["before"]
    said = check(chat)
    assert "revalidated" in said
    assert "3 of them were missing" in said
    assert status_of(chat.account)["webhook"]["valid"] is True  # type: ignore[index]
    chat.await_ccm(["before", *(f"while it was off {n}" for n in range(3))])
    # Read back once more, nothing is new, and nothing comes twice.
    assert "0 of them were missing" in check(chat)
    chat.await_round_trip("the end")
    assert chat.ccm_texts() == ["before", *(f"while it was off {n}" for n in range(3)), "the end"]


def test_a_webhook_that_is_gone_is_registered_again(chat: Conversation) -> None:
    listed = at_twitter(chat.account, "GET", "webhooks.json").json()
    assert at_twitter(chat.account, "DELETE", f"webhooks/{listed[0]['id']}.json").status_code == 204
    chat.customer_says("nobody heard this")
    said = check(chat)
    assert "created" in said
    assert "subscribed" in said
    chat.await_ccm(["nobody heard this"])


def test_a_missing_subscription_is_made_again(chat: Conversation) -> None:
    assert at_twitter(chat.account, "DELETE", "subscriptions.json").status_code == 204
    chat.customer_says("nobody heard this")
    assert "subscribed" in check(chat)
    chat.await_ccm(["nobody heard this"])


def test_a_first_registration_brings_no_history(tree: Tree) -> None:
    account = Account.new(tree)
    chat = account.customer()
    chat.customer_says("long before anybody registered")
    assert account.register().status_code == 200
    assert " 0 messages" in check(chat)
    chat.await_round_trip("and now")
    assert chat.ccm_texts() == ["and now"]


def test_what_came_while_nobody_ran_is_read_back_at_the_next_start(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    chat.customer_says("before")
    chat.await_ccm(["before"])
    # The connector is down, Twitter gives up on the event, and the service comes back.
    chat.customer_says("missed", deliver=False)
    assert mortal.stop() == 0
    mortal.start()
    eventually(lambda: "missed" in chat.ccm_texts(), 30, what="the missed message at CCM")
    assert chat.ccm_texts() == ["before", "missed"]


def test_the_account_names_what_could_not_be_repaired(chat: Conversation) -> None:
    fault = chat.account.tree.sandbox.fault(
        family="twitter",
        path="account_activity",
        account_id=chat.account.id,
        status=403,
        body={"errors": [{"code": 453, "message": "You currently have access to a subset"}]},
    )
    try:
        done = chat.account.tree.cli("check", chat.account.id)
        assert done.returncode == 1
        assert "453" in done.stderr
        looked = chat.account.tree.cli("doctor", "--json")
        assert looked.returncode == 1
        assert any("453" in finding["advice"] for finding in json.loads(looked.stdout))
    finally:
        chat.account.tree.sandbox.lift(fault)
