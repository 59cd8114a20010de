"""Every kind of message without a file through the whole service: answers to questions, signs, texts of all sorts.

What an agent's or bot's message must become stands in tests/payloads; here it is seen to arrive.
"""

import json
import time
from pathlib import Path

import pytest
from tree import Tree, eventually

from .parcels import requests_of
from .scene import Conversation, Json, cim_id

PAYLOADS = Path(__file__).parents[1] / "payloads"
EVERY_SCRIPT = (
    "Grüße, Żółć, ñandú, İstanbul ıI, ﬁn",
    "Привет, Здравствуй; Γειά σου; שָׁלוֹם עוֹלָם; مرحبا بالعالم؛ ۱۲۳",
    "नमस्ते क्षत्रिय; வணக்கம்; สวัสดีครับ; ကျေးဇူး; ආයුබෝවන්; ជំរាបសួរ",
    "漢字とかな、ｶﾅ; 中文字符，𠮷野家; 안녕하세요 한글",
    "😀👍🏽👨‍👩‍👧‍👦🏳️‍🌈🇨🇭❤️‍🔥1️⃣🫠",
    "composed é, decomposed é, Å Å, \u200fright\u200e left\u00a0no break\u2009thin",
    "& < > \" ' &amp; &lt;b&gt; %41 \\n {{1}} ${x}",
    "one\n\ntwo\n   indented\n",
)


def pair(name: str) -> tuple[Json, Json]:
    """Return a message as CCM posts it and what it must become."""
    came, becomes = (json.loads((PAYLOADS / f"{name}.{end}.json").read_text()) for end in ("in", "out"))
    return came, becomes


def pairs(*wanted: str) -> list[str]:
    """Return the names of the outbound pairs that end that way, without those whose pictures lie elsewhere."""
    names = sorted(path.name.removesuffix(".out.json") for path in PAYLOADS.glob("outbound_*.out.json"))
    return [
        name
        for name in names
        if not any("media" in s for s in pair(name)[1].get("steps", [])) and pair(name)[1].keys() & set(wanted)
    ]


def post(chat: Conversation, name: str) -> Json:
    """Let CCM post the message of a pair in this conversation, under an id of its own."""
    came, _ = pair(name)
    header = {key: value for key, value in came["header"].items() if key != "channelData"}
    return chat.agent_sends(body=came["body"], header=header)


def menu(count: int, text: str = "Our menu", note: str = "") -> Json:
    """Return a question with that many options."""
    payloads = ["/order" + json.dumps({"item": n, **({"note": note} if note else {})}) for n in range(1, count + 1)]
    buttons = [{"title": f"Dish {n}", "payload": p, "type": "text"} for n, p in enumerate(payloads, start=1)]
    return {"type": "BUTTON", "markdownText": text, "buttonMessageType": "QUICK_REPLIES", "buttons": buttons}


def heard(chat: Conversation, text: str, **more: str) -> tuple[object, ...]:
    """Let the customer say something; return what CCM hears: text, intent, entities, question."""
    dm = chat.customer_says(text, **more)
    wanted = cim_id(chat.account.id, dm["id"])
    (message,) = eventually(lambda: [m for m in chat.ccm_messages() if m["id"] == wanted], what=f"{text!r} at CCM")
    header, body = message["header"], message["body"]
    assert body["type"] == "PLAIN"
    return body["markdownText"], header["intent"], header["entities"], header["originalMessageId"]


# Answers


@pytest.mark.parametrize("note", ["", 'ä 😀 " } ' * 200], ids=["short", "over-1000-characters"])
def test_a_tap_on_a_quick_reply_is_the_label_with_intent_entities_and_question(chat: Conversation, note: str) -> None:
    asked = chat.agent_sends(body=menu(3, note=note))
    chat.await_delivered(1)
    (dm,) = chat.twitter_messages()
    options = dm["quick_reply"]["options"]
    assert [option["label"] for option in options] == ["Dish 1", "Dish 2", "Dish 3"]
    assert all(len(option["metadata"]) <= 1_000 for option in options)
    entities = {"item": 2, "note": note} if note else {"item": 2}
    for _ in range(2):  # what Twitter's app offers once, a customer may tap again on another device
        tapped = heard(chat, "Dish 2", quick_reply_metadata=options[1]["metadata"])
        assert tapped == ("Dish 2", "order", entities, asked["id"])
    # With quick replies, typed words are not a click.
    assert heard(chat, "Dish 2") == ("Dish 2", None, {}, None)


