"""Replies that were accepted before a failover of the broker: the record of their sending may be lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fake_deliveries import ADA, GRACE, FakeDeliveries
from twitter_connector.delivery.failover_lookup import SHOWN_AFTER
from twitter_connector.errors import Permanent
from twitter_connector.model.plan import SendDm
from twitter_connector.queue.failovers import Failover

LAG = timedelta(seconds=30)
SHOWN_SECONDS = SHOWN_AFTER / timedelta(seconds=1)


def fail_over(fakes: FakeDeliveries) -> None:
    """The former primary is gone at this moment, with what it stored last."""
    failover = Failover(fakes.clock() - LAG, fakes.clock())
    fakes.outbound.failovers = lambda accepted_at: failover if accepted_at < failover.until else None


def send_unrecorded(fakes: FakeDeliveries, text: str, customer: str = ADA) -> None:
    """X got the message, and what the worker stored about it is lost."""
    fakes.twitter.send_dm(customer, SendDm(text))
    fakes.clock.advance(1)


def test_what_was_sent_is_found_with_one_list_and_not_sent_again(fakes: FakeDeliveries) -> None:
    customers = [str(10_000 + n) for n in range(20)]
    for n, customer in enumerate(customers):
        fakes.send(f"m-{n}", customer=customer)
    fakes.clock.advance(1)
    for customer in customers:
        send_unrecorded(fakes, "Hello", customer)
    fail_over(fakes)
    fakes.serve()
    assert fakes.twitter.looks == 0, "X shows a message a moment after it was sent"
    fakes.later(SHOWN_SECONDS)
    assert len(fakes.twitter.sent) == len(customers)
    assert fakes.twitter.looks == 1
    assert sorted(fakes.reports()) == sorted((f"m-{n}", "DELIVERED", "200") for n in range(20))


def test_what_was_not_sent_is_sent_once_in_its_order(fakes: FakeDeliveries) -> None:
    fakes.send("m-1", "first")
    fakes.send("m-2", "second")
    fakes.clock.advance(1)
    send_unrecorded(fakes, "first")
    fail_over(fakes)
    fakes.later(SHOWN_SECONDS)
    assert fakes.twitter.texts() == ["first", "second"]
    assert [report[0] for report in fakes.reports()] == ["m-1", "m-2"]


def test_of_two_equal_replies_each_sent_message_counts_for_one(fakes: FakeDeliveries) -> None:
    fakes.send("m-1")
    fakes.send("m-2")
    fakes.clock.advance(1)
    send_unrecorded(fakes, "Hello")
    fail_over(fakes)
    fakes.later(SHOWN_SECONDS)
    assert fakes.twitter.texts() == ["Hello", "Hello"]


def test_what_is_accepted_afterwards_is_sent_at_once_without_a_look(fakes: FakeDeliveries) -> None:
    fakes.send("m-1")
    fakes.clock.advance(1)
    fail_over(fakes)
    fakes.clock.advance(1)
    fakes.send("m-2", customer=GRACE)
    fakes.serve()
    assert [sent.recipient_id for sent in fakes.twitter.sent] == [GRACE]
    assert fakes.twitter.looks == 0


def test_where_x_shows_no_list_the_reply_is_sent(fakes: FakeDeliveries, caplog: pytest.LogCaptureFixture) -> None:
    fakes.send("m-1")
    fakes.clock.advance(1)
    fail_over(fakes)
    fakes.twitter.look_failures.append(Permanent("not_allowed", "This app may not read messages."))
    fakes.later(SHOWN_SECONDS)
    assert fakes.twitter.texts() == ["Hello"]
    assert "sent_messages_not_listed" in [record.message for record in caplog.records]
