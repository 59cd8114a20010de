"""The loop: order, waits, pauses, dead letters. A failure in one conversation delays no other conversation."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, FakeDeliveries, failing, read_event
from twitter_connector.delivery.consumer import CLAIMS_MAX, SLICE, Attempt
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    LeaseLost,
    Permanent,
    RateLimited,
    Retryable,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.model.event import Activity
from twitter_connector.model.work import Direction, Entry, Lease
from twitter_connector.queue.timings import QueueTimings

TIMINGS = QueueTimings()


class Script:
    """A route that does what it is told for each entry, and remembers the order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failures: dict[str, list[BaseException]] = {}
        self.during: Callable[[Lease], None] = lambda lease: None
        self.follow_ups: dict[str, Sequence[Entry]] = {}
        self.gave_up: list[tuple[str, str]] = []

    def fail(self, entry_id: str, *errors: BaseException) -> None:
        self.failures.setdefault(entry_id, []).extend(errors)

    def deliver(self, attempt: Attempt) -> Sequence[Entry]:
        lease = attempt.lease
        self.during(lease)
        if self.failures.get(lease.entry_id):
            raise self.failures[lease.entry_id].pop(0)
        self.seen.append(lease.entry_id)
        return self.follow_ups.get(lease.entry_id, ())

    def is_signal(self, attempt: Attempt) -> bool:
        return attempt.lease.lane.endswith("~signs")

    def given_up(self, attempt: Attempt, error: ConnectorError) -> Sequence[Entry]:
        lease = attempt.lease
        self.gave_up.append((lease.entry_id, error.reason))
        return [Entry(IN, lease.account_id, f"{lease.lane}~reports", f"report of {lease.entry_id}", "")]

    def message_id(self, attempt: Attempt) -> str:
        return f"cim of {attempt.lease.entry_id}"

    def replayable(self, attempt: Attempt) -> str:
        return attempt.lease.payload


@pytest.fixture
def route() -> Script:
    return Script()


def payload(entry_id: str) -> str:
    return json.dumps({"v": 1, "kind": "report", "message": {"id": entry_id}})


def work(fakes: FakeDeliveries, *ids: str, lane: str = ADA, account: str = ACME, way: Direction = OUT) -> None:
    fakes.lanes.accept([Entry(way, account, lane, i, payload(i)) for i in ids])


def serve(fakes: FakeDeliveries, route: Script, budget: float = 60) -> int:
    return fakes.drain(fakes.consume(OUT, route), budget)