def test_the_number_or_title_of_a_listed_option_is_a_click_until_another_message_comes(chat: Conversation) -> None:
    def ask() -> str:
        asked = chat.agent_sends(body=menu(21))
        chat.await_report(asked["id"])
        return str(asked["id"])

    first = ask()
    (text,) = chat.twitter_texts()
    assert text == "Our menu\n\n" + "\n".join(f"{n}. Dish {n}" for n in range(1, 22))
    assert chat.twitter_messages()[0]["quick_reply"] is None
    assert heard(chat, "3") == ("Dish 3", "order", {"item": 3}, first)
    assert heard(chat, "3") == ("3", None, {}, None)
    second = ask()
    assert heard(chat, " dish 21".title()) == ("Dish 21", "order", {"item": 21}, second)
    third = ask()
    assert heard(chat, "٢١.") == ("Dish 21", "order", {"item": 21}, third)
    ask()
    assert heard(chat, "What is dish 3?") == ("What is dish 3?", None, {}, None)
    assert heard(chat, "3") == ("3", None, {}, None)
    ask()
    assert heard(chat, "22") == ("22", None, {}, None)


# Signs of the moment


def test_typing_passes_both_ways_at_most_once_in_three_seconds_and_is_tried_once(chat: Conversation) -> None:
    sandbox, ids = chat.account.tree.sandbox, {"account_id": chat.account.id, "customer_id": chat.customer_id}
    typing = {"type": "NOTIFICATION", "markdownText": "", "notificationType": "TYPING_STARTED"}

    def shown() -> list[Json]:
        return requests_of(chat.account, "indicate_typing")

    def told() -> list[Json]:
        return [r for r in chat.requests_to_ccm() if r["type"] == "NOTIFICATION"]

    refusals = [
        sandbox.fault(family="ccm", customer_id=chat.customer_id, times=1),
        sandbox.fault(family="twitter", path="indicate_typing", account_id=chat.account.id, times=1),
    ]
    begun = time.monotonic()
    while time.monotonic() < begun + 3.6:
        sandbox.post("customer/typing", **ids)
        chat.agent_sends(body=typing)
        time.sleep(0.2)
    eventually(lambda: (len(told()), len(shown())) == (2, 2), what="the second sign each way")
    chat.await_round_trip("said")
    assert [sandbox.hits(fault) for fault in refusals] == [1, 1]
    assert [r["accepted"] for r in told()] == [False, True]
    assert [request["status"] for request in shown()] == [503, 204]
    assert told()[1]["message"]["body"] == {**typing, "notificationData": {}}
    assert [request["at"] for request in shown()][1] - shown()[0]["at"] > 2.5
    # Nobody hears of signs but the other side.
    assert [report["status"] for report in chat.reports()] == ["DELIVERED"]


def test_what_the_customer_has_read_is_reported_once_each(chat: Conversation) -> None:
    sandbox, ids = chat.account.tree.sandbox, {"account_id": chat.account.id, "customer_id": chat.customer_id}
    sent = [chat.agent_says(text)["id"] for text in ("one", "two")]
    sent.append(chat.agent_says("a" * 9_990 + "\nin two parts " + "b" * 100)["id"])
    chat.await_delivered(3)
    parts = chat.twitter_messages()

    def read() -> list[str]:
        return [report["messageId"] for report in chat.reports() if report["status"] == "READ"]

    sandbox.post("customer/read", **ids, event_id=parts[1]["id"])
    eventually(lambda: len(read()) >= 2, what="two reports")
    # Half of a message is not read.
    sandbox.post("customer/read", **ids, event_id=parts[2]["id"])
    sandbox.post("customer/read", **ids, event_id=parts[1]["id"])
    chat.await_round_trip("half")
    assert read() == sent[:2]
    for _ in range(3):
        sandbox.post("customer/read", **ids)
    eventually(lambda: len(read()) >= 4, what="four reports")
    chat.await_round_trip("all")
    assert read()[:3] == sent
    assert len(read()) == len(set(read())) == 4


def test_what_an_agent_has_read_is_marked_as_read_at_twitter(chat: Conversation) -> None:
    sandbox, ids = chat.account.tree.sandbox, {"account_id": chat.account.id, "customer_id": chat.customer_id}
    dms = [chat.customer_says(text) for text in ("one", "two", "three")]
    chat.await_ccm(["one", "two", "three"])
    body = {"type": "DELIVERYNOTIFICATION", "markdownText": "", "status": "READ"}
    chat.agent_sends(body={**body, "messageId": cim_id(chat.account.id, dms[1]["id"])})
    chat.agent_sends(body={**body, "messageId": "5d2f9a10-6c1e-4b7a-9c33-000000000000"})

    def states() -> list[str]:
        found = sandbox.get("twitter/messages", **ids, sender_id=chat.customer_id)["messages"]
        return [dm["state"] for dm in found[:3]]

    eventually(lambda: states()[:2] == ["read", "read"], what="read marks")
    chat.await_round_trip("after")
    assert states()[2] != "read"
    assert len(requests_of(chat.account, "mark_read")) == 1
    assert len(chat.reports()) == 1


