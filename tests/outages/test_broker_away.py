"""The broker hangs or dies under the running service: what was answered 200 or 202 arrives, once and in order."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation

pytestmark = pytest.mark.integration


@pytest.fixture
def chat(mortal: Tree) -> Conversation:
    chat = Account.registered(mortal).customer()
    # Every web process reads all accounts when it starts. One that has not met an account yet could not verify its
    # events without the broker, and would send Twitter away.
    before = set(mortal.pids("web-worker"))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(set(mortal.pids("web-worker")) - before) == 2, what="two new web processes")
    eventually(lambda: mortal.http.get(f"{mortal.url}/health/ready", timeout=5).ok, what="readiness")
    return chat


def broker_of(chat: Conversation) -> int:
    (pid,) = chat.account.tree.pids("broker")
    return pid


def journal_is_empty(tree: Tree) -> bool:
    return not (tree.var_dir / "journal" / "pending").exists()


def test_a_hanging_broker_costs_nothing_but_time(chat: Conversation) -> None:
    tree = chat.account.tree
    chat.customer_says("before")
    chat.await_ccm(["before"])
    broker = broker_of(chat)
    os.kill(broker, signal.SIGSTOP)
    try:
        for number in range(8):
            chat.customer_says(f"while it hangs {number}")
        reply = chat.agent_says("a reply meanwhile")
        eventually(lambda: len(delivered(chat)) >= 9, 20, what="acknowledgement of all events while the broker hangs")
        # Only the first ones paid for finding out; see queue/accept.py.
        slow = [seconds for seconds in delivered(chat) if seconds > 0.5]
        assert len(slow) <= 4, delivered(chat)
        asked = tree.cli("dead-letters", "list", seconds=15)
        assert asked.returncode == 1
        assert "broker does not answer" in asked.stderr
    finally:
        os.kill(broker, signal.SIGCONT)
    chat.customer_says("after")
    chat.await_ccm(["before", *(f"while it hangs {n}" for n in range(8)), "after"], 30)
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"
    assert chat.twitter_texts() == ["a reply meanwhile"]
    assert journal_is_empty(tree)


def test_a_broker_that_dies_again_and_again_loses_nothing(chat: Conversation) -> None:
    tree = chat.account.tree
    said, replies = [], []
    for round_ in range(3):
        for number in range(5):
            said.append(f"{round_}.{number}")
            chat.customer_says(said[-1])
            replies.append(chat.agent_says(f"reply {said[-1]}")["id"])
            if number == 2:
                eventually(lambda: tree.pids("broker"), what="a broker that was started again")
                tree.kill("broker")
        time.sleep(0.3)
    # A broker that dies between CCM's answer and its own has the message posted again, under the same id.
    eventually(lambda: len(chat.new_to_ccm()) >= len(said), 60, what="all messages at CCM")
    assert (found := chat.new_to_ccm()) == said, f"{found} instead of {said}"
    chat.await_twitter([f"reply {text}" for text in said], 60)
    for reply in replies:
        reports = eventually(lambda reply=reply: chat.reports(reply), 30, what="a delivery notification")  # type: ignore[misc]
        assert {report["status"] for report in reports} == {"DELIVERED"}
    assert eventually(lambda: journal_is_empty(tree), 10, what="an empty journal")


def test_a_restart_of_everything_delivers_what_lies_in_the_journal(chat: Conversation) -> None:
    tree = chat.account.tree
    os.kill(broker_of(chat), signal.SIGSTOP)
    chat.customer_says("written into the journal")
    eventually(lambda: len(delivered(chat)) == 1, 20, what="its acknowledgement")
    assert not journal_is_empty(tree)
    tree.kill_everything()
    tree.start()
    chat.await_ccm(["written into the journal"], 30)


def delivered(chat: Conversation) -> list[float]:
    """Return how long each acknowledged delivery of this account's events took, in seconds."""
    found = chat.account.tree.sandbox.get("webhook-deliveries")["deliveries"]
    return [
        delivery["attempts"][-1]["seconds"]
        for delivery in found
        if (delivery["for_user_id"], delivery["status"]) == (chat.account.id, "delivered")
    ]
