"""Messages through the whole service, both ways: as they should go, and while a side refuses, limits or is silent."""

import base64
from typing import Any

import pytest
from tree import Tree, eventually

from tests.integration.conversations import SENDER_ID, Account, Conversation, Json, cim_id

ALIASES = (
    "/cim-messages",
    "/message/receive",
    "/message/receive/cim-messages",
    "/ccm-msg/receive",
    "/ccm-msg/receive/cim-messages",
    "",
)


# Twitter -> CCM


def test_a_signed_event_becomes_the_cim_message_of_the_contract(account: Account) -> None:
    chat = account.customer(name="Ada King Lovelace")
    text = "Tea & <cake> at https://example.com/a?b=1&c=2 😀\nsecond line"
    dm = chat.customer_says(text)
    chat.await_ccm([text])
    (message,) = chat.ccm_messages()
    assert message == {
        "id": cim_id(account.id, dm["id"]),
        "header": {
            "sender": {
                "id": SENDER_ID,
                "type": "CONNECTOR",
                "senderName": "TWITTER_CONNECTOR",
                "additionalDetail": None,
            },
            "channelData": {
                "channelCustomerIdentifier": chat.customer_id,
                "serviceIdentifier": account.id,
                "requestPriority": 0,
                "customerFirstName": "Ada",
                "customerLastName": "King Lovelace",
                "additionalAttributes": [{"key": "MESSAGE_TYPE", "type": "String100", "value": "DM"}],
            },
            "language": {},
            "timestamp": int(dm["created_timestamp"]),
            "securityInfo": {},
            "stamps": [],
            "intent": None,
            "entities": {},
            "channelSessionId": None,
            "conversationId": None,
            "customer": None,
            "originalMessageId": None,
            "providerMessageId": dm["id"],
            "schedulingMetaData": None,
        },
        "body": {"type": "PLAIN", "markdownText": text},
    }


def test_an_event_that_comes_again_reaches_ccm_once(chat: Conversation) -> None:
    chat.customer_says("once", repeat_delivery=3)
    chat.customer_says("after")
    chat.await_ccm(["once", "after"])
    # Echoes aside, which nobody caused here: four events, each acknowledged at its first try.
    eventually(lambda: [d["status"] for d in deliveries(chat)] == ["delivered"] * 4, what="four acknowledgements")
    assert [len(d["attempts"]) for d in deliveries(chat)] == [1] * 4


def test_events_that_arrive_swapped_while_ccm_is_away_reach_it_in_twitters_order(chat: Conversation) -> None:
    sandbox = chat.account.tree.sandbox
    away = sandbox.fault(family="ccm", customer_id=chat.customer_id, status=503)
    chat.customer_says("first")
    eventually(lambda: sandbox.hits(away) >= 1)
    chat.customer_says("second", swap=True)
    chat.customer_says("third")
    eventually(lambda: [d["status"] for d in deliveries(chat)] == ["delivered"] * 3, what="three acknowledgements")
    sandbox.lift(away)
    chat.await_ccm(["first", "second", "third"])


@pytest.mark.parametrize("spoilt", [{"spoil": True}, {"signature": "sha256=AAAA"}, {"signature": "no"}], ids=str)
def test_a_wrong_signature_is_refused_and_nothing_reaches_ccm(chat: Conversation, spoilt: Json) -> None:
    body = chat.event("9000000000000000001", "forged")
    answer = chat.account.tree.sandbox.post("events", account_id=chat.account.id, body=body, **spoilt)
    assert answer == {"status": 401}
    # The same event signed rightly is new: the forged one left no mark behind.
    answer = chat.account.tree.sandbox.post("events", account_id=chat.account.id, body=body)
    assert answer == {"status": 200}
    chat.await_ccm(["forged"])


def test_events_twitter_may_also_send_are_acknowledged_and_change_nothing(chat: Conversation) -> None:
    for body in (
        {"for_user_id": chat.account.id, "favorite_events": [{"id": "1"}]},
        {"for_user_id": chat.account.id, "something_new": {"a": [1]}},
        {"for_user_id": chat.account.id},
        {"replay_job_status": {"webhook_id": "1", "job_state": "Complete"}},
    ):
        assert chat.account.tree.sandbox.post("events", account_id=chat.account.id, body=body) == {"status": 200}
    assert chat.account.tree.sandbox.post("events", account_id=chat.account.id, raw="{not json") == {"status": 400}
    chat.await_round_trip("sound")
    assert chat.ccm_texts() == ["sound"]