# Texts of all sorts


def test_every_script_and_emoji_comes_through_unharmed_both_ways(chat: Conversation) -> None:
    for text in EVERY_SCRIPT:
        chat.customer_says(text)
        chat.agent_says(text)
    chat.await_ccm(list(EVERY_SCRIPT))
    chat.await_twitter(list(EVERY_SCRIPT))
    chat.await_delivered(len(EVERY_SCRIPT))


def test_each_kind_becomes_what_its_pair_says_in_the_order_it_was_sent(tree: Tree, chat: Conversation) -> None:
    names = [name for name in pairs("steps") if name != "outbound_plain_encoded"] + ["outbound_plain_encoded"]
    assert {name.split("_")[1] for name in names} >= {"url", "location", "contact", "template", "list", "form", "file"}
    sent = [post(chat, name)["id"] for name in names]
    for message_id in sent:
        assert chat.await_report(message_id)["status"] == "DELIVERED"
    expected = []
    for name, message_id in zip(names, sent, strict=True):
        came, becomes = pair(name)
        known = json.dumps(becomes["steps"]).replace(came["id"], message_id)
        expected += json.loads(known.replace("https://cx.example.com", tree.sandbox.url))
    assert [_step_of(dm) for dm in chat.twitter_messages()] == expected


def test_what_no_direct_message_can_carry_fails_with_400_and_a_sentence(chat: Conversation) -> None:
    names = pairs("failed")
    assert "outbound_comment" in names
    for name in names:
        report = chat.await_report(post(chat, name)["id"])
        assert (report["status"], report["reasonCode"]) == ("FAILED", "400"), name
        assert report["markdownText"] == pair(name)[1]["detail"], name
    assert chat.twitter_messages() == []


def test_what_is_not_for_the_customer_is_accepted_and_nothing_comes_of_it(chat: Conversation) -> None:
    names = pairs("skip")
    assert "outbound_wrapup" in names
    for name in names:
        assert post(chat, name)["status"] == 202
    for type_ in (
        "WHISPER",
        "ACTION",
        "CUSTOM",
        "RECEIPT",
        "EMAIL",
        "VOICE",
        "StructuredMessage",
        "DELETEDNOTIFICATION",
    ):
        assert chat.agent_sends(body={"type": type_, "markdownText": "secret"})["status"] == 202
    chat.await_round_trip("for the customer")
    assert chat.twitter_texts() == ["for the customer"]
    assert len(chat.reports()) == 1


@pytest.mark.parametrize("via", [{"tweet_id": "1750800000000000001"}, {"welcome_message_id": "42"}], ids=str)
def test_a_place_a_bare_link_and_the_way_a_conversation_began_reach_the_agent(chat: Conversation, via: Json) -> None:
    chat.customer_says("https://example.com/a?b=1&c=2", initiated_via=via)
    chat.customer_says("I am here", location={"latitude": 47.3769, "longitude": 8.5417})
    eventually(lambda: len(chat.ccm_messages()) >= 3, what="a link, a text and a place")
    link, text, place = chat.ccm_messages()
    assert (link["body"]["type"], link["body"]["mediaUrl"]) == ("URL", "https://example.com/a?b=1&c=2")
    assert link["header"]["entities"] == {f"initiated_via_{name}": value for name, value in via.items()}
    assert text["body"] == {"type": "PLAIN", "markdownText": "I am here"}
    assert place["body"]["type"] == "LOCATION"
    assert (place["body"]["location"]["latitude"], place["body"]["location"]["longitude"]) == (47.3769, 8.5417)


def _step_of(dm: Json) -> Json:
    """Return what Twitter stores of a message in the form the pairs have."""
    extras = {}
    if dm["quick_reply"]:
        extras["quick_reply"] = dm["quick_reply"]
    if dm["ctas"]:
        extras["ctas"] = dm["ctas"]
    if dm["location"]:
        extras["attachment"] = {"type": "location", "location": dm["location"]}
    return {"text": dm["text"], **({"extras": extras} if extras else {})}
