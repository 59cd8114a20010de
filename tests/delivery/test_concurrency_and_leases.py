"""How many lanes a process takes on, and how their leases are kept alive."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeClock
from twitter_connector.delivery.concurrency import Concurrency
from twitter_connector.delivery.lease_renewal import LONGEST_LEASE_SECONDS, LeaseRenewal
from twitter_connector.model.work import Direction, Entry, Lease
from twitter_connector.queue.timings import QueueTimings

TIMINGS = QueueTimings()

IN, OUT = Direction.IN, Direction.OUT


class TestSlots:
    def places(self, concurrency: Concurrency, way: Direction) -> int:
        """Take every place there is in one direction."""
        count = 0
        while concurrency.take_place(way, 0):
            count += 1
            assert count < 1000
        return count

    @pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 16, 64, 128])
    def test_both_directions_have_places_and_never_more_than_threads(self, threads: int) -> None:
        concurrency = Concurrency(threads)
        inbound, outbound = self.places(concurrency, IN), self.places(concurrency, OUT)
        assert inbound == outbound >= 1
        if threads >= 4:
            assert inbound + outbound <= threads - 2, "threads are left for chores"

    def test_a_place_given_back_can_be_taken_again(self) -> None:
        concurrency = Concurrency(4)
        for _ in range(3):
            assert concurrency.take_place(IN, 0)
            assert not concurrency.take_place(IN, 0)
            concurrency.give_place_back(IN)

    def test_one_account_may_hold_its_share_and_the_rest_stays_free_for_others(self) -> None:
        concurrency = Concurrency(66)  # 32 a direction
        with ExitStack() as stack:
            for n in range(24):
                assert concurrency.full(IN) == [], n
                stack.enter_context(concurrency.leased(IN, "acme"))
            assert concurrency.full(IN) == ["acme"]
            assert concurrency.full(OUT) == []
            stack.enter_context(concurrency.leased(IN, "other"))
            assert concurrency.full(IN) == ["acme"]
        assert concurrency.full(IN) == []

    def test_even_the_smallest_worker_can_hold_a_lane(self) -> None:
        concurrency = Concurrency(1)
        assert concurrency.full(IN) == []
        with concurrency.leased(IN, "acme"):
            assert concurrency.full(IN) == ["acme"]


class TestLeaseRenewal:
    EVERY = 3.0

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def lanes(self, clock: FakeClock) -> ClockedLanes:
        return ClockedLanes(clock)

    @pytest.fixture
    def lease_renewal(self, lanes: ClockedLanes, clock: FakeClock) -> LeaseRenewal:
        return LeaseRenewal(lanes, self.EVERY, clock.seconds)

    def lease(self, lanes: ClockedLanes, id_: str = "1") -> Lease:
        lanes.accept([Entry(IN, "acme", f"lane {id_}", id_, "p")])
        lease = lanes.claim(IN)
        assert lease is not None
        return lease

    def test_a_lease_is_renewed_as_long_as_its_lane_is_worked_on(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock
    ) -> None:
        with lease_renewal.renewing(self.lease(lanes)):
            for _ in range(10 * TIMINGS.lease // 1000):
                clock.advance(1)
                lease_renewal.renew_due()
                assert lanes.claim(IN) is None

    def test_without_it_the_lane_goes_to_somebody_else(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock
    ) -> None:
        lease = self.lease(lanes)
        with lease_renewal.renewing(lease):
            pass
        clock.advance(TIMINGS.lease / 1000)
        lease_renewal.renew_due()
        assert lanes.claim(IN) is not None

    def test_a_lease_is_not_renewed_more_often_than_needed(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed: list[str] = []
        renew = lanes.renew
        monkeypatch.setattr(lanes, "renew", lambda h: renewed.append(h.entry_id) or renew(h))
        with lease_renewal.renewing(self.lease(lanes)):
            for _ in range(30):
                clock.advance(0.25)
                lease_renewal.renew_due()
        assert len(renewed) == 2

    def test_who_holds_for_too_long_is_stuck_and_loses_the_lane(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock
    ) -> None:
        with lease_renewal.renewing(self.lease(lanes)):
            while clock.seconds() < LONGEST_LEASE_SECONDS + TIMINGS.lease / 1000 + self.EVERY:
                clock.advance(1)
                lease_renewal.renew_due()
            assert lanes.claim(IN) is not None

    def test_a_lost_lane_is_not_asked_for_any_more(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = self.lease(lanes)
        with lease_renewal.renewing(lease):
            lanes.settle(lease)
            clock.advance(self.EVERY)
            lease_renewal.renew_due()
            monkeypatch.setattr(lanes, "renew", lambda _: pytest.fail("asked again"))
            clock.advance(self.EVERY)
            lease_renewal.renew_due()

    def test_a_broker_that_is_away_for_a_moment_costs_no_lease(
        self, lease_renewal: LeaseRenewal, lanes: ClockedLanes, clock: FakeClock
    ) -> None:
        one, two = self.lease(lanes, "1"), self.lease(lanes, "2")
        with lease_renewal.renewing(one), lease_renewal.renewing(two):
            clock.advance(self.EVERY)
            lanes.line.away = True
            lease_renewal.renew_due()
            lanes.line.away = False
            lease_renewal.renew_due()
            clock.advance(TIMINGS.lease / 1000 - 1)
            assert lanes.claim(IN) is None