def test_the_accounts_own_messages_never_come_back_to_ccm(chat: Conversation) -> None:
    chat.agent_says("by the agent")
    chat.account.tree.sandbox.post(
        "account/native-message", account_id=chat.account.id, customer_id=chat.customer_id, text="by the Twitter app"
    )
    eventually(lambda: len(chat.twitter_messages()) == 2)
    chat.await_round_trip("by the customer")
    assert chat.ccm_texts() == ["by the customer"]


def test_twenty_messages_each_way_keep_their_order_in_many_conversations_at_once(account: Account) -> None:
    chats = account.customers(5)
    said = [f"no. {n} {'😀' * (n % 3)}" for n in range(20)]
    for text in said:
        for chat in chats:
            chat.customer_says(text)
            chat.agent_says(text)
    for chat in chats:
        chat.await_ccm(said)
        chat.await_twitter(said)
        chat.await_delivered(20)


# CCM -> Twitter


def test_a_message_of_an_agent_is_sent_and_reported_delivered(chat: Conversation) -> None:
    reply = chat.agent_says("*Your* order & <more> https://example.com/x?a=1&b=2 😀")
    report = chat.await_report(reply["id"])
    assert chat.twitter_texts() == ["Your order & <more> https://example.com/x?a=1&b=2 😀"]
    assert report == {
        "type": "DELIVERYNOTIFICATION",
        "markdownText": "",
        "messageId": reply["id"],
        "status": "DELIVERED",
        "reasonCode": "200",
    }
    (record,) = [r for r in chat.requests_to_ccm() if r["type"] == "DELIVERYNOTIFICATION"]
    header = record["message"]["header"]
    assert record["message"]["id"] != reply["id"]
    assert header["providerMessageId"] == reply["id"]
    assert header["sender"]["id"] == SENDER_ID
    assert header["channelData"]["serviceIdentifier"] == chat.account.id
    assert header["channelData"]["channelCustomerIdentifier"] == chat.customer_id


def test_every_form_of_the_address_takes_messages_without_a_redirect(chat: Conversation) -> None:
    tree = chat.account.tree
    forms = [
        f"{prefix}{alias}{slash}" or "/"
        for prefix in ("", "/twitter-connector")
        for alias in ALIASES
        for slash in ("", "/")
    ]
    for form in forms:
        message = chat.cim_message(form)
        answer = tree.http.post(f"{tree.root_url}{form}", json=message, timeout=10, allow_redirects=False)
        assert (answer.status_code, answer.json()) == (202, {"messageId": message["id"]}), form
    chat.await_twitter(forms)


def test_the_payload_of_older_releases_is_understood(chat: Conversation) -> None:
    reply = chat.agent_says("from long ago", shape="old")
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"
    assert chat.twitter_texts() == ["from long ago"]


def test_base64_text_is_decoded_where_its_flag_says_so(chat: Conversation) -> None:
    chat.agent_says("How may I help you? 😀", encoded=True)
    unflagged = base64.b64encode(b"not flagged").decode()
    chat.agent_says(unflagged)
    chat.await_twitter(["How may I help you? 😀", unflagged])


def test_a_long_text_arrives_as_an_ordered_series_and_is_reported_once(chat: Conversation) -> None:
    text = " ".join(f"word{n}" for n in range(4000))
    assert len(text) > 30_000
    reply = chat.agent_says(text)
    chat.agent_says("after it")
    assert chat.await_report(reply["id"])["status"] == "DELIVERED"
    eventually(lambda: "after it" in chat.twitter_texts())
    *raw_events, last = chat.twitter_texts()
    assert last == "after it"
    assert "".join(raw_events) == text
    assert [len(raw_event) <= 10_000 for raw_event in raw_events] == [True] * 4
    # Cut between words, not within them.
    assert all(raw_event.split()[0] in text.split() for raw_event in raw_events)
    assert len(chat.reports(reply["id"])) == 1


