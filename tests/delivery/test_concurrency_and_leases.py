"""How many lanes a process takes on, and how their leases are kept alive."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.fakes import FakeClock, FakeLanes
from twitter_connector.broker import keys
from twitter_connector.delivery.concurrency import Slots
from twitter_connector.model.work import Direction, Entry, Held
from twitter_connector.delivery.lease_renewal import LONGEST_HOLD_SECONDS, Keeper

IN, OUT = Direction.IN, Direction.OUT


class TestSlots:
    def places(self, slots: Slots, way: Direction, stack: ExitStack) -> int:
        """Take every place there is in one direction."""
        count = 0
        while stack.enter_context(slots.drain(way)):
            count += 1
            assert count < 1000
        return count

    @pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 16, 64, 128])
    def test_both_directions_have_places_and_never_more_than_threads(self, threads: int) -> None:
        slots = Slots(threads)
        with ExitStack() as stack:
            inbound, outbound = self.places(slots, IN, stack), self.places(slots, OUT, stack)
        assert inbound == outbound >= 1
        if threads >= 4:
            assert inbound + outbound <= threads - 2, "threads are left for chores"

    def test_a_place_given_back_can_be_taken_again(self) -> None:
        slots = Slots(4)
        for _ in range(3):
            with slots.drain(IN) as free:
                assert free
                with slots.drain(IN) as second:
                    assert not second
        with pytest.raises(RuntimeError), slots.drain(IN):
            raise RuntimeError
        with slots.drain(IN) as free:
            assert free

    def test_one_account_may_hold_its_share_and_the_rest_stays_free_for_others(self) -> None:
        slots = Slots(66)  # 32 a direction
        with ExitStack() as stack:
            for n in range(24):
                assert slots.full(IN) == [], n
                stack.enter_context(slots.holding(IN, "acme"))
            assert slots.full(IN) == ["acme"]
            assert slots.full(OUT) == []
            stack.enter_context(slots.holding(IN, "other"))
            assert slots.full(IN) == ["acme"]
        assert slots.full(IN) == []

    def test_even_the_smallest_worker_can_hold_a_lane(self) -> None:
        slots = Slots(1)
        assert slots.full(IN) == []
        with slots.holding(IN, "acme"):
            assert slots.full(IN) == ["acme"]


class TestKeeper:
    EVERY = 3.0

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def lanes(self, clock: FakeClock) -> FakeLanes:
        return FakeLanes(clock)

    @pytest.fixture
    def keeper(self, lanes: FakeLanes, clock: FakeClock) -> Keeper:
        return Keeper(lanes, self.EVERY, clock.seconds)

    def held(self, lanes: FakeLanes, id_: str = "1") -> Held:
        lanes.accept([Entry(IN, "acme", f"lane {id_}", id_, "p")])
        held = lanes.claim(IN)
        assert held is not None
        return held

    def test_a_lane_is_held_as_long_as_it_is_worked_on(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock
    ) -> None:
        with keeper.keeping(self.held(lanes)):
            for _ in range(10 * keys.LEASE_MS // 1000):
                clock.advance(1)
                keeper.renew_due()
                assert lanes.claim(IN) is None

    def test_without_it_the_lane_goes_to_somebody_else(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock
    ) -> None:
        held = self.held(lanes)
        with keeper.keeping(held):
            pass
        clock.advance(keys.LEASE_MS / 1000)
        keeper.renew_due()
        assert lanes.claim(IN) is not None

    def test_a_lease_is_not_renewed_more_often_than_needed(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed: list[str] = []
        renew = lanes.renew
        monkeypatch.setattr(lanes, "renew", lambda h: renewed.append(h.entry_id) or renew(h))
        with keeper.keeping(self.held(lanes)):
            for _ in range(30):
                clock.advance(0.25)
                keeper.renew_due()
        assert len(renewed) == 2

    def test_who_holds_for_too_long_is_stuck_and_loses_the_lane(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock
    ) -> None:
        with keeper.keeping(self.held(lanes)):
            while clock.seconds() < LONGEST_HOLD_SECONDS + keys.LEASE_MS / 1000 + self.EVERY:
                clock.advance(1)
                keeper.renew_due()
            assert lanes.claim(IN) is not None

    def test_a_lost_lane_is_not_asked_for_any_more(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = self.held(lanes)
        with keeper.keeping(held):
            lanes.settle(held)
            clock.advance(self.EVERY)
            keeper.renew_due()
            monkeypatch.setattr(lanes, "renew", lambda _: pytest.fail("asked again"))
            clock.advance(self.EVERY)
            keeper.renew_due()

    def test_a_broker_that_is_away_for_a_moment_costs_no_lease(
        self, keeper: Keeper, lanes: FakeLanes, clock: FakeClock
    ) -> None:
        one, two = self.held(lanes, "1"), self.held(lanes, "2")
        with keeper.keeping(one), keeper.keeping(two):
            clock.advance(self.EVERY)
            lanes.away = True
            keeper.renew_due()
            lanes.away = False
            keeper.renew_due()
            clock.advance(keys.LEASE_MS / 1000 - 1)
            assert lanes.claim(IN) is None