class TestOrder:
    def test_a_lane_is_served_in_order_and_emptied(self, fakes: FakeDeliveries, route: Script) -> None:
        ids = [str(n) for n in range(35)]
        work(fakes, *ids)
        assert serve(fakes, route) == 35
        assert route.seen == ids
        assert fakes.lanes.left_behind() == []

    def test_the_next_waits_while_the_first_is_tried_again(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        route.fail("1", failing(ServiceUnavailable), failing(ServiceUnavailable))
        serve(fakes, route)
        assert route.seen == []
        fakes.clock.advance(0.5)
        serve(fakes, route)
        assert route.seen == []
        fakes.clock.advance(1)
        serve(fakes, route)
        assert route.seen == ["1", "2"]

    def test_other_lanes_flow_meanwhile(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        work(fakes, "3", "4", lane=GRACE)
        route.fail("1", *[failing(Retryable)] * 3)
        serve(fakes, route)
        assert route.seen == ["3", "4"]

    def test_a_chatty_conversation_lets_the_others_in_after_a_slice(self, fakes: FakeDeliveries, route: Script) -> None:
        # The chatty one is the first to be served, whichever way equals are sorted.
        work(fakes, *(f"a{n}" for n in range(3 * SLICE)), lane=GRACE)
        fakes.clock.advance(0.01)
        work(fakes, "b", lane=ADA)
        route.during = lambda lease: fakes.clock.advance(0.001)
        serve(fakes, route)
        assert route.seen.index("b") == SLICE
        assert [i for i in route.seen if i != "b"] == [f"a{n}" for n in range(3 * SLICE)]

    def test_one_account_lets_the_others_in(self, fakes: FakeDeliveries, route: Script) -> None:
        for n in range(5):
            work(fakes, *(f"a{n}-{m}" for m in range(SLICE)), lane=f"{n}", account=OTHER)
        fakes.clock.advance(0.01)
        work(fakes, "b", lane=GRACE, account=ACME)
        # Accounts take turns by the moment when a lane of theirs was leased last, so time has to pass.
        fakes.clock.advance(0.01)
        route.during = lambda lease: fakes.clock.advance(0.001)
        serve(fakes, route)
        assert route.seen.index("b") <= SLICE

    def test_follow_ups_are_accepted_and_wake_a_worker(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        fakes.woken.clear()
        route.follow_ups["1"] = [Entry(IN, ACME, f"{ADA}~reports", "report", "p")]
        serve(fakes, route)
        assert fakes.woken == [IN]
        lease = fakes.lanes.claim(IN)
        assert lease is not None
        assert lease.entry_id == "report"


class TestWaiting:
    def test_each_try_waits_longer_and_none_is_lost(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        route.fail("1", *[failing(Retryable)] * 5)
        waits = []
        serve(fakes, route)
        while not route.seen:
            started = fakes.clock.seconds()
            while fakes.lanes.claim(OUT) is None:
                fakes.clock.advance(0.25)
            waits.append(fakes.clock.seconds() - started)
            # The claim of this test falls silent; the lane comes back after its lease.
            fakes.clock.advance(TIMINGS.lease / 1000)
            serve(fakes, route)
        assert waits == [0.5, 1, 2, 4, 8]
        assert fakes.watch.outcomes == [("waits", "reason")] * 5 + [("delivered", "")]

    def test_who_says_when_is_asked_then(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        route.fail("1", failing(Retryable, until=fakes.clock() + timedelta(seconds=30)))
        serve(fakes, route)
        fakes.clock.advance(29.9)
        assert serve(fakes, route) == 0
        fakes.clock.advance(0.2)
        serve(fakes, route)
        assert route.seen == ["1"]

    def test_while_nobody_can_be_reached_one_message_asks_for_all(self, fakes: FakeDeliveries, route: Script) -> None:
        """Fifty conversations must not call a service that is down fifty times a second."""
        asked: list[float] = []
        route.during = lambda lease: asked.append(fakes.clock.seconds())
        for n in range(50):
            work(fakes, f"{n}", lane=f"{n}")
            route.fail(f"{n}", *[failing(ServiceUnavailable)] * 1000)
        for _ in range(600):
            serve(fakes, route)
            fakes.clock.advance(0.1)
        assert len([at for at in asked if at > 20]) <= 8
        # When the other side is back, everything goes out at its next probe.
        route.failures.clear()
        fakes.clock.advance(TIMINGS.longest_probe / 1000)
        serve(fakes, route)
        assert sorted(route.seen, key=int) == [str(n) for n in range(50)]

    def test_a_short_outage_is_over_soon_after_it_ends(self, fakes: FakeDeliveries, route: Script) -> None:
        """Many conversations at work when it begins are one outage, not many."""
        started: list[Lease] = []
        for n in range(40):
            work(fakes, f"{n}", lane=f"{n}")
        # All forty were at work when the other side went away.
        while (lease := fakes.lanes.claim(OUT)) is not None:
            started.append(lease)
        consume = fakes.consume(OUT, route)
        for lease in started:
            consume._failed(Attempt(lease, read_event), failing(ServiceUnavailable))
        fakes.clock.advance(2)
        serve(fakes, route)
        fakes.clock.advance(1)
        serve(fakes, route)
        assert len(route.seen) == 40, "the account waits far longer than the two seconds the outage lasted"


class TestPausing:
    def test_a_limit_pauses_the_account_and_no_other(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        work(fakes, "3", lane=GRACE)
        work(fakes, "4", lane=ADA, account=OTHER)
        limited = failing(RateLimited, "rate_limited", until=fakes.clock() + timedelta(seconds=2))
        route.fail("1", limited)
        route.fail("3", limited)
        serve(fakes, route)
        assert route.seen == ["4"]
        assert fakes.lanes.pauses(ACME)[OUT]["reason"] == "rate_limited"
        fakes.clock.advance(1.9)
        assert serve(fakes, route) == 0
        fakes.clock.advance(0.2)
        serve(fakes, route)
        assert sorted(route.seen) == ["1", "2", "3", "4"]

    def test_a_pause_spends_no_try(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        for _ in range(20):
            route.fail("1", failing(RateLimited))
            serve(fakes, route)
            fakes.clock.advance(901)
        tries: list[int] = []
        route.during = lambda lease: tries.append(lease.tries)
        serve(fakes, route)
        assert tries == [0]

    def test_a_limit_without_an_end_is_asked_after_less_and_less_often_until_something_works(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        consumer = fakes.consume(OUT, route)

        def pauses(count: int, *entries: str) -> list[float]:
            """Return how long the account waits each time."""
            waits = []
            for _ in range(count):
                for entry in entries:
                    route.fail(entry, failing(RateLimited, "rate_limited"))
                fakes.drain(consumer)
                until = int(fakes.lanes.pauses(ACME)[OUT]["until"])
                waits.append((until - fakes.clock.ms) / 1000)
                fakes.clock.advance(waits[-1] + 0.1)
            return waits

        work(fakes, "1")
        work(fakes, "2", lane=GRACE)
        assert pauses(6, "1", "2") == [60, 120, 240, 480, 900, 900]
        route.failures.clear()
        fakes.drain(consumer)
        assert sorted(route.seen) == ["1", "2"]
        work(fakes, "3")
        assert pauses(1, "3") == [60]

    def test_credentials_that_are_refused_wait_for_a_person(
        self, fakes: FakeDeliveries, route: Script, caplog: pytest.LogCaptureFixture
    ) -> None:
        work(fakes, "1")
        route.fail("1", failing(CredentialsRejected, "token_revoked", until=fakes.clock() + timedelta(minutes=10)))
        with caplog.at_level(logging.WARNING):
            serve(fakes, route)
        assert [(r.levelname, r.message) for r in caplog.records] == [("ERROR", "account_paused")]
        assert fakes.dead_lettered() == []
        fakes.clock.advance(601)
        serve(fakes, route)
        assert route.seen == ["1"]

    def test_an_inbound_message_that_meets_refused_credentials_stops_sending_and_its_own_lane_only(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        work(fakes, "photo", "behind it", way=IN)
        work(fakes, "text", lane=GRACE, way=IN)
        work(fakes, "reply", lane=GRACE)
        until = fakes.clock() + timedelta(minutes=10)
        route.fail("photo", failing(CredentialsRejected, "token_revoked", until=until))
        fakes.drain(fakes.consume(IN, route))
        serve(fakes, route)
        assert route.seen == ["text"]
        assert set(fakes.lanes.pauses(ACME)) == {OUT}
        assert fakes.lanes.pauses(ACME)[OUT]["reason"] == "token_revoked"
        fakes.clock.advance(599)
        assert fakes.drain(fakes.consume(IN, route)) == 0
        fakes.clock.advance(1)
        fakes.drain(fakes.consume(IN, route))
        serve(fakes, route)
        assert route.seen == ["text", "photo", "behind it", "reply"]

    def test_what_waits_for_credentials_is_given_up_when_it_is_too_old(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        work(fakes, "photo", way=IN)
        while not fakes.dead_lettered():
            route.failures["photo"] = [failing(CredentialsRejected, until=fakes.clock() + timedelta(minutes=10))]
            fakes.drain(fakes.consume(IN, route))
            fakes.clock.advance(600)
        assert [(letter.entry_id, letter.reason) for letter in fakes.dead_lettered()] == [("photo", "too_old")]
        assert fakes.clock.seconds() == pytest.approx(24 * 3600, abs=1300)


class TestDeadLetters:
    def test_what_will_never_work_is_kept_with_everything_needed(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        accepted = fakes.clock()
        fakes.clock.advance(5)
        route.fail("1", Permanent("recipient_closed", "The customer does not accept messages.", code=349, status=403))
        assert serve(fakes, route) == 2
        (letter,) = fakes.dead_lettered()
        assert (letter.direction, letter.account_id, letter.customer_id, letter.lane) == (OUT, ACME, ADA, ADA)
        assert (letter.message_id, letter.entry_id, letter.payload) == ("cim of 1", "1", payload("1"))
        assert (letter.reason, letter.detail) == ("recipient_closed", "The customer does not accept messages.")
        assert (letter.tries, letter.accepted_at, letter.failed_at) == (1, accepted, fakes.clock())
        assert route.gave_up == [("1", "recipient_closed")]
        assert route.seen == ["2"]
        assert fakes.lanes.waiting(ACME)[IN] == 1

    def test_the_same_message_is_one_dead_letter_however_often_it_is_given_up(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        work(fakes, "1")
        route.fail("1", failing(Permanent))
        serve(fakes, route)
        fakes.lanes.accept([Entry(OUT, ACME, ADA, "1", payload("1"), again=True)])
        route.fail("1", failing(Permanent))
        serve(fakes, route)
        assert len(fakes.dead_lettered()) == 1

    def test_what_waited_too_long_is_given_up_without_another_try(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        fakes.clock.advance(24 * 3600 + 1)
        serve(fakes, route)
        assert route.seen == []
        assert [x.reason for x in fakes.dead_lettered()] == ["too_old"]

    def test_what_kills_its_worker_each_time_is_given_up(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")

        class Killed(BaseException):
            """What a thread meets when its process ends."""

        for _ in range(CLAIMS_MAX):
            route.fail("1", Killed())
            with pytest.raises(Killed):
                serve(fakes, route)
            fakes.clock.advance(TIMINGS.lease / 1000)
        serve(fakes, route)
        assert [(x.reason, x.entry_id) for x in fakes.dead_lettered()] == [("worker_died", "1")]
        assert route.seen == ["2"]

    @pytest.mark.parametrize(("died", "reasons"), [(4, []), (5, ["worker_died"])])
    def test_a_message_is_given_up_after_it_was_handed_to_five_workers_that_died(
        self, fakes: FakeDeliveries, route: Script, died: int, reasons: list[str]
    ) -> None:
        work(fakes, "1")
        for _ in range(died):
            # A worker that dies leaves a lease that runs out.
            assert fakes.lanes.claim(OUT) is not None
            fakes.clock.advance(TIMINGS.lease / 1000)
        serve(fakes, route)
        assert [letter.reason for letter in fakes.dead_lettered()] == reasons
        assert route.seen == ([] if reasons else ["1"])

    def test_a_fault_of_our_own_is_tried_and_then_kept_for_a_person(
        self, fakes: FakeDeliveries, route: Script, caplog: pytest.LogCaptureFixture
    ) -> None:
        work(fakes, "1", "2")
        route.fail("1", *[KeyError("planted words")] * 10)
        for _ in range(10):
            serve(fakes, route)
            fakes.clock.advance(60)
        assert route.seen == ["2"]
        (letter,) = fakes.dead_lettered()
        assert letter.reason == "internal_error"
        assert "planted" not in f"{letter.detail}"
        assert "planted" not in "".join(r.message for r in caplog.records)


class TestGivenUpWithoutAsking:
    """A message that is given up without asking the other side does not show that the other side answers again."""

    @pytest.mark.parametrize("reason", ["too_old", "worker_died", "internal_error", "lane_damaged"])
    def test_the_others_wait_for_the_next_probe(self, fakes: FakeDeliveries, route: Script, reason: str) -> None:
        asked = self.probed(fakes, route, failing(Permanent, reason), failing(ServiceUnavailable))
        assert len(asked) == 2
        assert route.seen == []

    def test_after_a_refusal_of_the_other_side_the_others_go_on(self, fakes: FakeDeliveries, route: Script) -> None:
        asked = self.probed(fakes, route, failing(Permanent, "recipient_closed"))
        assert route.seen == asked[1:]
        assert len(route.seen) == TIMINGS.strikes

    def probed(self, fakes: FakeDeliveries, route: Script, *outcomes: ConnectorError) -> list[str]:
        """Serve an account that could not be reached. outcomes: of its first tries. Return the entries tried."""
        for n in range(TIMINGS.strikes + 1):
            work(fakes, f"{n}", lane=f"{n}")
            route.fail(f"{n}", failing(ServiceUnavailable))
        serve(fakes, route)
        route.failures.clear()
        asked: list[str] = []

        def during(lease: Lease) -> None:
            if len(asked) < len(outcomes):
                route.fail(lease.entry_id, outcomes[len(asked)])
            asked.append(lease.entry_id)

        route.during = during
        fakes.clock.advance(TIMINGS.longest_probe / 1000)
        serve(fakes, route)
        return asked


class TestFaults:
    def test_a_broker_error_in_the_middle_books_nothing(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        route.fail("1", StoreUnavailable("broker_unavailable", "", ours=True))
        with pytest.raises(StoreUnavailable):
            serve(fakes, route)
        assert fakes.watch.outcomes == []
        fakes.clock.advance(TIMINGS.lease / 1000)
        serve(fakes, route)
        assert route.seen == ["1"]

    def test_outages_of_the_broker_do_not_count_as_workers_that_died(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        work(fakes, "1")
        outages = 2 * CLAIMS_MAX
        route.fail("1", *[StoreUnavailable("broker_unavailable", "", ours=True)] * outages)
        consumer = fakes.consume(OUT, route)
        for _ in range(outages):
            with pytest.raises(StoreUnavailable):
                fakes.drain(consumer, 60)
            consumer.give_back_interrupted()
        # Nobody waited for a lease to run out.
        fakes.drain(consumer, 60)
        assert route.seen == ["1"]
        assert fakes.dead_lettered() == []

    def test_what_another_worker_leased_meanwhile_is_not_given_back(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        route.fail("1", StoreUnavailable("broker_unavailable", "", ours=True))
        consumer = fakes.consume(OUT, route)
        with pytest.raises(StoreUnavailable):
            fakes.drain(consumer, 60)
        fakes.clock.advance(TIMINGS.lease / 1000)
        other = fakes.lanes.claim(OUT)
        assert other is not None
        consumer.give_back_interrupted()
        assert fakes.lanes.renew(other)

    def test_a_broker_error_after_success_is_no_failed_delivery(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")

        def gone(lease: Lease) -> None:
            fakes.lanes.line.away = True

        route.during = gone
        with pytest.raises(StoreUnavailable):
            serve(fakes, route)
        assert fakes.watch.outcomes == [("delivered", "")]
        assert fakes.dead_letters.count() == 0

    def test_a_lost_lane_is_left_to_its_new_holder(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1")
        work(fakes, "2", lane=GRACE)
        route.fail("1", LeaseLost())
        serve(fakes, route)
        assert route.seen == ["2"]
        assert fakes.dead_lettered() == []
        assert fakes.watch.outcomes == [("delivered", "")]

    def test_who_was_overtaken_settles_nothing(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")

        def overtaken(lease: Lease) -> None:
            if lease.claims == 1 and lease.entry_id == "1":
                fakes.clock.advance(TIMINGS.lease / 1000)
                other = fakes.lanes.claim(OUT)
                assert other is not None
                assert other.claims == 2

        route.during = overtaken
        serve(fakes, route)
        assert route.seen == ["1"]
        fakes.clock.advance(TIMINGS.lease / 1000)
        serve(fakes, route)
        assert route.seen == ["1", "1", "2"]

    @pytest.mark.parametrize(
        ("error", "lane", "said", "outcomes"),
        [
            (Permanent, ADA, [], []),
            (ServiceUnavailable, ADA, [], []),
            (Permanent, f"{ADA}~signs", [], []),
            # X said it of the account, whoever has the lane.
            (RateLimited, ADA, ["account_paused"], [("paused", "reason")]),
        ],
        ids=["given up", "to be tried again", "a read mark", "rate limited"],
    )
    def test_who_was_overtaken_says_only_what_happened(
        self,
        fakes: FakeDeliveries,
        route: Script,
        caplog: pytest.LogCaptureFixture,
        error: type[ConnectorError],
        lane: str,
        said: list[str],
        outcomes: list[tuple[str, str]],
    ) -> None:
        work(fakes, "1", lane=lane)

        def overtaken(lease: Lease) -> None:
            if lease.claims == 1:
                work(fakes, "2", lane=GRACE, account=OTHER)
                fakes.clock.advance(TIMINGS.lease / 1000)
                other = fakes.lanes.claim(OUT, [OTHER])
                assert other is not None
                assert other.claims == 2
                route.during = lambda lease: None

        route.during = overtaken
        route.fail("1", failing(error))
        serve(fakes, route)
        events = ["account_paused", "dead_lettered", "delivery_postponed", "lease_lost", "signal_not_delivered"]
        assert [record.message for record in caplog.records if record.message in events] == [*said, "lease_lost"]
        assert fakes.watch.outcomes == [*outcomes, ("delivered", "")]
        assert fakes.dead_lettered() == []
        assert route.seen == ["2"]

    def test_stopping_ends_after_the_message_at_hand(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        work(fakes, "3", lane=GRACE)

        def stop(lease: Lease) -> None:
            fakes.stopping = True

        route.during = stop
        assert serve(fakes, route) == 1
        fakes.stopping = False
        route.during = lambda lease: None
        serve(fakes, route)
        assert sorted(route.seen) == ["1", "2", "3"]

    def test_a_used_up_budget_wakes_a_worker_for_the_rest(self, fakes: FakeDeliveries, route: Script) -> None:
        work(fakes, "1", "2")
        fakes.woken.clear()
        assert serve(fakes, route, budget=0) == 1
        assert fakes.woken == [OUT]
        assert route.seen == ["1"]

    def test_an_account_that_holds_its_share_leaves_places_for_others(
        self, fakes: FakeDeliveries, route: Script
    ) -> None:
        work(fakes, "1")
        work(fakes, "2", account=OTHER)
        lease: list[Any] = []
        while ACME not in fakes.concurrency.full(OUT):
            lease.append(fakes.concurrency.leased(OUT, ACME))
            lease[-1].__enter__()
        serve(fakes, route)
        assert route.seen == ["2"]
        for place in lease:
            place.__exit__(None, None, None)
        serve(fakes, route)
        assert route.seen == ["2", "1"]


class TestDecoding:
    def test_an_entry_is_decoded_once_and_before_the_route_sees_it(self, fakes: FakeDeliveries) -> None:
        read: list[str] = []

        def reading(envelope: Mapping[str, Any], flavour: str) -> Activity:
            read.append(flavour)
            return read_event(envelope, flavour)

        fakes.customer_writes("17", "Hi")
        fakes.cim.fail_next(failing(Permanent))
        consumer = fakes.consume(IN)
        consumer.read_event = reading
        fakes.drain(consumer)
        assert read == ["v1"]
        assert len(fakes.dead_lettered()) == 1

    def test_what_cannot_be_decoded_never_reaches_the_route(self, fakes: FakeDeliveries, route: Script) -> None:
        fakes.lanes.accept([Entry(OUT, ACME, ADA, "1", '{"v": 1, "kind": "hologram"}')])
        work(fakes, "2")
        serve(fakes, route)
        assert [x.reason for x in fakes.dead_lettered()] == ["unreadable_entry"]
        assert route.seen == ["2"]

    def test_an_entry_of_a_later_version_waits_for_a_later_worker(self, fakes: FakeDeliveries, route: Script) -> None:
        fakes.lanes.accept([Entry(OUT, ACME, ADA, "1", '{"v": 2, "kind": "report", "message": {}}')])
        serve(fakes, route)
        assert (route.seen, fakes.dead_lettered()) == ([], [])
        assert fakes.watch.outcomes == [("waits", "entry_of_later_version")]