def test_a_repeated_id_is_answered_the_same_and_sends_nothing_twice(chat: Conversation) -> None:
    tree = chat.account.tree
    message = chat.cim_message("only once")

    def post() -> tuple[int, Any]:
        answer = tree.http.post(f"{tree.url}/cim-messages", json=message, timeout=10)
        return answer.status_code, answer.json()

    first = post()
    assert first == (202, {"messageId": message["id"]})
    assert post() == first
    chat.await_report(message["id"])
    assert post() == first
    chat.await_round_trip("mark")
    assert chat.twitter_texts() == ["only once", "mark"]
    assert len(chat.reports(message["id"])) == 1


def test_what_is_no_cim_message_is_refused_by_field(chat: Conversation) -> None:
    tree = chat.account.tree
    for changes, field in (
        ({"id": ""}, "id"),
        ({"header": {}}, "header"),
        ({"body": {"markdownText": "typeless"}}, "body"),
    ):
        answer = tree.http.post(f"{tree.url}/cim-messages", json=chat.cim_message("x", **changes), timeout=10)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert list(answer.json()["errors"]) == [field]
    chat.await_round_trip("mark")
    assert chat.twitter_texts() == ["mark"]


def test_a_type_nobody_knows_is_taken_and_reported_failed_with_a_reason(chat: Conversation) -> None:
    reply = chat.agent_sends(body={"type": "HOLOGRAM", "markdownText": "", "frames": 3})
    report = chat.await_report(reply["id"])
    assert (report["status"], report["reasonCode"]) == ("FAILED", "400")
    assert report["markdownText"].endswith(".")
    assert report["markdownText"].startswith("X's Direct Messages cannot carry this kind of message")
    chat.await_round_trip("mark")
    assert chat.twitter_texts() == ["mark"]


def test_a_wrapup_is_taken_and_nobody_hears_of_it(chat: Conversation) -> None:
    reply = chat.agent_sends(body={"type": "WRAPUP", "markdownText": "", "note": "done", "wrapups": []})
    chat.await_round_trip("mark")
    assert chat.reports(reply["id"]) == []
    assert chat.twitter_texts() == ["mark"]


def test_a_message_for_an_account_that_neither_we_nor_ccm_know_is_reported_failed(tree: Tree) -> None:
    chat = Account.new(tree).customer()
    tree.sandbox.post("ccm/configuration", account_id=chat.account.id, state="missing")
    reply = chat.agent_says("to nobody")
    report = chat.await_report(reply["id"])
    assert (report["status"], report["reasonCode"]) == ("FAILED", "404")
    assert "register" in report["markdownText"].lower()


# Trouble at CCM


def test_ccm_that_fails_three_times_gets_everything_once_and_in_order(account: Account) -> None:
    sandbox = account.tree.sandbox
    unlucky, *others = account.customers(4)
    trouble = sandbox.fault(family="ccm", customer_id=unlucky.customer_id, times=3, status=503)
    for text in ("one", "two", "three"):
        unlucky.customer_says(text)
    eventually(lambda: sandbox.hits(trouble) >= 1)
    for chat in others:
        chat.await_round_trip("in the meantime")
    unlucky.await_ccm(["one", "two", "three"])
    assert sandbox.hits(trouble) == 3
    refused = [r for r in unlucky.requests_to_ccm() if not r["accepted"]]
    # The head of the lane was tried again, under the same id, and nothing behind it was tried before it.
    assert {r["message"]["body"]["markdownText"] for r in refused} == {"one"}
    assert {r["id"] for r in unlucky.requests_to_ccm()} == {m["id"] for m in unlucky.ccm_messages()}
    done_at = min(r["received_at"] for r in unlucky.requests_to_ccm() if r["accepted"])
    assert all(r["received_at"] < done_at for chat in others for r in chat.requests_to_ccm())


