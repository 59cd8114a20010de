"""Every kind of message without a file through the whole service, each in the form the table of kinds promises.

What an agent's or bot's message must become stands in tests/payloads; here it is seen to arrive.
"""

import json
from pathlib import Path

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation, Json, cim_id
from tests.integration.media_files import requests_of, trouble

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
    assert "outbound_hologram" in names
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


# Replies that quote


def quoting(chat: Conversation, quoted: str, text: str = "On its way", **more: Json) -> str:
    """Let an agent answer the message CIM knows by that id; return the reply's id."""
    sent = chat.agent_sends(text=text, header={"intent": "REPLY_TO", "originalMessageId": quoted, **more})
    return str(sent["id"])


def test_a_reply_stands_below_a_short_quote_of_what_it_answers(chat: Conversation) -> None:
    said = chat.customer_says("Where is\n<my> order & https://example.com/a?b=1&c=2 😀")
    chat.await_round_trip("meanwhile")
    first = quoting(chat, cim_id(chat.account.id, said["id"]), "*On* its way")
    second = quoting(chat, first, "VG9tb3Jyb3c=", additionalData={"isEncoded": True})
    assert [chat.await_report(reply)["status"] for reply in (first, second)] == ["DELIVERED"] * 2
    assert chat.twitter_texts() == [
        "meanwhile",
        "“Where is <my> order & https://example.com/a?b=1&c=2 😀”\nOn its way",
        "“On its way”\nTomorrow",
    ]


def test_a_reply_whose_quote_cannot_be_had_goes_out_plain_and_holds_nobody_up(account: Account) -> None:
    chat, other = account.customers(2)
    said = cim_id(account.id, chat.customer_says("Where is my order?")["id"])
    chat.await_round_trip("meanwhile")
    for status in (429, 500):
        fault = {"family": "twitter", "path": "events/show", "account_id": account.id, "status": status}
        with trouble(account.tree, **fault):
            assert chat.await_report(quoting(chat, said, str(status)))["status"] == "DELIVERED"
        other.agent_says(str(status))
    assert chat.twitter_texts() == ["meanwhile", "429", "500"]
    other.await_twitter(["429", "500"])
    assert [request["status"] for request in requests_of(account, "events/show")] == [429, 500]
    assert account.shown()["pauses"] == {}


def test_a_quoting_reply_whose_answer_is_lost_is_one_message_quoted_once(chat: Conversation) -> None:
    said = chat.customer_says("Where is my order?")
    chat.await_round_trip("meanwhile")
    fault = {"family": "twitter", "path": "events/new", "account_id": chat.account.id, "times": 1}
    with trouble(chat.account.tree, **fault, action="act_then_reset"):
        reply = quoting(chat, cim_id(chat.account.id, said["id"]))
        assert chat.await_report(reply)["status"] == "DELIVERED"
    assert chat.twitter_texts() == ["meanwhile", "“Where is my order?”\nOn its way"]
    assert len(requests_of(chat.account, "events/show")) == 1
