"""Encrypted messages of X Chat on their way to CIM, with and without keys (delivery/chat_inbound.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, FakeDeliveries, account
from twitter_connector.broker import keys
from twitter_connector.delivery.chat_inbound import ChatInbound
from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.messages.kinds.encrypted import WAITING
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.account import V2, Account
from twitter_connector.model.chat import (
    CHANGED_KEY,
    DELETED,
    DIRECT,
    EDITED,
    KEYLESS,
    OTHER,
    REACTED,
    TEXT,
    UNREACTED,
    UNVERIFIED,
    X_CHAT,
    ChatOpened,
    ChatReceived,
    RoadTaken,
)
from twitter_connector.model.event import Media
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.store.chat_notices import ChatNotices
from twitter_connector.store.roads import Roads
from twitter_connector.store.status import Status
from twitter_connector.twitter.chat_objects import chat_event

DAY_SECONDS = 86_400


class FakeReader:
    """Reads what a test says; nothing while the account has no keys."""

    def __init__(self) -> None:
        self.opened: list[ChatOpened] = []
        self.keys = False

    def read(self, chat: ChatReceived, account: Account) -> ChatOpened | None:
        return self.opened.pop(0) if self.keys else None


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def relay(fakes: FakeDeliveries, reader: FakeReader) -> FakeDeliveries:
    client, store = fakes.lanes.client, fakes.lanes.accept
    fakes.inbound.chat = ChatInbound(ChatNotices(client), reader, on_v2, Roads(client), store)
    return fakes


def on_v2(account_id: str) -> Account:
    return replace(account(account_id), flavour=V2)


def receive(relay: FakeDeliveries, event_id: str, customer: str = ADA, **changes: Any) -> None:
    """X brings one encrypted message of this moment."""
    body = {
        "id": event_id,
        "created_at_msec": str(relay.clock.ms),
        "sender_id": customer,
        "conversation_id": f"{customer}:{ACME}",
        "sequence_id": first_id_at(relay.clock.ms),
        "encoded_event": "Y2lwaGVydGV4dA==",
        **changes,
    }
    event = chat_event(body, ACME, ACME)
    take_in_activities([event], relay.lanes, lambda family, what: relay.counted.append((family, what)))


def counts(relay: FakeDeliveries) -> dict[str, int]:
    return dict(Status(relay.lanes.client, relay.clock).snapshot([ACME]).accounts[ACME].chat)


def test_the_agent_gets_one_notice_for_each_conversation_and_day(relay: FakeDeliveries) -> None:
    for number in range(3):
        receive(relay, f"a{number}")
        relay.later(1, IN)
    receive(relay, "b0", GRACE)
    relay.serve(IN)
    assert relay.written() == [WAITING, WAITING]
    assert [m["header"]["channelData"]["channelCustomerIdentifier"] for m in relay.cim.received] == [ADA, GRACE]
    relay.clock.advance(DAY_SECONDS)
    receive(relay, "a3")
    relay.serve(IN)
    assert len(relay.written()) == 3
    assert relay.skipped == ["chat_noticed", "chat_noticed"]


def test_all_of_them_are_counted(relay: FakeDeliveries) -> None:
    for number in range(3):
        receive(relay, f"a{number}")
    receive(relay, "a1")
    relay.serve(IN)
    assert counts(relay) == {"unread": 3, "notice": 1}
    assert relay.counted[-1] == ("chat.received", "duplicate")


def test_a_message_of_yesterday_that_comes_late_brings_no_second_notice(relay: FakeDeliveries) -> None:
    receive(relay, "a0")
    relay.serve(IN)
    late = relay.clock.ms - DAY_SECONDS * 1000
    receive(relay, "a1", created_at_msec=str(late), sequence_id=first_id_at(late))
    relay.serve(IN)
    assert relay.written() == [WAITING]


def test_own_messages_and_groups_are_only_counted(relay: FakeDeliveries) -> None:
    receive(relay, "a0", sender_id=ACME)
    receive(relay, "a1", conversation_id="g17")
    relay.serve(IN)
    assert relay.cim.received == []
    assert relay.counted == [("chat.received", "ignored")] * 2


def test_a_notice_that_ccm_did_not_take_comes_again_with_the_same_id(relay: FakeDeliveries) -> None:
    relay.cim.failures.append(ConnectionError("gone"))
    receive(relay, "a0")
    relay.serve(IN)
    relay.later(2, IN)
    assert [m["id"] for m in relay.cim.received] == [message_id(ACME, "a0")]


def test_the_notice_stands_among_the_customers_direct_messages_in_xs_order(relay: FakeDeliveries) -> None:
    at = relay.clock.ms
    relay.customer_writes(str(int(first_id_at(at)) + 9), "after")
    receive(relay, "a0")
    relay.customer_writes(str(int(first_id_at(at - 50))), "before")
    relay.serve(IN)
    assert relay.written() == ["before", WAITING, "after"]


def opened_texts(relay: FakeDeliveries, reader: FakeReader, *opened: ChatOpened) -> list[str]:
    """Return what CCM gets for these decrypted events."""
    reader.keys = True
    for number, one in enumerate(opened):
        reader.opened.append(one)
        receive(relay, f"e{number}")
        relay.later(1, IN)
    return relay.cim.texts()


def test_a_decrypted_message_is_an_ordinary_message_at_the_desk(relay: FakeDeliveries, reader: FakeReader) -> None:
    relay.customer_writes("", "by the ordinary way")
    relay.later(1, IN)
    assert opened_texts(relay, reader, ChatOpened(TEXT, "5 < 6 &amp; 😀"))[1:] == ["5 < 6 &amp; 😀"]
    first, second = relay.cim.received
    customers = [m["header"]["channelData"]["channelCustomerIdentifier"] for m in (first, second)]
    assert customers == [ADA, ADA], "one conversation at the desk"
    assert second["id"] == message_id(ACME, "e0")
    assert second["header"]["providerMessageId"] == "e0"
    assert counts(relay) == {"text": 1}


@pytest.mark.parametrize(
    ("opened", "text"),
    [
        (ChatOpened(EDITED, "new"), "(edited) new"),
        (ChatOpened(DELETED), "[The customer deleted a message in X Chat.]"),
        (ChatOpened(REACTED, "👍"), "[The customer reacted with 👍 to a message.]"),
        (ChatOpened(UNREACTED, "👍"), "[The customer took back the reaction 👍.]"),
        (ChatOpened(TEXT, "yes", is_reply=True, quoted="Is it\n red?"), "“Is it red?”\nyes"),
        (ChatOpened(TEXT, "yes", is_reply=True), "[in reply to another message]\nyes"),
    ],
    ids=lambda value: value.kind if isinstance(value, ChatOpened) else "",
)
def test_what_has_no_form_at_the_desk_is_said_in_words(
    relay: FakeDeliveries, reader: FakeReader, opened: ChatOpened, text: str
) -> None:
    assert opened_texts(relay, reader, opened) == [text]


@pytest.mark.parametrize(("kind", "part"), [(KEYLESS, "its key is missing"), (UNVERIFIED, "did not sign")])
def test_what_cannot_be_read_or_trusted_is_a_note(
    relay: FakeDeliveries, reader: FakeReader, kind: str, part: str
) -> None:
    (text,) = opened_texts(relay, reader, ChatOpened(kind, "planted"))
    assert part in text
    assert "planted" not in text


def test_other_kinds_are_counted_and_become_no_message(relay: FakeDeliveries, reader: FakeReader) -> None:
    assert opened_texts(relay, reader, ChatOpened(CHANGED_KEY), ChatOpened(OTHER, detail="Typing")) == []
    assert relay.skipped == ["chat_changed_key", "chat_other"]
    assert counts(relay) == {"changed_key": 1, "other": 1}


def test_several_files_are_messages_in_their_order(relay: FakeDeliveries, reader: FakeReader) -> None:
    files = tuple(Media(str(n), "photo", f"x-chat://1/2/3/{n}") for n in range(2))
    opened_texts(relay, reader, ChatOpened(TEXT, "look", media=files))
    ids = [message_id(ACME, "e0", part) for part in range(3)]
    assert [(m["id"], m["body"]["type"]) for m in relay.cim.received] == [
        (ids[0], "PLAIN"),
        (ids[1], "IMAGE"),
        (ids[2], "IMAGE"),
    ]


def test_replies_take_the_way_of_the_latest_message_by_xs_moments(relay: FakeDeliveries, reader: FakeReader) -> None:
    roads, reader.keys = Roads(relay.lanes.client), True
    relay.lanes.client.hset(keys.CHAT_KEYS, ACME, "sealed")
    assert roads.latest(ACME, ADA) == DIRECT
    reader.opened += [ChatOpened(TEXT, "1"), ChatOpened(TEXT, "4")]
    receive(relay, "e1")
    relay.later(10, IN)
    assert roads.latest(ACME, ADA) == X_CHAT
    relay.customer_writes("", "2")
    relay.later(10, IN)
    assert roads.latest(ACME, ADA) == DIRECT
    late = relay.clock.ms - 15_000
    receive(relay, "e2", created_at_msec=str(late), sequence_id=first_id_at(late))
    relay.serve(IN)
    assert roads.latest(ACME, ADA) == DIRECT, "it was written before the ordinary message"


def test_without_keys_an_ordinary_message_after_an_encrypted_one_is_noted(relay: FakeDeliveries) -> None:
    roads = Roads(relay.lanes.client)
    relay.customer_writes("", "nobody has keys")
    relay.later(10, IN)
    assert relay.lanes.client.exists(keys.ROAD.format(account=ACME, customer=ADA)) == 0
    relay.lanes.accept([RoadTaken(ACME, ADA, X_CHAT, relay.clock.ms)])
    relay.clock.advance(1)
    relay.customer_writes("", "by the ordinary way again")
    relay.later(10, IN)
    assert roads.latest(ACME, ADA) == DIRECT


def test_a_place_in_the_conversation_is_noted_for_read_marks(relay: FakeDeliveries, reader: FakeReader) -> None:
    opened_texts(relay, reader, ChatOpened(TEXT, "1"))
    event_id = relay.conversations.event_of(ACME, message_id(ACME, "e0"))
    assert event_id == "e0"
    assert relay.conversations.event_of(ACME, event_id) is not None


def test_the_way_of_an_encrypted_message_is_stored_before_ccm_has_it(relay: FakeDeliveries, reader: FakeReader) -> None:
    reader.keys, reader.opened = True, [ChatOpened(TEXT, "Hello")]
    relay.cim.failures.append(ConnectionError("CCM may have it all the same, and a bot answers at once"))
    receive(relay, "a0")
    relay.serve(IN)
    assert Roads(relay.lanes.client).latest(ACME, ADA) == X_CHAT
