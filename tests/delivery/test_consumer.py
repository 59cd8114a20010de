"""The loop: order, waiting, pausing, burying, and that nothing one conversation suffers holds up another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, House, failing
from twitter_connector.broker import keys
from twitter_connector.delivery.consumer import CLAIMS_MAX, SLICE
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    HoldLost,
    Permanent,
    RateLimited,
    Retryable,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.model.work import Direction, Entry, Held


class Script:
    """A route that does what it is told for each entry, and remembers the order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failures: dict[str, list[BaseException]] = {}
        self.during: Callable[[Held], None] = lambda held: None
        self.follow_ups: dict[str, Sequence[Entry]] = {}
        self.gave_up: list[tuple[str, str]] = []

    def fail(self, entry_id: str, *errors: BaseException) -> None:
        self.failures.setdefault(entry_id, []).extend(errors)

    def deliver(self, held: Held) -> Sequence[Entry]:
        self.during(held)
        if self.failures.get(held.entry_id):
            raise self.failures[held.entry_id].pop(0)
        self.seen.append(held.entry_id)
        return self.follow_ups.get(held.entry_id, ())

    def given_up(self, held: Held, error: ConnectorError) -> Sequence[Entry]:
        self.gave_up.append((held.entry_id, error.reason))
        return [Entry(IN, held.account_id, f"{held.lane}~reports", f"report of {held.entry_id}", "")]

    def message_id(self, held: Held) -> str:
        return f"cim of {held.entry_id}"

    def replayable(self, held: Held) -> str:
        return held.payload


@pytest.fixture
def route() -> Script:
    return Script()


def work(house: House, *ids: str, lane: str = ADA, account: str = ACME, way: Direction = OUT) -> None:
    house.lanes.accept([Entry(way, account, lane, i, f"payload of {i}") for i in ids])


def serve(house: House, route: Script, budget: float = 60) -> int:
    return house.drain(OUT, route).serve(budget)