def test_an_answer_of_ccm_that_gets_lost_repeats_the_message_under_the_same_id(chat: Conversation) -> None:
    chat.account.tree.sandbox.fault(family="ccm", customer_id=chat.customer_id, action="act_then_reset", times=1)
    chat.customer_says("heard?")
    chat.customer_says("next")
    eventually(lambda: "next" in chat.ccm_texts())
    taken = [(r["repeat"], r["message"]["body"]["markdownText"]) for r in chat.requests_to_ccm() if r["accepted"]]
    # CCM has no way to tell us; the same id is what lets it recognise the repeat.
    assert taken == [(False, "heard?"), (True, "heard?"), (False, "next")]


def test_a_refusal_of_ccm_for_good_becomes_a_dead_letter_and_the_lane_goes_on(chat: Conversation) -> None:
    chat.account.tree.sandbox.fault(
        family="ccm",
        customer_id=chat.customer_id,
        times=1,
        status=200,
        body={"type": "DELIVERYNOTIFICATION", "messageId": "x", "status": "FAILED", "reasonCode": 404},
    )
    dm = chat.customer_says("no channel yet")
    chat.customer_says("now there is one")
    chat.await_ccm(["now there is one"])
    (letter,) = dead_letters(chat, "inbound")
    assert letter["message_id"] == cim_id(chat.account.id, dm["id"])
    assert letter["customer_id"] == chat.customer_id
    assert letter["reason"] == "channel_unknown"
    assert "no channel yet" not in str(letter)


def test_acknowledgements_stay_quick_and_replies_go_out_while_ccm_hangs(account: Account) -> None:
    sandbox = account.tree.sandbox
    chats = account.customers(10)
    hanging = sandbox.fault(family="ccm", account_id=account.id, action="hang")
    for chat in chats:
        chat.customer_says("one")
        chat.customer_says("two")
    eventually(lambda: sandbox.hits(hanging) >= 5, what="requests that hang")
    replies = [chat.agent_says("still there?") for chat in chats]
    for chat in chats:
        chat.await_twitter(["still there?"], seconds=8)
        assert chat.ccm_messages() == []
    tries = [attempt for delivery in deliveries(chats[0]) for attempt in delivery["attempts"]]
    assert {attempt["status"] for attempt in tries} == {200}
    assert max(attempt["seconds"] for attempt in tries) < 1.0
    sandbox.lift(hanging)
    for chat, reply in zip(chats, replies, strict=True):
        chat.await_ccm(["one", "two"], seconds=30)
        assert chat.await_report(reply["id"], seconds=30)["status"] == "DELIVERED"


# Trouble at Twitter


def test_a_rate_limit_pauses_its_account_until_the_reset_and_no_other(account: Account) -> None:
    tree = account.tree
    other = Account.registered(tree).customer()
    chat = account.customer()
    limit = tree.sandbox.fault(
        family="twitter",
        path="events/new",
        account_id=account.id,
        times=1,
        status=429,
        headers={"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+3}"},
        body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    )
    for text in ("one", "two", "three"):
        chat.agent_says(text)
    eventually(lambda: tree.sandbox.hits(limit) == 1)
    pause = eventually(lambda: account.shown()["pauses"].get("outbound"), what="a pause to be seen")
    assert pause["reason"] == "rate_limited"
    assert account.shown()["state"] == "paused"
    for text in ("a", "b"):
        other.agent_says(text)
    other.await_twitter(["a", "b"])
    # Inbound, the limited account goes on.
    chat.customer_says("hello?")
    chat.await_ccm(["hello?"])
    assert chat.twitter_messages() == []
    chat.await_twitter(["one", "two", "three"])
    asked = [
        r
        for r in tree.sandbox.get("requests", family="twitter", path="events/new")["requests"]
        if r["account_id"] == account.id
    ]
    assert [r["status"] for r in asked] == [429, 200, 200, 200]
    # The reset is told in whole seconds: two to three away. Nothing was tried before it.
    assert asked[1]["at"] - asked[0]["at"] > 2.0
    eventually(lambda: account.shown()["state"] == "active")


