"""Encrypted messages of X Chat on their way to CIM, while the account has no keys (delivery/chat_inbound.py)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, FakeDeliveries
from twitter_connector.delivery.chat_inbound import ChatInbound
from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.messages.kinds.encrypted import WAITING
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.store.chat_notices import ChatNotices
from twitter_connector.store.status import Status
from twitter_connector.twitter.chat_objects import chat_event

DAY_SECONDS = 86_400


@pytest.fixture
def relay(fakes: FakeDeliveries) -> FakeDeliveries:
    fakes.inbound.chat = ChatInbound(ChatNotices(fakes.lanes.client))
    return fakes


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
