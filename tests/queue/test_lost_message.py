"""An entry whose message is gone from the broker becomes a dead letter; the lane behind it goes on."""

from __future__ import annotations

import pytest

from tests.fake_deliveries import ACME, ADA, IN, OUT, FakeDeliveries
from twitter_connector.broker import keys
from twitter_connector.model.work import Direction


def lose_messages(fakes: FakeDeliveries, direction: Direction) -> None:
    fakes.lanes.client.delete(keys.MESSAGES.format(direction=direction, account=ACME, lane=ADA))


@pytest.mark.parametrize("direction", [IN, OUT])
def test_a_lost_message_is_given_up_by_name_and_the_next_one_is_delivered(direction: Direction) -> None:
    fakes = FakeDeliveries()

    def accept(number: str) -> None:
        if direction is IN:
            fakes.customer_writes(number, f"Message {number}")
        else:
            fakes.send(number, f"Message {number}")

    accept("17")
    lose_messages(fakes, direction)
    accept("18")
    fakes.serve()
    (letter,) = fakes.dead_lettered()
    assert (letter.reason, letter.entry_id, letter.tries) == ("lane_damaged", "dm:17" if direction is IN else "17", 1)
    delivered = fakes.written() if direction is IN else fakes.twitter.texts()
    assert delivered == ["Message 18"]
    assert fakes.lanes.left_behind() == []
