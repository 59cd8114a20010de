"""Accounts on X API v2 through the whole service: every way in, replies and files out, each request in X's document."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from tree import Tree, eventually
from x_openapi import complaints

from tests.integration.conversations import Account, Conversation, Json, cim_id
from tests.integration.media_files import agent_attaches, at_twitter, customer_attaches, in_the_file_engine, settings
from tests.media.files import JPEG, gif

WAYS = ("xaa", "aaa", "poll", "stream")
WITH_WEBHOOK = ("xaa", "aaa")
# Polling asks once a minute. With a window of 45 s it is once in three seconds.
FASTER = {"window_scale": 0.05}


def registered(tree: Tree, inbound: str) -> Account:
    """Make an account of API v2 and register it with one way in."""
    account = Account.new(tree, api="v2")
    answer = register(account, inbound)
    assert answer.status_code == 200, answer.text
    return account


def register(account: Account, inbound: str) -> requests.Response:
    body = {**account.body, "INBOUND": inbound}
    if inbound not in WITH_WEBHOOK:
        del body["WEBHOOK-URL"]
    url = f"{account.tree.url}/webhook/twitter/register-and-subscribe"
    return account.tree.http.post(url, json=body, timeout=60)


@pytest.fixture(autouse=True)
def every_request_is_in_xs_document(tree: Tree) -> Iterator[None]:
    """Compare what the connector asked X during the test with X's OpenAPI document."""
    before = len(tree.sandbox.get("requests/recorded")["requests"])
    with settings(tree, **FASTER):
        yield
    records = tree.sandbox.get("requests/recorded")["requests"][before:]
    assert records
    assert complaints(records) == []


@pytest.fixture(params=WAYS)
def chat(request: pytest.FixtureRequest, tree: Tree) -> Iterator[Conversation]:
    account = registered(tree, request.param)
    yield account.customer()
    with suppress(requests.RequestException):
        account.tree.http.delete(f"{tree.url}/webhook/twitter/{account.id}", timeout=30)


def test_a_message_comes_in_and_a_reply_goes_out(chat: Conversation) -> None:
    said = chat.customer_says("Where is my parcel? 😀")
    chat.await_ccm(["Where is my parcel? 😀"])
    assert chat.ccm_messages()[0]["id"] == cim_id(chat.account.id, said["id"])
    reply = chat.agent_says("It arrives *today*.")
    chat.await_twitter(["It arrives today."])
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"


def events_accepted(tree: Tree) -> float:
    """Return how many Direct Message events the metrics count as accepted."""
    text = tree.http.get(f"{tree.url}/metrics", timeout=10).text
    counts = re.findall(
        r'^twitter_connector_events_total\{family="direct_message_events",outcome="accepted"\} (\S+)$', text, re.M
    )
    return sum(map(float, counts))


def test_messages_stay_in_order_and_none_is_doubled(chat: Conversation) -> None:
    way, before = chat.account.shown()["inbound"], events_accepted(chat.account.tree)
    texts = [f"line {number}" for number in range(25)]
    for text in texts:
        chat.customer_says(text)
    chat.await_ccm(texts, 40)
    assert chat.new_to_ccm() == texts
    if way != "stream":
        assert events_accepted(chat.account.tree) > before


def test_files_go_both_ways(chat: Conversation) -> None:
    customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg", text="look")
    (message,) = eventually(lambda: [m for m in chat.ccm_messages() if m["body"]["type"] == "IMAGE"], 40)
    assert in_the_file_engine(chat, message) == JPEG
    agent_attaches(chat, "IMAGE", JPEG, f"{chat.customer_id}.jpg", "image/jpeg")
    agent_attaches(chat, "IMAGE", gif(frames=4), f"{chat.customer_id}.gif", "image/gif")
    chat.await_delivered(2, 40)
    assert [at_twitter(chat, dm) for dm in chat.twitter_messages()] == [JPEG, gif(frames=4)]


