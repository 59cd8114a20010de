"""CCM or Twitter is down for a while: probed, not hammered; and everything arrives in order when it is back."""

from __future__ import annotations

import time

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation

pytestmark = pytest.mark.integration


@pytest.fixture
def account(tree: Tree) -> Account:
    return Account.registered(tree)


def asked(account: Account, since: float) -> int:
    """Return how many requests CCM got for this account since a moment."""
    found = account.tree.sandbox.get("ccm/messages", account_id=account.id)["messages"]
    return sum(1 for request in found if request["received_at"] >= since)


def test_a_dead_ccm_is_probed_and_not_hammered_and_then_hears_everything_in_order(account: Account) -> None:
    sandbox = account.tree.sandbox
    fault = sandbox.fault(family="ccm", account_id=account.id, status=503)
    chats = account.customers(20)
    for number in range(3):
        for chat in chats:
            chat.customer_says(str(number))
    # Let it find out; from then on only probes are sent, whatever the number of conversations that wait.
    eventually(lambda: sandbox.hits(fault) >= 6, 20, what="enough failures to notice")
    time.sleep(1.5)
    assert account.shown()["state"] == "unreachable"
    assert account.shown()["unreachable"]["inbound"]["side"] == "CCM"
    since, before = time.time(), sandbox.hits(fault)
    time.sleep(6)
    probes = sandbox.hits(fault) - before
    assert 0 < probes <= 6, f"{probes} requests in {time.time() - since:.1f} s for 20 waiting conversations"
    sandbox.lift(fault)
    lifted = time.monotonic()
    for chat in chats:
        chat.await_ccm(["0", "1", "2"], 40)
    # Whoever waited goes on with the first probe that succeeds, not at the end of a wait of its own.
    assert time.monotonic() - lifted < 25


def test_one_account_whose_ccm_channel_fails_does_not_hold_up_another(tree: Tree, account: Account) -> None:
    other = Account.registered(tree).customer()
    fault = tree.sandbox.fault(family="ccm", account_id=account.id, status=503)
    try:
        for chat in account.customers(10):
            chat.customer_says("waits")
        eventually(lambda: tree.sandbox.hits(fault) >= 6, 20, what="enough failures to notice")
        begun = time.monotonic()
        other.customer_says("goes through")
        other.await_ccm(["goes through"], 5)
        assert time.monotonic() - begun < 3
    finally:
        tree.sandbox.lift(fault)


def test_credentials_that_are_refused_pause_the_account_and_a_registration_resumes_it(account: Account) -> None:
    chat: Conversation = account.customer()
    sandbox = account.tree.sandbox
    fault = sandbox.fault(
        family="twitter",
        path="events/new",
        account_id=account.id,
        status=401,
        body={"errors": [{"code": 89, "message": "Invalid or expired token"}]},
    )
    first, second = chat.agent_says("one"), chat.agent_says("two")
    paused = eventually(lambda: account.shown()["pauses"].get("outbound"), 20, what="a pause of the account")
    assert paused["reason"] == "token_revoked"
    assert "Make a new one" in paused["detail"]
    assert account.shown()["state"] == "paused"
    assert chat.reports() == [], "nothing has failed: both messages wait"
    sandbox.lift(fault)
    assert account.register().status_code == 200
    chat.await_twitter(["one", "two"], 15)
    for reply in (first, second):
        assert chat.await_report(reply["id"])["status"] == "DELIVERED"


def test_twitters_allowance_can_be_seen(account: Account) -> None:
    chat = account.customer()
    fault = account.tree.sandbox.fault(
        family="twitter",
        path="events/new",
        account_id=account.id,
        times=1,
        action="act_then_answer",
        status=429,
        headers={"x-rate-limit-limit": "15", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+2}"},
        body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    )
    chat.agent_says("hello")
    limits = eventually(lambda: account.shown()["twitter_limits"], 10, what="a position")
    assert limits["events/new"]["remaining"] == 0
    metrics = account.tree.http.get(f"{account.tree.url}/metrics", timeout=10).text
    line = f'twitter_connector_twitter_remaining{{account="{account.id}",endpoint="events/new"}} 0.0'
    assert line in metrics
    account.tree.sandbox.lift(fault)
