"""How long a message was under way, for the metrics."""

from __future__ import annotations

from tests.fake_deliveries import IN, OUT, FakeDeliveries, failing
from twitter_connector.errors import ServiceUnavailable


def test_an_event_counts_from_its_moment_at_x_to_ccms_answer(fakes: FakeDeliveries) -> None:
    fakes.customer_writes("17", "Hi")
    fakes.cim.fail_next(failing(ServiceUnavailable))
    fakes.serve(IN)
    assert fakes.watch.seconds == []
    fakes.later(90, IN)
    assert fakes.watch.seconds == [("in", 90)]


def test_a_reply_counts_from_ccms_message_to_the_last_direct_message(fakes: FakeDeliveries) -> None:
    fakes.send("m-1")
    fakes.later(2.5, OUT)
    assert fakes.watch.seconds == [("out", 2.5)]


def test_what_is_no_message_counts_nothing(fakes: FakeDeliveries) -> None:
    fakes.send("m-1")
    fakes.serve(OUT)
    fakes.watch.seconds.clear()
    # The report of the reply.
    fakes.serve(IN)
    assert [status for _, status, _ in fakes.reports()] == ["DELIVERED"]
    assert fakes.watch.seconds == []