class TestOrder:
    def test_a_lane_is_served_in_order_and_emptied(self, house: House, route: Script) -> None:
        ids = [str(n) for n in range(35)]
        work(house, *ids)
        assert serve(house, route) == 35
        assert route.seen == ids
        assert house.lanes.left_behind() == []

    def test_the_next_waits_while_the_first_is_tried_again(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        route.fail("1", failing(ServiceUnavailable), failing(ServiceUnavailable))
        serve(house, route)
        assert route.seen == []
        house.clock.advance(0.5)
        serve(house, route)
        assert route.seen == []
        house.clock.advance(1)
        serve(house, route)
        assert route.seen == ["1", "2"]

    def test_other_lanes_flow_meanwhile(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        work(house, "3", "4", lane=GRACE)
        route.fail("1", *[failing(Retryable)] * 3)
        serve(house, route)
        assert route.seen == ["3", "4"]

    def test_a_chatty_conversation_lets_the_others_in_after_a_slice(self, house: House, route: Script) -> None:
        # The chatty one is the first to be served, whichever way equals are sorted.
        work(house, *(f"a{n}" for n in range(3 * SLICE)), lane=GRACE)
        house.clock.advance(0.01)
        work(house, "b", lane=ADA)
        route.during = lambda held: house.clock.advance(0.001)
        serve(house, route)
        assert route.seen.index("b") == SLICE
        assert [i for i in route.seen if i != "b"] == [f"a{n}" for n in range(3 * SLICE)]

    def test_one_account_lets_the_others_in(self, house: House, route: Script) -> None:
        for n in range(5):
            work(house, *(f"a{n}-{m}" for m in range(SLICE)), lane=f"{n}", account=OTHER)
        house.clock.advance(0.01)
        work(house, "b", lane=GRACE, account=ACME)
        serve(house, route)
        assert route.seen.index("b") <= SLICE

    def test_what_follows_is_taken_in_and_rung_for(self, house: House, route: Script) -> None:
        work(house, "1")
        house.rung.clear()
        route.follow_ups["1"] = [Entry(IN, ACME, f"{ADA}~reports", "report", "p")]
        serve(house, route)
        assert house.rung == [IN]
        held = house.lanes.claim(IN)
        assert held is not None
        assert held.entry_id == "report"


class TestWaiting:
    def test_each_try_waits_longer_and_none_is_lost(self, house: House, route: Script) -> None:
        work(house, "1")
        route.fail("1", *[failing(Retryable)] * 5)
        waits = []
        serve(house, route)
        while not route.seen:
            started = house.clock.seconds()
            while house.lanes.claim(OUT) is None:
                house.clock.advance(0.25)
            waits.append(house.clock.seconds() - started)
            # The claim of this test falls silent; the lane comes back after its lease.
            house.clock.advance(keys.LEASE_MS / 1000)
            serve(house, route)
        assert waits == [0.5, 1, 2, 4, 8]
        assert house.watch.outcomes == [("waits", "reason")] * 5 + [("delivered", "")]

    def test_who_says_when_is_asked_then(self, house: House, route: Script) -> None:
        work(house, "1")
        route.fail("1", failing(Retryable, until=house.clock() + timedelta(seconds=30)))
        serve(house, route)
        house.clock.advance(29.9)
        assert serve(house, route) == 0
        house.clock.advance(0.2)
        serve(house, route)
        assert route.seen == ["1"]

    def test_while_nobody_can_be_reached_one_message_asks_for_all(self, house: House, route: Script) -> None:
        """Fifty conversations must not knock fifty times a second at a door that is shut."""
        asked: list[float] = []
        route.during = lambda held: asked.append(house.clock.seconds())
        for n in range(50):
            work(house, f"{n}", lane=f"{n}")
            route.fail(f"{n}", *[failing(ServiceUnavailable)] * 1000)
        for _ in range(600):
            serve(house, route)
            house.clock.advance(0.1)
        assert len([at for at in asked if at > 20]) <= 8
        # When the other side is back, everything goes out at its next probe.
        route.failures.clear()
        house.clock.advance(keys.PROBE_LONGEST_MS / 1000)
        serve(house, route)
        assert sorted(route.seen, key=int) == [str(n) for n in range(50)]

    def test_a_short_outage_is_over_soon_after_it_ends(self, house: House, route: Script) -> None:
        """Many conversations at work when it begins are one outage, not many."""
        started: list[Held] = []
        for n in range(40):
            work(house, f"{n}", lane=f"{n}")
        # All forty were at work when the other side went away.
        while (held := house.lanes.claim(OUT)) is not None:
            started.append(held)
        drain = house.drain(OUT, route)
        for held in started:
            drain._failed(held, failing(ServiceUnavailable), keep=False)
        house.clock.advance(2)
        serve(house, route)
        house.clock.advance(1)
        serve(house, route)
        assert len(route.seen) == 40, "the account waits far longer than the two seconds the outage lasted"


class TestPausing:
    def test_a_limit_pauses_the_account_and_no_other(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        work(house, "3", lane=GRACE)
        work(house, "4", lane=ADA, account=OTHER)
        limited = failing(RateLimited, "rate_limited", until=house.clock() + timedelta(seconds=2))
        route.fail("1", limited)
        route.fail("3", limited)
        serve(house, route)
        assert route.seen == ["4"]
        assert house.lanes.pauses(ACME)[OUT]["reason"] == "rate_limited"
        house.clock.advance(1.9)
        assert serve(house, route) == 0
        house.clock.advance(0.2)
        serve(house, route)
        assert sorted(route.seen) == ["1", "2", "3", "4"]

    def test_a_pause_spends_no_try(self, house: House, route: Script) -> None:
        work(house, "1")
        for _ in range(20):
            route.fail("1", failing(RateLimited))
            serve(house, route)
            house.clock.advance(901)
        tries: list[int] = []
        route.during = lambda held: tries.append(held.tries)
        serve(house, route)
        assert tries == [0]

    def test_a_limit_without_an_end_is_asked_after_less_and_less_often_until_something_works(
        self, house: House, route: Script
    ) -> None:
        drain = house.drain(OUT, route)

        def pauses(count: int, *entries: str) -> list[float]:
            """Return how long the account waits each time."""
            waits = []
            for _ in range(count):
                for entry in entries:
                    route.fail(entry, failing(RateLimited, "rate_limited"))
                drain.serve(60)
                until = int(house.lanes.pauses(ACME)[OUT]["until"])
                waits.append((until - house.clock.ms) / 1000)
                house.clock.advance(waits[-1] + 0.1)
            return waits

        work(house, "1")
        work(house, "2", lane=GRACE)
        assert pauses(6, "1", "2") == [60, 120, 240, 480, 900, 900]
        route.failures.clear()
        drain.serve(60)
        assert sorted(route.seen) == ["1", "2"]
        work(house, "3")
        assert pauses(1, "3") == [60]

    def test_credentials_that_are_refused_wait_for_a_person(
        self, house: House, route: Script, caplog: pytest.LogCaptureFixture
    ) -> None:
        work(house, "1")
        route.fail("1", failing(CredentialsRejected, "token_revoked", until=house.clock() + timedelta(minutes=10)))
        with caplog.at_level(logging.WARNING):
            serve(house, route)
        assert [(r.levelname, r.message) for r in caplog.records] == [("ERROR", "account_paused")]
        assert house.buried() == []
        house.clock.advance(601)
        serve(house, route)
        assert route.seen == ["1"]

    def test_an_inbound_message_that_meets_refused_credentials_stops_sending_and_its_own_lane_only(
        self, house: House, route: Script
    ) -> None:
        work(house, "photo", "behind it", way=IN)
        work(house, "text", lane=GRACE, way=IN)
        work(house, "reply", lane=GRACE)
        until = house.clock() + timedelta(minutes=10)
        route.fail("photo", failing(CredentialsRejected, "token_revoked", until=until))
        house.drain(IN, route).serve(60)
        serve(house, route)
        assert route.seen == ["text"]
        assert set(house.lanes.pauses(ACME)) == {OUT}
        assert house.lanes.pauses(ACME)[OUT]["reason"] == "token_revoked"
        house.clock.advance(599)
        assert house.drain(IN, route).serve(60) == 0
        house.clock.advance(1)
        house.drain(IN, route).serve(60)
        serve(house, route)
        assert route.seen == ["text", "photo", "behind it", "reply"]

    def test_what_waits_for_credentials_is_given_up_when_it_is_too_old(self, house: House, route: Script) -> None:
        work(house, "photo", way=IN)
        while not house.buried():
            route.failures["photo"] = [failing(CredentialsRejected, until=house.clock() + timedelta(minutes=10))]
            house.drain(IN, route).serve(60)
            house.clock.advance(600)
        assert [(letter.entry_id, letter.reason) for letter in house.buried()] == [("photo", "too_old")]
        assert house.clock.seconds() == pytest.approx(24 * 3600, abs=1300)


class TestBurying:
    def test_what_will_never_work_is_kept_with_everything_needed(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        accepted = house.clock()
        house.clock.advance(5)
        route.fail("1", Permanent("recipient_closed", "The customer does not accept messages.", code=349, status=403))
        assert serve(house, route) == 2
        (letter,) = house.buried()
        assert (letter.direction, letter.account_id, letter.customer_id, letter.lane) == (OUT, ACME, ADA, ADA)
        assert (letter.message_id, letter.entry_id, letter.payload) == ("cim of 1", "1", "payload of 1")
        assert (letter.reason, letter.detail) == ("recipient_closed", "The customer does not accept messages.")
        assert (letter.tries, letter.accepted_at, letter.failed_at) == (1, accepted, house.clock())
        assert route.gave_up == [("1", "recipient_closed")]
        assert route.seen == ["2"]
        assert house.lanes.waiting(ACME)[IN] == 1

    def test_the_same_message_is_one_letter_however_often_it_is_buried(self, house: House, route: Script) -> None:
        work(house, "1")
        route.fail("1", failing(Permanent))
        serve(house, route)
        house.lanes.accept([Entry(OUT, ACME, ADA, "1", "payload of 1", again=True)])
        route.fail("1", failing(Permanent))
        serve(house, route)
        assert len(house.buried()) == 1

    def test_what_waited_too_long_is_given_up_without_another_try(self, house: House, route: Script) -> None:
        work(house, "1")
        house.clock.advance(24 * 3600 + 1)
        serve(house, route)
        assert route.seen == []
        assert [x.reason for x in house.buried()] == ["too_old"]

    def test_what_kills_its_worker_each_time_is_given_up(self, house: House, route: Script) -> None:
        work(house, "1", "2")

        class Killed(BaseException):
            """What a thread meets when its process ends."""

        for _ in range(CLAIMS_MAX):
            route.fail("1", Killed())
            with pytest.raises(Killed):
                serve(house, route)
            house.clock.advance(keys.LEASE_MS / 1000)
        serve(house, route)
        assert [(x.reason, x.entry_id) for x in house.buried()] == [("worker_died", "1")]
        assert route.seen == ["2"]

    def test_a_fault_of_our_own_is_tried_and_then_kept_for_a_person(
        self, house: House, route: Script, caplog: pytest.LogCaptureFixture
    ) -> None:
        work(house, "1", "2")
        route.fail("1", *[KeyError("planted words")] * 10)
        for _ in range(10):
            serve(house, route)
            house.clock.advance(60)
        assert route.seen == ["2"]
        (letter,) = house.buried()
        assert letter.reason == "internal_error"
        assert "planted" not in f"{letter.detail}"
        assert "planted" not in "".join(r.message for r in caplog.records)


class TestTrouble:
    def test_a_broker_error_in_the_middle_books_nothing(self, house: House, route: Script) -> None:
        work(house, "1")
        route.fail("1", StoreUnavailable("broker_unavailable", "", ours=True))
        with pytest.raises(StoreUnavailable):
            serve(house, route)
        assert house.watch.outcomes == []
        house.clock.advance(keys.LEASE_MS / 1000)
        serve(house, route)
        assert route.seen == ["1"]

    def test_a_broker_error_after_success_is_no_failed_delivery(self, house: House, route: Script) -> None:
        work(house, "1")

        def gone(held: Held) -> None:
            house.lanes.away = True

        route.during = gone
        with pytest.raises(StoreUnavailable):
            serve(house, route)
        assert house.watch.outcomes == [("delivered", "")]
        assert house.lanes.dead == {}

    def test_a_lost_lane_is_left_to_its_new_holder(self, house: House, route: Script) -> None:
        work(house, "1")
        work(house, "2", lane=GRACE)
        route.fail("1", HoldLost())
        serve(house, route)
        assert route.seen == ["2"]
        assert house.buried() == []
        assert house.watch.outcomes == [("delivered", "")]

    def test_who_was_overtaken_settles_nothing(self, house: House, route: Script) -> None:
        work(house, "1", "2")

        def overtaken(held: Held) -> None:
            if held.claims == 1 and held.entry_id == "1":
                house.clock.advance(keys.LEASE_MS / 1000)
                other = house.lanes.claim(OUT)
                assert other is not None
                assert other.claims == 2

        route.during = overtaken
        serve(house, route)
        assert route.seen == ["1"]
        house.clock.advance(keys.LEASE_MS / 1000)
        serve(house, route)
        assert route.seen == ["1", "1", "2"]

    def test_stopping_ends_after_the_message_at_hand(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        work(house, "3", lane=GRACE)

        def stop(held: Held) -> None:
            house.stopping = True

        route.during = stop
        assert serve(house, route) == 1
        house.stopping = False
        route.during = lambda held: None
        serve(house, route)
        assert sorted(route.seen) == ["1", "2", "3"]

    def test_a_used_up_budget_rings_for_the_rest(self, house: House, route: Script) -> None:
        work(house, "1", "2")
        house.rung.clear()
        assert serve(house, route, budget=0) == 1
        assert house.rung == [OUT]
        assert route.seen == ["1"]

    def test_without_a_free_place_a_drain_goes_away_and_no_bell_rings_for_a_moment(
        self, house: House, route: Script
    ) -> None:
        work(house, "1")
        places: list[Any] = []
        while True:
            place = house.slots.drain(OUT)
            places.append(place)
            if not place.__enter__():
                break
        assert serve(house, route) == 0
        assert route.seen == []
        assert not house.lanes.knock(OUT)
        house.clock.advance(keys.HUSH_MS / 1000)
        assert house.lanes.knock(OUT)
        for place in places:
            place.__exit__(None, None, None)
        serve(house, route)
        assert route.seen == ["1"]

    def test_an_account_that_holds_its_share_leaves_places_for_others(self, house: House, route: Script) -> None:
        work(house, "1")
        work(house, "2", account=OTHER)
        held: list[Any] = []
        while ACME not in house.slots.full(OUT):
            held.append(house.slots.holding(OUT, ACME))
            held[-1].__enter__()
        serve(house, route)
        assert route.seen == ["2"]
        for place in held:
            place.__exit__(None, None, None)
        serve(house, route)
        assert route.seen == ["2", "1"]

    def test_more_work_than_one_can_do_wakes_another(self, house: House, route: Script) -> None:
        work(house, "1")
        work(house, "2", lane=GRACE)
        house.rung.clear()
        serve(house, route)
        assert house.rung == [OUT]