def test_a_customer_who_takes_no_messages_fails_that_message_only(account: Account) -> None:
    sandbox = account.tree.sandbox
    closed, open_ = account.customers(2)
    sandbox.post("customer/refuse", customer_id=closed.customer_id, code=349)
    reply = closed.agent_says("private words")
    report = closed.await_report(reply["id"])
    assert (report["status"], report["reasonCode"]) == ("FAILED", "400")
    assert "does not accept Direct Messages" in report["markdownText"]
    assert "349" in report["markdownText"]
    (letter,) = dead_letters(closed, "outbound")
    assert (letter["message_id"], letter["reason"]) == (reply["id"], "recipient_closed")
    assert letter["customer_id"] == closed.customer_id
    assert "private words" not in str(letter)
    open_.await_round_trip("unharmed")
    sandbox.post("customer/refuse", customer_id=closed.customer_id, code=None)
    closed.agent_says("now?")
    closed.await_twitter(["now?"])


class Lost:
    """One message whose answer from Twitter got lost in some way, with its neighbours before and behind."""

    def __init__(self, tree: Tree, before: str = "before", **fault: Any) -> None:
        self.chat = Account.registered(tree).customer()
        self.chat.agent_says(before)
        self.chat.await_twitter([before])
        self.expected = [before, "the one", "behind"]
        self.fault = tree.sandbox.fault(
            family="twitter", path="events/new", account_id=self.chat.account.id, times=1, **fault
        )
        self.reply = self.chat.agent_says("the one")
        self.chat.agent_says("behind")


_REFUSAL_151 = {"errors": [{"code": 151, "message": "There was an error sending your message"}]}
WAYS: dict[str, Json] = {
    "sent, connection reset": {"action": "act_then_reset"},
    "sent, answer never comes": {"action": "act_then_hang"},
    "sent, answered with 503": {"action": "act_then_answer", "status": 503},
    "sent, refused with 151": {"action": "act_then_answer", "status": 403, "body": _REFUSAL_151},
    "sent, and its text is that of an earlier one": {"action": "act_then_reset", "before": "the one"},
    "not sent, connection reset": {"action": "reset"},
    "not sent, answered with 503": {"action": "answer", "status": 503},
    "not sent, and its text is that of an earlier one": {"action": "reset", "before": "the one"},
}
# Error 151 is known to come with messages that did arrive, so it is looked into; here, none had.
REFUSED: dict[str, Json] = {"not sent, refused with 151": {"action": "answer", "status": 403, "body": _REFUSAL_151}}


@pytest.fixture(scope="module")
def lost(tree: Tree) -> dict[str, Lost]:
    """All ways of losing an answer, begun together, since each takes its time to be settled."""
    return {name: Lost(tree, **fault) for name, fault in {**WAYS, **REFUSED}.items()}


@pytest.mark.parametrize("way", WAYS)
def test_a_send_whose_answer_is_lost_is_one_message_at_twitter_and_delivered(lost: dict[str, Lost], way: str) -> None:
    case = lost[way]
    case.chat.await_twitter(case.expected, seconds=45)
    assert case.chat.account.tree.sandbox.hits(case.fault) == 1
    assert case.chat.await_report(case.reply["id"], seconds=45)["status"] == "DELIVERED"
    case.chat.await_round_trip("mark")
    assert case.chat.twitter_texts() == [*case.expected, "mark"]


def test_a_refusal_that_may_lie_fails_the_message_when_nothing_was_sent(lost: dict[str, Lost]) -> None:
    (case,) = (lost[way] for way in REFUSED)
    report = case.chat.await_report(case.reply["id"], seconds=45)
    assert (report["status"], report["reasonCode"]) == ("FAILED", "400")
    assert "151" in report["markdownText"]
    case.chat.await_twitter(["before", "behind"])
    case.chat.await_round_trip("mark")
    assert case.chat.twitter_texts() == ["before", "behind", "mark"]


def deliveries(chat: Conversation) -> list[Json]:
    """Return the events on their way to the webhook for the conversation's account, in the order they were sent."""
    found = chat.account.tree.sandbox.get("webhook-deliveries")["deliveries"]
    return [delivery for delivery in found if delivery["for_user_id"] == chat.account.id]


def dead_letters(chat: Conversation, direction: str) -> list[Json]:
    """Return the dead letters of the conversation's account."""
    answer = chat.account.tree.http.get(
        f"{chat.account.tree.url}/dead-letters",
        params={"direction": direction, "account_id": chat.account.id},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found
