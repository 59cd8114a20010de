"""X Chat through the whole service: both ways, kill -9 of worker and broker, lost answers, doubled and swapped events.

Nothing is lost, doubled or out of order, X gets what its document says, and no text lies on the disk but in the broker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tree import Tree, eventually, running_tree
from x_openapi import complaints

from tests.integration.conversations import Account, Conversation
from tests.media.files import PNG

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")
pytestmark = pytest.mark.integration

V2_ACCOUNT, ADA = "1750214466953510912", "210375291"
PAIR = {"account_id": V2_ACCOUNT, "customer_id": ADA}
SECONDS = 90.0


@pytest.fixture(scope="module")
def chat() -> Iterator[Conversation]:
    """The demo account of API v2, with its keys, and a customer who writes encrypted."""
    with running_tree() as tree:
        conversation = Conversation(Account(tree, tree.sandbox.get(f"accounts/{V2_ACCOUNT}")), ADA)
        without_keys(tree, conversation)
        state = tree.sandbox.post("x-chat", **PAIR)
        done = tree.cli(
            "xchat",
            "unlock",
            V2_ACCOUNT,
            "--key-file",
            state["key_file"],
            "--key-version",
            state["key_version"],
            "--yes",
        )
        assert done.returncode == 0, done.stderr
        yield conversation
        assert complaints(tree.sandbox.get("requests/recorded")["requests"]) == []


def without_keys(tree: Tree, conversation: Conversation) -> None:
    """Three encrypted messages are one notice, and are counted."""
    tree.sandbox.post("x-chat", **PAIR)
    for number in range(3):
        conversation.customer_says(f"unread {number}", encrypted=True)
    eventually(lambda: conversation.account.shown()["x_chat"]["unread_today"] == 3, SECONDS, what="the count")
    (notice,) = conversation.ccm_texts()
    assert "X Chat" in notice
    assert conversation.account.shown()["x_chat"] == {"keys": False, "unread_today": 3, "notices_today": 1}


def phone(chat: Conversation) -> list[str]:
    """Return the texts of the account's encrypted messages as the customer's phone decrypts them, in X's order."""
    shown = chat.account.tree.sandbox.get("conversation", **PAIR)["phone"]
    return [entry["text"] for entry in shown if entry["sender_id"] == V2_ACCOUNT and entry.get("encrypted")]


def read(chat: Conversation, before: int) -> list[str]:
    return chat.new_to_ccm()[before:]


def test_a_message_comes_in_and_a_reply_goes_back_encrypted_without_a_restart(chat: Conversation) -> None:
    before = len(chat.new_to_ccm())
    asked = chat.customer_says("Grüße 😀", encrypted=True)
    eventually(lambda: read(chat, before) == ["Grüße 😀"], SECONDS, what="the text at CCM")
    reply = chat.agent_says("Guten Tag")
    eventually(lambda: phone(chat) == ["Guten Tag"], SECONDS, what="the reply on the phone")
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"
    chat.account.tree.sandbox.post("x-chat/edit", event_id=asked["id"], text="Gruß")
    chat.account.tree.sandbox.post("x-chat/reaction", event_id=asked["id"], emoji="👍")
    chat.customer_says("by the ordinary way", encrypted=False)
    expected = ["(edited) Gruß", "[The customer reacted with 👍 to a message.]", "by the ordinary way"]
    eventually(lambda: read(chat, before)[1:] == expected, SECONDS, what="edit, reaction and text")
    chat.agent_says("ordinary reply")
    eventually(lambda: "ordinary reply" in chat.twitter_texts(), SECONDS, what="the ordinary reply")
    assert phone(chat) == ["Guten Tag"]


