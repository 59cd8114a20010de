"""One endpoint of X's that is limited, refused or down, in the whole service: other messages go out at once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation
from tests.integration.media_files import agent_attaches
from tests.media.files import PNG

pytestmark = pytest.mark.integration

LIMITED = {
    "status": 429,
    "headers": {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+40}"},
    "body": {"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
}
OVERLOADED = {"status": 503, "body": {"errors": [{"code": 130, "message": "Over capacity"}]}}
PLAN = {"status": 403, "body": {"errors": [{"code": 453, "message": "You currently have access to a subset"}]}}


def broken(account: Account, path: str, **answer: Any) -> Any:
    return account.tree.sandbox.fault(family="twitter", path=path, account_id=account.id, times=20, **answer)


def paused(account: Account) -> Any:
    return account.shown()["pauses"].get("outbound")


@pytest.mark.parametrize("answer", [LIMITED, OVERLOADED, PLAN], ids=["429", "503", "403"])
def test_a_text_to_another_customer_goes_out_at_once_while_pictures_cannot(
    account: Account, answer: dict[str, Any]
) -> None:
    fault = broken(account, "media/upload", **answer)
    pictures = account.customers(3)
    for chat in pictures:
        agent_attaches(chat, "IMAGE", PNG, f"{chat.customer_id}.png", "image/png")
        chat.agent_says("behind the picture")
    eventually(lambda: account.tree.sandbox.hits(fault) >= 1, what="an upload that is refused")
    other = account.customer()
    started = time.monotonic()
    other.agent_says("a text")
    other.await_twitter(["a text"])
    assert time.monotonic() - started < 5
    assert paused(account) is None
    for chat in pictures:
        # In the picture's own conversation the order is kept; a refusal for good lets the text pass.
        if answer is PLAN:
            chat.await_twitter(["behind the picture"])
        else:
            assert chat.twitter_messages() == []


@pytest.mark.parametrize("answer", [OVERLOADED, PLAN], ids=["503", "403"])
def test_a_read_mark_that_x_refuses_is_no_matter_for_ccm(chat: Conversation, answer: dict[str, Any]) -> None:
    account = chat.account
    chat.customer_says("hello")
    chat.await_ccm(["hello"])
    cim_id = chat.ccm_messages()[0]["id"]
    fault = broken(account, "mark_read", **answer)
    chat.agent_sends(body={"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"})
    eventually(lambda: account.tree.sandbox.hits(fault) >= 1, what="a read mark that is refused")
    chat.agent_says("a reply")
    chat.await_twitter(["a reply"])
    chat.await_delivered(1)
    assert paused(account) is None
    tree = account.tree
    letters = tree.http.get(f"{tree.url}/dead-letters", params={"account_id": account.id}, timeout=10).json()["items"]
    assert letters == []
    assert [r["status"] for r in chat.reports()] == ["DELIVERED"]


@pytest.mark.parametrize("api", ["v1.1", "v2"])
def test_three_answers_over_capacity_in_a_row_cost_less_than_25_seconds(tree: Tree, api: str) -> None:
    chat, sandbox = Account.registered(tree, api=api).customer(), tree.sandbox
    sends = r"events/new|dm_conversations/with/\d+/messages"
    fault = sandbox.fault(family="twitter", path=sends, account_id=chat.account.id, **{**OVERLOADED, "times": 3})
    started = time.monotonic()
    chat.agent_says("a reply")
    chat.await_twitter(["a reply"], seconds=25)
    assert time.monotonic() - started < 25
    assert sandbox.hits(fault) == 3
    chat.await_delivered(1)
    assert chat.twitter_texts() == ["a reply"]


def test_one_401_on_a_send_costs_seconds(chat: Conversation) -> None:
    refused = {"status": 401, "body": {"errors": [{"code": 32, "message": "Could not authenticate you."}]}}
    chat.account.tree.sandbox.fault(family="twitter", path="events/new", account_id=chat.account.id, times=1, **refused)
    chat.agent_says("a reply")
    chat.await_twitter(["a reply"], seconds=5)
    assert paused(chat.account) is None
