"""A customer's name: from the event, else from the cache of a day, else from X; never in the way of the message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, FakeDeliveries, failing
from twitter_connector.delivery.customer_names import LOOK_UP_AGAIN, CustomerNames
from twitter_connector.errors import ConnectorError, Permanent, RateLimited, ServiceUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.event import Person
from twitter_connector.store.names import NAME_SECONDS, NamesStore

MINUTE = 60.0


class X:
    """X's profiles."""

    def __init__(self) -> None:
        self.people = {ADA: Person(ADA, "Ada Lovelace", "ada"), GRACE: Person(GRACE, "", "grace")}
        self.asked: list[str] = []
        self.failure: ConnectorError | None = None

    def person(self, account: Account, user_id: str) -> Person:
        self.asked.append(user_id)
        if self.failure is not None:
            raise self.failure
        return self.people.get(user_id, Person(user_id))


@pytest.fixture
def x(fakes: FakeDeliveries) -> X:
    found = X()
    store = NamesStore(fakes.lanes.client)
    fakes.inbound.names = CustomerNames(store, found.person, lambda account: fakes.may_look_up, fakes.clock)
    return found


def writes(fakes: FakeDeliveries, event_id: str, *, customer: str = ADA, named: bool = False) -> tuple[str, str]:
    """Let a customer write; return the names that CIM hears."""
    event: dict[str, Any] = fakes.event(event_id, "Hi", customer=customer)
    if not named:
        del event["users"]
    fakes.receive(event)
    fakes.serve(IN)
    channel_data = fakes.cim.received[-1]["header"]["channelData"]
    return channel_data["customerFirstName"], channel_data["customerLastName"]


def test_an_event_with_a_name_needs_no_look_up(fakes: FakeDeliveries, x: X) -> None:
    assert writes(fakes, "1", named=True) == ("Ada", "Lovelace")
    assert x.asked == []


def test_the_name_of_an_earlier_event_of_the_day_is_used(fakes: FakeDeliveries, x: X) -> None:
    writes(fakes, "1", named=True)
    assert writes(fakes, "2") == ("Ada", "Lovelace")
    assert x.asked == []


def test_a_missing_name_is_looked_up_once_a_day(fakes: FakeDeliveries, x: X) -> None:
    assert writes(fakes, "1") == ("Ada", "Lovelace")
    assert writes(fakes, "2") == ("Ada", "Lovelace")
    assert writes(fakes, "3", customer=GRACE) == ("grace", "")
    assert x.asked == [ADA, GRACE]
    ttl = [fakes.lanes.client.ttl(key) for key in fakes.lanes.client.keys("tc:name:*")]
    assert [seconds for seconds in ttl if not 0 < seconds <= NAME_SECONDS] == []
    assert timedelta(seconds=NAME_SECONDS) == timedelta(days=1)


@pytest.mark.parametrize(
    "failure", [failing(ServiceUnavailable), failing(RateLimited, "credits_depleted"), failing(Permanent)]
)
def test_a_look_up_that_fails_delays_nothing_and_is_not_repeated_at_once(
    fakes: FakeDeliveries, x: X, failure: ConnectorError
) -> None:
    x.failure = failure
    assert writes(fakes, "1") == ("", "")
    writes(fakes, "2")
    writes(fakes, "3", customer=GRACE)
    assert x.asked == [ADA], "another customer's look-up would fail too"
    x.failure = None
    fakes.clock.advance(LOOK_UP_AGAIN.total_seconds())
    assert writes(fakes, "4") == ("Ada", "Lovelace")
    assert fakes.dead_lettered() == []


def test_a_user_whom_x_does_not_name_is_not_looked_up_for_each_message(fakes: FakeDeliveries, x: X) -> None:
    x.people.clear()
    assert writes(fakes, "1") == ("", "")
    assert writes(fakes, "2") == ("", "")
    assert x.asked == [ADA]


def test_an_account_at_its_hard_limit_looks_nobody_up(fakes: FakeDeliveries, x: X) -> None:
    fakes.may_look_up = False
    assert writes(fakes, "1") == ("", "")
    assert x.asked == []
    fakes.may_look_up = True
    assert writes(fakes, "2") == ("Ada", "Lovelace")


def test_names_of_one_account_are_unknown_to_another(fakes: FakeDeliveries, x: X) -> None:
    store = NamesStore(fakes.lanes.client)
    writes(fakes, "1")
    assert store.known(ACME, ADA) == Person(ADA, "Ada Lovelace", "ada")
    assert store.known("333", ADA) is None