def test_check_and_doctor_find_nothing_wrong_with_the_account(chat: Conversation) -> None:
    tree, account_id = chat.account.tree, chat.account.id
    # CCM knows the channel.
    chat.customer_says("Hello")
    chat.await_ccm(["Hello"])
    checked = tree.cli("check", account_id)
    assert (checked.returncode, checked.stderr) == (0, "")
    findings = json.loads(tree.cli("doctor", "--json").stdout)
    (finding,) = (finding for finding in findings if finding["what"] == f"account {account_id}")
    assert (finding["ok"], finding["advice"]) == (True, "")


def test_the_answer_and_the_account_say_how_events_come(tree: Tree) -> None:
    account = Account.new(tree, api="v2")
    answer: Json = register(account, "xaa").json()
    assert (answer["api"], answer["inbound"], answer["can"]) == ("v2", "xaa", ["text", "media"])
    assert (answer["subscribed"], answer["webhook"]["valid"]) == (True, True)
    assert {s["event"] for s in answer["subscriptions"]} >= {"dm.received", "dm.sent", "dm.read"}
    assert answer["actions"] == ["created", "subscribed"]
    again: Json = register(account, "xaa").json()
    assert (again["actions"], again["webhook"]["id"]) == (["kept"], answer["webhook"]["id"])
    assert account.shown()["inbound"] == "xaa"
    status = tree.http.get(f"{tree.url}/webhook/twitter/{account.id}/status", timeout=30).json()
    assert status["subscribed"] is True
    polled: Json = register(account, "poll").json()
    assert (polled["webhook"], polled["subscribed"], polled["inbound"]) == (None, None, "poll")
    assert tree.sandbox.get("x/webhooks", account_id=account.id)["webhooks"] == []
    assert tree.http.delete(f"{tree.url}/webhook/twitter/{account.id}", timeout=30).status_code == 204


def test_buttons_become_a_numbered_list_whose_typed_answer_counts_as_a_tap(tree: Tree) -> None:
    chat = registered(tree, "xaa").customer()
    buttons = [{"title": "Yes", "payload": "y"}, {"title": "No", "payload": "n"}]
    message = chat.cim_message("Shall we?", body={"type": "BUTTON", "markdownText": "Shall we?", "buttons": buttons})
    assert tree.http.post(f"{tree.url}/cim-messages", json=message, timeout=10).status_code == 202
    chat.await_twitter(["Shall we?\n\n1. Yes\n2. No"])
    chat.await_delivered(1)
    chat.customer_says("2")
    (answer,) = eventually(chat.ccm_messages)
    assert "n" in str(answer["body"].get("payload", answer["body"]))


def test_without_credit_replies_wait_and_go_out_after_a_push(tree: Tree) -> None:
    account = registered(tree, "xaa")
    chat = account.customer()
    tree.sandbox.post("credits", account_id=account.id, usd=0)
    reply = chat.agent_says("still here")
    shown: Any = eventually(lambda: (found := account.shown())["attention"] and found)
    assert "no credit left" in shown["attention"]
    tree.sandbox.post("credits", account_id=account.id, usd=None)
    assert register(account, "xaa").status_code == 200
    chat.await_twitter(["still here"])
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"
    assert account.shown()["attention"] is None


def test_a_stream_that_x_closes_or_leaves_silent_loses_nothing(tree: Tree) -> None:
    chat = registered(tree, "stream").customer()
    chat.customer_says("one")
    chat.await_ccm(["one"], 30)
    tree.sandbox.post("streams/close")
    chat.customer_says("two")
    chat.await_ccm(["one", "two"], 40)
    assert len(open_streams(tree)) <= 2


def open_streams(tree: Tree) -> list[Json]:
    return [c for c in tree.sandbox.get("streams")["connections"] if "disconnected_at" not in c]


def test_events_of_a_stream_are_counted(tree: Tree) -> None:
    chat = registered(tree, "stream").customer()
    eventually(lambda: open_streams(tree), 30, what="an open stream")
    chat.customer_says("one")
    chat.await_ccm(["one"], 30)
    before = events_accepted(tree)
    for number in range(20):
        chat.customer_says(f"line {number}")
    eventually(lambda: events_accepted(tree) > before, what="an event in the metrics")
