"""What a worker needs of the stores comes with the lease of a lane, from a real broker."""

from __future__ import annotations

import pytest

from tests.brokers import broker_process, inspector, services
from twitter_connector.bootstrap import Services
from twitter_connector.model.chat import X_CHAT, RoadTaken
from twitter_connector.model.plan import Asked, Choice
from twitter_connector.model.work import Direction, Entry, Lease, ReadUpTo
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.store.roads import Roads

__all__ = ["broker_process", "inspector", "services"]

IN, OUT = Direction.IN, Direction.OUT
ACME = "732739706"
CUSTOMERS = pytest.mark.parametrize("customer", ["210375291", "ada: 50 % \N{GRINNING FACE}"])


def leased(services: Services, direction: Direction, lane: str, entry_id: str = "m-1") -> Lease:
    services.lanes.accept([Entry(direction, ACME, lane, entry_id, "{}")])
    lease = services.lanes.claim(direction)
    assert lease is not None
    return lease


@CUSTOMERS
def test_how_far_the_customer_has_read_comes_with_a_report(services: Services, customer: str) -> None:
    first = leased(services, IN, f"{customer}~reports")
    assert (first.read_up_to, services.ledger.read_up_to(ACME, customer)) == ("", (0, 0))
    services.lanes.accept([Entry(IN, ACME, f"{customer}~reports", "m-2", "{}")])
    second = services.lanes.settle(first, [ReadUpTo(ACME, customer, "1000000000000000003", 1_700_000_000_123)])
    assert second is not None
    mark = 1000000000000000003, 1_700_000_000_123
    assert services.ledger.read_up_to(ACME, customer) == mark
    assert services.ledger.read_up_to("", "", second.read_up_to) == mark
    assert (second.question, second.ledger, second.road, second.chat_keys) == (None, None, None, None)


@CUSTOMERS
def test_the_question_and_the_way_come_with_a_message(services: Services, customer: str) -> None:
    first = leased(services, IN, customer)
    assert (first.question, first.road, first.read_up_to) == ("", "", None)
    services.conversations.ask(ACME, customer, Asked("q-1", (Choice(1, "Yes", "yes"),), numbered=True))
    services.lanes.accept([Entry(IN, ACME, customer, "m-2", "{}")])
    second = services.lanes.settle(first, [RoadTaken(ACME, customer, X_CHAT, 1)])
    assert second is not None
    assert second.question == "q-1"
    roads = Roads(services.redis)
    assert roads.latest("", "", second.road) == roads.latest(ACME, customer) == X_CHAT


@CUSTOMERS
def test_the_send_ledger_comes_with_a_reply(services: Services, customer: str) -> None:
    first = leased(services, OUT, customer)
    assert first.ledger == {}
    assert services.ledger.write(first, "m-1", 0, SendRecord(dm_id="17"))
    services.lanes.postpone(first, 0, spend=True)
    again = services.lanes.claim(OUT)
    assert again is not None
    assert (
        services.ledger.steps("", "", again.ledger) == services.ledger.steps(ACME, "m-1") == {0: SendRecord(dm_id="17")}
    )