def test_files_go_both_ways(chat: Conversation) -> None:
    tree, before = chat.account.tree, len(chat.requests_to_ccm())
    fields = {**PAIR, "text": "look", "encrypted": "true", "nameless": "true"}
    answer = tree.sandbox.http.post(
        f"{tree.sandbox.url}/_sandbox/customer/messages", data=fields, files={"media_file": ("a", PNG)}, timeout=60
    )
    assert answer.status_code == 201, answer.text

    def arrived() -> list[Any]:
        return [r["message"]["body"] for r in chat.requests_to_ccm()[before:] if r["type"] == "IMAGE"]

    (body,) = eventually(arrived, SECONDS, what="the picture at CCM")
    chat.agent_sends(body={"type": "IMAGE", "markdownText": "", "attachment": body["attachment"]})

    def pictures() -> list[Any]:
        shown = tree.sandbox.get("conversation", **PAIR)["phone"]
        return [e for e in shown if e["sender_id"] == V2_ACCOUNT and e.get("encrypted") and not e["text"]]

    (picture,) = eventually(pictures, SECONDS, what="the picture on the phone")
    media = f"{tree.sandbox.url}/_sandbox/x-chat/media/{picture['id']}"
    assert tree.sandbox.http.get(media, timeout=30).content == PNG


def test_nothing_is_lost_doubled_or_out_of_order_while_processes_die(chat: Conversation) -> None:
    tree, before, sent = chat.account.tree, len(chat.new_to_ccm()), len(phone(chat))
    fault = tree.sandbox.fault(
        family="twitter", path="chat/conversations/.*/messages", times=4, action="act_then_reset"
    )
    said, replies = [], []
    for number in range(12):
        said.append(f"said {number}")
        chat.customer_says(said[-1], encrypted=number % 3 > 0, repeat_delivery=2, swap=number == 5)
        if number == 0:
            # Until the customer has written encrypted again, replies go the ordinary way.
            continue
        if number == 1:
            eventually(lambda: len(read(chat, before)) == 2, SECONDS, what="the first texts at CCM")
        if number in (3, 8):
            tree.kill("worker")
        if number == 6:
            tree.kill("broker")
        if number % 3 > 0:
            eventually(lambda n=number: len(read(chat, before)) > n, SECONDS, what="the text at CCM")
            replies.append(f"reply {number}")
            chat.agent_says(replies[-1])
    eventually(lambda: len(read(chat, before)) >= len(said), SECONDS, what="all texts at CCM")
    eventually(lambda: len(phone(chat)[sent:]) >= len(replies), SECONDS, what="all replies on the phone")
    assert tree.sandbox.hits(fault) == 4
    assert sorted(read(chat, before)) == sorted(said)
    assert phone(chat)[sent:] == replies
    assert chat.account.shown()["lanes_waiting"] == {"inbound": 0, "outbound": 0}


def test_what_waits_together_is_delivered_in_xs_order_whichever_way_it_came(chat: Conversation) -> None:
    before, tree = len(chat.new_to_ccm()), chat.account.tree
    fault = tree.sandbox.fault(family="ccm", path="message/receive", status=503)
    texts = [f"queued {number}" for number in range(6)]
    for number, text in enumerate(texts):
        chat.customer_says(text, encrypted=number % 2 == 0, swap=number in (1, 4))
    eventually(lambda: chat.account.shown()["lanes_waiting"]["inbound"], SECONDS, what="the lane")
    # The last swapped event comes a moment after the next one.
    eventually(lambda: tree.sandbox.hits(fault) >= 2, SECONDS, what="two tries")
    tree.sandbox.lift(fault)
    eventually(lambda: len(read(chat, before)) == len(texts), SECONDS, what="all texts at CCM")
    assert read(chat, before) == texts


def test_no_text_lies_on_the_disk_but_in_the_brokers_file(chat: Conversation) -> None:
    tree = chat.account.tree
    texts = ["said 7", "reply 7", "Guten Tag"]
    for path in tree.var_dir.rglob("*"):
        part = path.relative_to(tree.var_dir).parts[0]
        if path.is_file() and part not in ("sandbox", "broker"):
            content = path.read_bytes()
            assert [text for text in texts if text.encode() in content] == [], path
    log = tree.log.read_text(errors="replace")
    assert [text for text in texts if text in log] == []
