"""Replies to customers who wrote encrypted (delivery/chat_outbound.py): which way they take, and each sent once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, OUT, FakeDeliveries, account, failing
from twitter_connector.delivery.chat_outbound import ChatOutbound
from twitter_connector.delivery.intake import decode
from twitter_connector.errors import OutcomeUnknown, Permanent, RateLimited, Retryable
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.account import V2, Account
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.chat import DIRECT, X_CHAT, RoadTaken
from twitter_connector.model.plan import SendDm
from twitter_connector.model.work import AgentMessage, Link
from twitter_connector.store.roads import Roads


class FakeChat:
    """X Chat of one account. X has each body once."""

    def __init__(self) -> None:
        self.made: list[tuple[str, SendDm, str]] = []
        self.posted: list[str] = []
        self.failures: list[Exception] = []
        self.lost: list[Exception] = []
        self.marks: list[tuple[str, str]] = []
        self.ready = True

    def is_ready(self, owner: Account) -> bool:
        return self.ready

    def of(self, owner: Account) -> FakeChat:
        return self

    def uploads(self, owner: Account, customer_id: str) -> Any:
        return ("uploads of", customer_id)

    def prepared(self, customer_id: str, step: SendDm, reply_to: str = "") -> str:
        self.made.append((customer_id, step, reply_to))
        return f"ciphertext {len(self.made)}"

    def post(self, customer_id: str, body: str) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(body)
        if self.lost:
            raise self.lost.pop(0)
        return str(2080400825227100160 + len(set(self.posted)))

    def show_typing(self, customer_id: str) -> None:
        self.marks.append(("typing", customer_id))

    def mark_read(self, customer_id: str, sequence_id: str) -> None:
        self.marks.append((sequence_id, customer_id))


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def relay(fakes: FakeDeliveries, chat: FakeChat) -> FakeDeliveries:
    roads = Roads(fakes.lanes.client)
    fakes.outbound.account = lambda account_id: replace(account(account_id), flavour=V2)
    fakes.outbound.can = lambda owner: Capabilities(quick_replies=False, typing=False, read_marks=False)
    fakes.outbound.chat = ChatOutbound(roads, fakes.ledger, fakes.conversations, chat.is_ready, chat.of, chat.uploads)
    return fakes


def wrote(relay: FakeDeliveries, road: str, customer: str = ADA) -> None:
    """The customer wrote this way at this moment."""
    relay.lanes.accept([RoadTaken(ACME, customer, road, relay.clock.ms)])
    relay.clock.advance(1)


def test_a_reply_takes_the_way_of_the_customers_latest_message(relay: FakeDeliveries, chat: FakeChat) -> None:
    relay.send("m1", "nobody wrote yet")
    relay.serve()
    wrote(relay, X_CHAT)
    relay.send("m2", "encrypted")
    relay.send("m3", "another customer", customer=GRACE)
    relay.serve()
    wrote(relay, DIRECT)
    relay.send("m4", "ordinary again")
    relay.serve()
    assert [(customer, step.text) for customer, step, _ in chat.made] == [(ADA, "encrypted")]
    assert [one.step.text for one in relay.twitter.sent] == ["nobody wrote yet", "another customer", "ordinary again"]
    assert {(m, status) for m, status, _ in relay.reports()} == {(f"m{n}", "DELIVERED") for n in (1, 2, 3, 4)}


def test_without_the_keys_a_reply_to_an_encrypted_message_fails_and_never_goes_out_in_clear(
    relay: FakeDeliveries, chat: FakeChat
) -> None:
    wrote(relay, X_CHAT)
    relay.send("m1", "about what you wrote encrypted")
    chat.ready = False
    relay.serve()
    assert (chat.made, relay.twitter.sent) == ([], [])
    ((_, status, _),) = relay.reports()
    assert status == "FAILED"
    assert relay.dead_lettered()[0].reason == "chat_unavailable"
    wrote(relay, DIRECT)
    relay.send("m2", "ordinary")
    relay.serve()
    assert [one.step.text for one in relay.twitter.sent] == ["ordinary"]


def test_a_lost_answer_posts_the_same_ciphertext_again(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    chat.lost += [failing(OutcomeUnknown), failing(OutcomeUnknown)]
    relay.send("m1", "once")
    relay.serve()
    for _ in range(4):
        relay.later(20)
    assert chat.posted == ["ciphertext 1"] * 3
    assert relay.reports() == [("m1", "DELIVERED", "200")]


def test_what_began_encrypted_stays_so_when_the_customer_changes_the_way(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    chat.lost.append(failing(OutcomeUnknown))
    relay.send("m1", "once")
    relay.serve()
    wrote(relay, DIRECT)
    relay.later(20)
    assert chat.posted == ["ciphertext 1"] * 2
    assert relay.twitter.sent == []


def test_a_refusal_keeps_the_ciphertext_and_a_changed_key_makes_another(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    chat.failures += [failing(RateLimited, until=relay.clock()), failing(Retryable, "chat_key_changed")]
    relay.send("m1", "once")
    for _ in range(4):
        relay.serve()
        relay.clock.advance(90)
    assert len(chat.made) == 2
    assert chat.posted == ["ciphertext 2"]


def test_a_refused_message_fails_and_its_text_stays_out_of_the_reason(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    chat.failures.append(failing(Permanent, "recipient_closed"))
    relay.send("m1", "planted")
    relay.serve()
    assert [status for _, status, _ in relay.reports()] == ["FAILED"]
    (letter,) = relay.dead_lettered()
    assert letter.reason == "recipient_closed"
    assert "planted" not in letter.detail


def test_typing_and_read_marks_go_out_where_x_chat_has_them(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    cim_id = message_id(ACME, "e1")
    relay.lanes.accept([Link(ACME, cim_id, "e1"), Link(ACME, "e1", "2080400825227100160")])
    read = {"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"}
    relay.send("r1", body=read, sender={"type": "AGENT"})
    relay.send("t1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"}, sender={"type": "AGENT"})
    relay.serve(OUT)
    for payload in relay.lanes.typing_indicators():
        work = decode(payload, OUT, lambda envelope, flavour: None)  # type: ignore[arg-type, return-value]
        assert isinstance(work, AgentMessage)
        relay.outbound.deliver_typing(work.message)
    assert chat.marks == [("2080400825227100160", ADA), ("typing", ADA)]


def test_a_reply_names_the_message_that_it_quotes(relay: FakeDeliveries, chat: FakeChat) -> None:
    wrote(relay, X_CHAT)
    relay.lanes.accept([Link(ACME, "asked", "e1"), Link(ACME, "e1", "2080400825227100160")])
    relay.send("m1", "Blue.", intent="REPLY_TO", originalMessageId="asked")
    relay.serve()
    relay.send("m2", "Dark blue.", intent="REPLY_TO", originalMessageId="m1")
    relay.send("m3", "Or so.", intent="REPLY_TO", originalMessageId="unknown")
    relay.serve()
    assert [(step.text, reply_to) for _, step, reply_to in chat.made] == [
        ("Blue.", "2080400825227100160"),
        ("Dark blue.", "2080400825227100161"),
        ("Or so.", ""),
    ]


def test_options_go_as_numbered_text_and_a_file_through_the_conversations_uploads(
    relay: FakeDeliveries, chat: FakeChat
) -> None:
    wrote(relay, X_CHAT)
    buttons = [{"type": "postback", "title": title, "payload": title} for title in ("Yes", "No")]
    relay.send("m1", "Sure?", body={"type": "BUTTON", "buttons": buttons})
    relay.send("m2", "", body={"type": "IMAGE", "attachment": {"mediaUrl": "https://x/a.png", "mimeType": "image/png"}})
    relay.serve()
    asked, picture = [step for _, step, _ in chat.made]
    assert "1" in asked.text
    assert "Yes" in asked.text
    assert not asked.quick_replies
    assert picture.media_id == "710511363345354753"
