"""What lanes promise, whichever store they lie in. Never looks at how a store does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.fakes_and_broker import LEASE_MS, World, eventually
from twitter_connector.broker import keys
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, EchoSeen, Entry, Flash, Held

IN, OUT = Direction.IN, Direction.OUT
FAR = 3_600_000


def entry(
    id_: str, lane: str = "ada", *, account: str = "acme", order: str = "", again: bool = False, way: Direction = IN
) -> Entry:
    return Entry(way, account, lane, id_, f"payload of {id_}", order, again)


def letter(id_: str = "letter-1", **changes: object) -> DeadLetter:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    fields = {
        "id": id_,
        "direction": IN,
        "account_id": "acme",
        "customer_id": "ada",
        "lane": "ada",
        "message_id": "m-1",
        "entry_id": "e-1",
        "reason": "ccm_refused",
        "detail": "CCM did not accept the message.",
        "tries": 1,
        "accepted_at": at,
        "failed_at": at,
        "payload": "{}",
    }
    return DeadLetter(**{**fields, **changes})  # type: ignore[arg-type]


def claim(world: World, way: Direction = IN, excluded: tuple[str, ...] = ()) -> Held:
    held = world.lanes.claim(way, excluded)
    assert held is not None, "nothing was due"
    return held


def drained(world: World, way: Direction = IN) -> list[str]:
    """Settle everything that is due and return the ids in the order in which they came."""
    ids = []
    while (held := world.lanes.claim(way)) is not None:
        while held is not None:
            ids.append(held.entry_id)
            held, _ = world.lanes.settle(held)
    return ids


class TestAccept:
    def test_a_new_entry_is_new_once_however_often_it_comes(self, world: World) -> None:
        assert world.lanes.accept([entry("1")])[0] == [True]
        assert world.lanes.accept([entry("1")])[0] == [False]
        assert world.lanes.accept([entry("1", lane="another lane")])[0] == [False]
        assert drained(world) == ["1"]

    def test_an_entry_already_delivered_stays_known(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        assert drained(world) == ["1"]
        assert world.lanes.accept([entry("1")])[0] == [False]
        assert world.lanes.claim(IN) is None

    def test_the_same_id_is_another_entry_in_another_account_or_direction(self, world: World) -> None:
        items = [entry("1"), entry("1", account="other"), entry("1", way=OUT)]
        assert world.lanes.accept(items)[0] == [True, True, True]

    def test_several_entries_are_told_apart_within_one_step(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        assert world.lanes.accept([entry("1"), entry("2"), entry("2")])[0] == [False, True, False]
        assert drained(world) == ["1", "2"]

    def test_a_replay_is_let_in_although_it_is_known(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        drained(world)
        assert world.lanes.accept([entry("1", again=True)])[0] == [True]
        assert drained(world) == ["1"]

    def test_nothing_to_accept_is_accepted(self, world: World) -> None:
        assert world.lanes.accept([]) == ([], set())

    def test_what_was_accepted_is_handed_out_unchanged(self, world: World) -> None:
        payload = json.dumps({"text": 'é😀"\\ \n | ~'}, ensure_ascii=False)
        before = world.now_ms()
        world.lanes.accept([Entry(OUT, "acme", "ada", "id 1|x", payload)])
        held = claim(world, OUT)
        assert (held.direction, held.account_id, held.lane) == (OUT, "acme", "ada")
        assert (held.entry_id, held.payload) == ("id 1|x", payload)
        assert (held.claims, held.tries, held.more) == (1, 0, False)
        assert before <= epoch_ms(held.accepted_at) <= world.now_ms()

    @pytest.mark.parametrize(
        "odd",
        ["a:b", "a%3Ab", "ünï cödé", "line\nbreak", "tc:due", "*", "[a]", "日本語", " ", "a|b", "", "a~b", "\x00"],
    )
    def test_odd_ids_break_no_lane(self, world: World, odd: str) -> None:
        world.lanes.accept([Entry(IN, odd, odd, odd, "odd"), entry("plain")])
        found = {h.entry_id: h for h in (claim(world), claim(world))}
        assert (found[odd].account_id, found[odd].lane, found[odd].payload) == (odd, odd, "odd")
        for held in found.values():
            assert world.lanes.settle(held)[0] is None
        assert world.lanes.accept([Entry(IN, odd, odd, odd, "odd")])[0] == [False]

    def test_two_odd_names_are_not_taken_for_each_other(self, world: World) -> None:
        world.lanes.accept([entry("1", account="a:b", lane="c"), entry("2", account="a", lane="b:c")])
        first, second = claim(world), claim(world)
        assert {(h.account_id, h.lane, h.entry_id) for h in (first, second)} == {("a:b", "c", "1"), ("a", "b:c", "2")}

    def test_an_echo_is_kept_for_the_ledger_and_is_no_work(self, world: World) -> None:
        echo = EchoSeen("acme", "ada", "77", 1_700_000_000_000, "digest")
        assert world.lanes.accept([echo]) == ([True], set())
        assert world.lanes.accept([echo]) == ([False], set())
        assert world.ledger.echoes("acme", "ada") == [echo]
        assert world.lanes.claim(IN) is None
        assert world.lanes.claim(OUT) is None

    def test_an_echo_does_not_hide_a_message_of_the_same_id(self, world: World) -> None:
        world.lanes.accept([EchoSeen("acme", "ada", "77", 1, "digest")])
        assert world.lanes.accept([entry("77")])[0] == [True]


class TestOrder:
    def test_without_an_order_entries_leave_in_the_order_of_acceptance(self, world: World) -> None:
        ids = [str(n) for n in (5, 3, 10, 1, 2)]
        for id_ in ids:
            world.lanes.accept([entry(id_)])
        assert drained(world) == ids

    def test_with_an_order_the_smallest_of_all_that_wait_leaves_first(self, world: World) -> None:
        # Neighbours beyond 2^53, where floating point numbers cannot tell them apart any more.
        ids = [1750853984134090753, 1750853984134090752, 9007199254740993, 9007199254740992, 42]
        for id_ in ids:
            world.lanes.accept([entry(str(id_), order=f"0{id_:020}")])
        assert drained(world) == [str(id_) for id_ in sorted(ids)]

    def test_what_comes_late_still_goes_before_what_waits_behind_the_head(self, world: World) -> None:
        world.lanes.accept([entry("2", order="02"), entry("4", order="04")])
        held = claim(world)
        world.lanes.accept([entry("3", order="03"), entry("1", order="01")])
        assert held.entry_id == "2"
        following, _ = world.lanes.settle(held)
        assert following is not None
        assert following.entry_id == "1"

    def test_what_comes_while_the_head_waits_for_another_try_goes_first_if_it_is_older(self, world: World) -> None:
        world.lanes.accept([entry("2", order="02")])
        world.lanes.postpone(claim(world), 0, spend=True)
        world.lanes.accept([entry("1", order="01")])
        assert drained(world) == ["1", "2"]


class TestClaim:
    def test_nothing_is_due_in_an_empty_store(self, world: World) -> None:
        assert world.lanes.claim(IN) is None

    def test_a_held_lane_is_not_handed_out_again(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        held = claim(world)
        assert held.entry_id == "1"
        assert world.lanes.claim(IN) is None

    def test_new_work_does_not_free_a_held_lane(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        claim(world)
        world.lanes.accept([entry("2")])
        assert world.lanes.claim(IN) is None

    def test_a_lane_whose_holder_fell_silent_goes_to_the_next_with_the_claim_counted(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        started = world.now_ms()
        first = claim(world)
        second = eventually(world, lambda: world.lanes.claim(IN))
        assert world.now_ms() - started >= LEASE_MS
        assert (second.entry_id, second.claims, second.tries) == ("1", 2, 0)
        assert second.token != first.token

    def test_the_other_direction_has_lanes_of_its_own(self, world: World) -> None:
        world.lanes.accept([entry("1", way=OUT)])
        assert world.lanes.claim(IN) is None
        assert claim(world, OUT).entry_id == "1"

    def test_two_lanes_of_a_customer_do_not_wait_for_each_other(self, world: World) -> None:
        world.lanes.accept([entry("1", lane="5"), entry("2", lane="5~reports")])
        held = {h.lane: h for h in (claim(world), claim(world))}
        assert {h.customer_id for h in held.values()} == {"5"}
        assert set(held) == {"5", "5~reports"}

    def test_an_excluded_account_waits_and_the_others_are_served(self, world: World) -> None:
        world.lanes.accept([entry("1", account="a"), entry("2", account="b")])
        assert claim(world, excluded=("a",)).account_id == "b"
        assert world.lanes.claim(IN, ["a"]) is None
        assert claim(world).account_id == "a"

    def test_every_account_has_its_turn_however_many_lanes_another_has(self, world: World) -> None:
        world.lanes.accept([entry(f"a{n}", lane=f"lane {n}", account="a") for n in range(30)])
        world.wait(0.005)
        world.lanes.accept([entry("b1", account="b"), entry("c1", account="c")])
        served = []
        for _ in range(5):
            served.append(claim(world).account_id)
            world.wait(0.005)
        assert set(served[:4]) == {"a", "b", "c"}

    def test_an_account_served_over_and_over_still_lets_a_late_one_in(self, world: World) -> None:
        world.lanes.accept([entry(f"a{n}", lane=f"lane {n}", account="a") for n in range(6)])
        for _ in range(3):
            claim(world)
            world.wait(0.005)
        world.lanes.accept([entry("b1", account="b")])
        world.wait(0.005)
        served = {claim(world).account_id}
        world.wait(0.005)
        served.add(claim(world).account_id)
        assert "b" in served

    def test_a_claim_never_hides_that_more_is_due(self, world: World) -> None:
        world.lanes.accept([entry("1", lane="x"), entry("2", lane="y"), entry("3", account="other")])
        assert [claim(world).more for _ in range(2)] == [True, True]

    def test_the_only_lane_that_is_due_is_not_followed_by_more(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        assert not claim(world).more

    def test_messages_behind_the_head_are_not_more(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        assert not claim(world).more


class TestSettle:
    def test_the_next_head_comes_with_settling_and_the_lane_stays_held(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        held = claim(world)
        following, bells = world.lanes.settle(held)
        assert following is not None
        assert (following.entry_id, following.token, following.claims, bells) == ("2", held.token, 1, set())
        assert world.lanes.claim(IN) is None

    def test_letting_go_leaves_the_rest_to_anybody(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        world.lanes.answer_bell(IN)
        following, bells = world.lanes.settle(claim(world), keep=False)
        assert (following, bells) == (None, {IN})
        assert claim(world).entry_id == "2"

    def test_settling_the_last_leaves_nothing_due(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        assert world.lanes.settle(claim(world), keep=False) == (None, set())
        assert world.lanes.claim(IN) is None

    def test_what_arrived_meanwhile_is_not_lost_by_settling_the_last(self, world: World) -> None:
        for keep in (True, False):
            world.lanes.accept([entry(f"1 {keep}")])
            held = claim(world)
            world.lanes.accept([entry(f"2 {keep}")])
            following, _ = world.lanes.settle(held, keep=keep)
            if following is None:
                following = claim(world)
            assert following.entry_id == f"2 {keep}"
            world.lanes.settle(following)

    def test_what_follows_is_taken_in_along_with_settling(self, world: World) -> None:
        world.lanes.accept([entry("1", way=OUT)])
        _, bells = world.lanes.settle(claim(world, OUT), [entry("report", lane="ada~reports")])
        assert bells == {IN}
        assert claim(world).entry_id == "report"

    def test_what_follows_into_the_same_lane_is_its_next_head(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        following, _ = world.lanes.settle(claim(world), [entry("2")])
        assert following is not None
        assert following.entry_id == "2"

    def test_a_dead_letter_is_kept_along_with_settling(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        following, _ = world.lanes.settle(claim(world), [letter()])
        assert following is not None
        assert world.dead_letters.get("letter-1") == letter()

    def test_a_lost_answer_can_be_asked_for_again(self, world: World) -> None:
        world.lanes.accept([entry("1", way=OUT), entry("2", way=OUT), entry("3", way=OUT)])
        held = claim(world, OUT)
        first, _ = world.lanes.settle(held, [entry("report"), letter()])
        second, _ = world.lanes.settle(held, [entry("report"), letter()])
        assert first is not None
        assert second is not None
        assert first.entry_id == second.entry_id == "2"
        assert drained(world) == ["report"]
        assert world.dead_letters.count() == 1
        following, _ = world.lanes.settle(second)
        assert following is not None
        assert following.entry_id == "3"

    @pytest.mark.parametrize("keep", [True, False])
    def test_settling_the_last_twice_is_settling_it_once(self, world: World, keep: bool) -> None:
        world.lanes.accept([entry("1")])
        held = claim(world)
        world.lanes.settle(held, [entry("2", way=OUT)], keep=keep)
        assert world.lanes.settle(held, [entry("2", way=OUT)], keep=keep) == (None, set())
        assert drained(world, OUT) == ["2"]
        assert world.lanes.claim(IN) is None

    def test_letting_go_twice_takes_nothing_from_the_next_holder(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        held = claim(world)
        world.lanes.settle(held, keep=False)
        other = claim(world)
        assert world.lanes.settle(held, keep=False) == (None, set())
        assert world.lanes.renew(other)


class TestPostpone:
    def test_the_lane_waits_as_long_as_it_was_told(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        started = world.now_ms()
        assert world.lanes.postpone(claim(world), 300, spend=True)
        assert world.lanes.claim(IN) is None
        held = eventually(world, lambda: world.lanes.claim(IN))
        assert world.now_ms() - started >= 300
        assert (held.entry_id, held.claims, held.tries) == ("1", 1, 1)

    def test_a_wait_that_spends_no_try_is_not_counted(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.postpone(claim(world), 0, spend=False)
        world.lanes.postpone(claim(world), 0, spend=True)
        world.lanes.postpone(claim(world), 0, spend=False)
        held = claim(world)
        assert (held.claims, held.tries) == (1, 1)

    def test_tries_are_those_of_the_message_and_not_of_the_lane(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2")])
        world.lanes.postpone(claim(world), 0, spend=True)
        following, _ = world.lanes.settle(claim(world))
        assert following is not None
        assert (following.entry_id, following.tries) == ("2", 0)

    def test_new_work_does_not_cut_a_wait_short(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.postpone(claim(world), FAR, spend=True)
        world.lanes.accept([entry("2"), entry("3")])
        assert world.lanes.claim(IN) is None

    def test_the_other_lanes_of_the_account_flow_meanwhile(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2", lane="grace")])
        waiting = claim(world)
        world.lanes.postpone(waiting, FAR, spend=True)
        assert [claim(world).entry_id] == ["2" if waiting.entry_id == "1" else "1"]

    def test_postponing_twice_spends_one_try(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        held = claim(world)
        assert world.lanes.postpone(held, 0, spend=True)
        assert not world.lanes.postpone(held, FAR, spend=True)
        assert claim(world).tries == 1


class TestRenew:
    def test_a_renewed_lane_stays_held_beyond_its_lease(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        held = claim(world)
        end = world.now_ms() + 2 * LEASE_MS
        while world.now_ms() < end:
            assert world.lanes.renew(held)
            assert world.lanes.claim(IN) is None
            world.wait(0.1)
        assert eventually(world, lambda: world.lanes.claim(IN)).claims == 2

    def test_a_settled_lane_cannot_be_renewed(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        held = claim(world)
        world.lanes.settle(held)
        assert not world.lanes.renew(held)


class TestFencing:
    """A holder that was silent for too long can do no harm when it wakes."""

    def lost(self, world: World) -> tuple[Held, Held]:
        world.lanes.accept([entry("1"), entry("2")])
        stale = claim(world)
        return stale, eventually(world, lambda: world.lanes.claim(IN))

    def test_it_settles_nothing_and_nothing_follows(self, world: World) -> None:
        stale, present = self.lost(world)
        assert world.lanes.settle(stale, [entry("report"), letter()]) == (None, set())
        assert world.dead_letters.count() == 0
        following, _ = world.lanes.settle(present)
        assert following is not None
        assert following.entry_id == "2"
        world.lanes.settle(following)
        assert world.lanes.accept([entry("report")])[0] == [True]

    def test_it_postpones_nothing(self, world: World) -> None:
        stale, present = self.lost(world)
        assert not world.lanes.postpone(stale, FAR, spend=True)
        assert world.lanes.postpone(present, 0, spend=False)
        assert claim(world).tries == 0

    def test_it_renews_nothing(self, world: World) -> None:
        stale, present = self.lost(world)
        assert not world.lanes.renew(stale)
        assert world.lanes.renew(present)

    def test_it_writes_nothing_into_the_ledger(self, world: World) -> None:
        from twitter_connector.queue.send_ledger import Step

        stale, present = self.lost(world)
        assert not world.ledger.write(stale, "m", 0, Step(started_ms=1))
        assert world.ledger.steps("acme", "m") == {}
        assert world.ledger.write(present, "m", 0, Step(started_ms=2))


class TestPause:
    def test_a_paused_account_waits_and_the_others_flow(self, world: World) -> None:
        world.lanes.accept([entry("1", account="a"), entry("2", account="b")])
        world.lanes.pause(IN, "a", world.now_ms() + FAR, "rate_limited", "Twitter's rate limit is reached.")
        assert claim(world).account_id == "b"
        assert world.lanes.claim(IN) is None

    def test_work_accepted_during_a_pause_waits_too(self, world: World) -> None:
        world.lanes.pause(IN, "acme", world.now_ms() + FAR, "rate_limited", "")
        assert world.lanes.accept([entry("1")])[0] == [True]
        assert world.lanes.claim(IN) is None

    def test_a_pause_ends_by_itself_at_its_moment(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        until = world.now_ms() + 300
        world.lanes.pause(IN, "acme", until, "rate_limited", "")
        assert world.lanes.claim(IN) is None
        assert eventually(world, lambda: world.lanes.claim(IN)).entry_id == "1"
        assert world.now_ms() >= until
        assert world.lanes.pauses("acme") == {}

    def test_resuming_ends_it_at_once_and_rings(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.answer_bell(IN)
        world.lanes.pause(IN, "acme", world.now_ms() + FAR, "rate_limited", "")
        assert world.lanes.claim(IN) is None
        assert world.lanes.resume(IN, "acme") == {IN}
        assert claim(world).entry_id == "1"

    def test_resuming_an_account_without_work_rings_nobody(self, world: World) -> None:
        assert world.lanes.resume(IN, "acme") == set()
        assert world.lanes.claim(IN) is None

    def test_waking_ends_the_waits_of_one_account_and_nobodys_lease(self, world: World) -> None:
        world.lanes.accept([entry("1", lane="waits"), entry("2", lane="held"), entry("3", account="other")])
        for held in (claim(world), claim(world), claim(world)):
            if (held.account_id, held.lane) != ("acme", "held"):
                world.lanes.postpone(held, FAR, spend=False)
        world.lanes.answer_bell(IN)
        assert world.lanes.claim(IN) is None
        assert world.lanes.wake(IN, "acme") == {IN}
        assert claim(world).entry_id == "1"
        assert world.lanes.claim(IN) is None

    def test_waking_an_account_that_waits_for_nothing_rings_nobody(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.answer_bell(IN)
        assert world.lanes.wake(IN, "acme") == set()
        assert claim(world).entry_id == "1"

    def test_a_pause_holds_one_direction_only(self, world: World) -> None:
        world.lanes.accept([entry("1", way=OUT), entry("2")])
        world.lanes.pause(OUT, "acme", world.now_ms() + FAR, "rate_limited", "")
        assert world.lanes.claim(OUT) is None
        assert claim(world).entry_id == "2"

    def test_a_pause_that_is_over_holds_nobody(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.pause(IN, "acme", world.now_ms() - 1000, "rate_limited", "")
        assert claim(world).entry_id == "1"

    def test_a_pause_can_be_looked_at(self, world: World) -> None:
        until = world.now_ms() + FAR
        world.lanes.pause(OUT, "acme", until, "token_revoked", "Make a new one.")
        pause = world.lanes.pauses("acme")[OUT]
        assert (pause["until"], pause["reason"], pause["detail"]) == (str(until), "token_revoked", "Make a new one.")
        assert world.lanes.pauses("other") == {}


class TestBells:
    def test_one_bell_is_enough_until_it_is_answered(self, world: World) -> None:
        assert world.lanes.accept([entry("1")])[1] == {IN}
        assert world.lanes.accept([entry("2")])[1] == set()
        world.lanes.answer_bell(IN)
        assert world.lanes.accept([entry("3")])[1] == {IN}

    def test_each_direction_has_its_bell(self, world: World) -> None:
        assert world.lanes.accept([entry("1"), entry("2", way=OUT)])[1] == {IN, OUT}
        world.lanes.answer_bell(IN)
        assert world.lanes.accept([entry("3"), entry("4", way=OUT)])[1] == {IN}

    def test_a_repeat_rings_nobody(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.answer_bell(IN)
        assert world.lanes.accept([entry("1")])[1] == set()

    def test_a_bell_that_nobody_answers_may_be_rung_again_after_a_while(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        assert not world.lanes.knock(IN)
        assert eventually(world, lambda: world.lanes.knock(IN))

    def test_knocking_is_for_what_is_due(self, world: World) -> None:
        assert not world.lanes.knock(IN)
        world.lanes.accept([entry("1")])
        world.lanes.answer_bell(IN)
        assert not world.lanes.knock(OUT)
        assert world.lanes.knock(IN)
        assert not world.lanes.knock(IN)

    def test_nobody_is_knocked_up_for_a_lane_that_waits_until_its_wait_is_over(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.postpone(claim(world), 400, spend=True)
        world.lanes.answer_bell(IN)
        assert world.lanes.claim(IN) is None
        started = world.now_ms()
        assert not world.lanes.knock(IN)
        assert eventually(world, lambda: world.lanes.knock(IN))
        assert world.now_ms() - started >= 300

    def test_an_expired_lease_is_knocked_for(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        claim(world)
        world.lanes.answer_bell(IN)
        assert world.lanes.claim(IN) is None
        assert not world.lanes.knock(IN)
        assert eventually(world, lambda: world.lanes.knock(IN))


class TestBreaker:
    """While the other side cannot be reached, one message of an account probes it and the others wait."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The broker's side has its numbers written into the scripts; the fake's must be the same.
        assert (keys.BREAKER_STRIKES, keys.PROBE_FIRST_MS) == (5, 1_000)

    def strike(self, world: World, times: int) -> list[int]:
        return [world.lanes.unreached(IN, "acme") for _ in range(times)]

    def test_a_few_failures_are_nothing(self, world: World) -> None:
        assert self.strike(world, 4) == [0, 0, 0, 0]
        world.lanes.accept([entry("1")])
        assert claim(world).entry_id == "1"

    def test_then_the_account_waits_and_longer_after_each_probe_that_fails(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        waits = self.strike(world, 5)[4:]
        for _ in range(2):
            probe = eventually(world, lambda: world.lanes.claim(IN))
            waits += self.strike(world, 1)
            world.lanes.postpone(probe, 0, spend=True)
        assert waits == [1000, 2000, 4000]

    def test_many_at_work_when_it_begins_are_one_outage(self, world: World) -> None:
        """Each of them fails, but together they say no more than one."""
        self.strike(world, 5)
        assert all(0 < wait <= keys.PROBE_FIRST_MS for wait in self.strike(world, 60))
        world.lanes.accept([entry("1")])
        started = world.now_ms()
        eventually(world, lambda: world.lanes.claim(IN))
        assert world.now_ms() - started <= keys.PROBE_FIRST_MS + 500

    def test_the_other_accounts_and_the_other_direction_are_not_concerned(self, world: World) -> None:
        self.strike(world, 5)
        world.lanes.accept([entry("1"), entry("2", account="other"), entry("3", way=OUT)])
        assert claim(world).account_id == "other"
        assert world.lanes.claim(IN) is None
        assert claim(world, OUT).entry_id == "3"

    def test_one_probes_and_the_rest_wait_for_its_outcome(self, world: World) -> None:
        world.lanes.accept([entry("1", lane="x"), entry("2", lane="y"), entry("3", lane="z")])
        self.strike(world, 5)
        started = world.now_ms()
        assert world.lanes.claim(IN) is None
        probe = eventually(world, lambda: world.lanes.claim(IN))
        assert world.now_ms() - started >= 900
        assert world.lanes.claim(IN) is None
        world.lanes.answer_bell(IN)
        _, bells = world.lanes.settle(probe)
        assert bells == {IN}
        assert {claim(world).lane, claim(world).lane} | {probe.lane} == {"x", "y", "z"}

    def test_success_forgets_the_failures(self, world: World) -> None:
        self.strike(world, 4)
        world.lanes.accept([entry("1")])
        world.lanes.settle(claim(world))
        assert self.strike(world, 4) == [0, 0, 0, 0]

    def test_a_probe_whose_holder_fell_silent_is_followed_by_another(self, world: World) -> None:
        world.lanes.accept([entry("1", lane="x"), entry("2", lane="y")])
        self.strike(world, 5)
        eventually(world, lambda: world.lanes.claim(IN))
        assert eventually(world, lambda: world.lanes.claim(IN)).entry_id in ("1", "2")

    def test_nothing_of_it_stays_behind(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        held = claim(world)
        self.strike(world, 4)
        world.lanes.settle(held)
        assert world.lanes.claim(IN) is None
        assert world.left_behind() == []


class TestFlashes:
    """Signs of typing: worth nothing a few seconds later."""

    def flash(self, payload: str, customer: str = "ada", way: Direction = IN) -> Flash:
        return Flash(way, "acme", customer, payload)

    def test_they_come_out_once_oldest_first(self, world: World) -> None:
        new, bells = world.lanes.accept([self.flash("a"), self.flash("b", "grace"), self.flash("c", way=OUT)])
        assert new == [True, True, True]
        assert bells == set(), "a flash is no work for a lane"
        assert world.lanes.flashes() == ["a", "b", "c"]
        assert world.lanes.flashes() == []
        assert world.lanes.claim(IN) is None

    def test_one_in_three_seconds_is_enough_for_a_conversation(self, world: World) -> None:
        assert world.lanes.accept([self.flash("a"), self.flash("b")])[0] == [True, False]
        assert world.lanes.flashes() == ["a"]
        assert world.lanes.accept([self.flash("c")])[0] == [False]
        started = world.now_ms()
        eventually(world, lambda: world.lanes.accept([self.flash("d")])[0] == [True])
        assert world.now_ms() - started >= keys.FLASH_MS - 500
        assert world.lanes.flashes() == ["d"]

    def test_an_old_one_is_not_passed_on_any_more(self, world: World) -> None:
        world.lanes.accept([self.flash("a")])
        world.wait(keys.FLASH_MS / 1000 + 0.1)
        assert world.lanes.flashes() == []

    def test_a_storm_of_them_is_bounded(self, world: World) -> None:
        world.lanes.accept([self.flash(str(n), f"customer {n}") for n in range(keys.FLASHES_MAX + 20)])
        found = world.lanes.flashes()
        assert len(found) == keys.FLASHES_MAX
        assert found[-1] == str(keys.FLASHES_MAX + 19)


class TestLookingAround:
    def test_waiting_counts_lanes_by_direction(self, world: World) -> None:
        world.lanes.accept([entry("1"), entry("2"), entry("3", lane="grace"), entry("4", way=OUT)])
        assert world.lanes.waiting("acme") == {IN: 2, OUT: 1}
        assert world.lanes.waiting("other") == {IN: 0, OUT: 0}

    def test_nothing_stays_behind_when_the_lanes_are_empty(self, world: World) -> None:
        for n in range(4):
            world.lanes.accept([entry(f"{n}", lane=f"lane {n % 2}"), entry(f"{n}", way=OUT, account="b")])
        world.lanes.postpone(claim(world), 0, spend=True)
        while (held := world.lanes.claim(OUT)) is not None:
            world.lanes.settle(held, [entry(f"report of {held.entry_id}")], keep=False)
        drained(world)
        assert world.lanes.claim(IN) is None
        assert world.lanes.claim(OUT) is None
        assert world.left_behind() == []
        assert world.lanes.waiting("acme") == {IN: 0, OUT: 0}


def test_no_bell_is_wanted_for_a_moment_after_a_hush(world: World) -> None:
    world.lanes.hush(Direction.IN)
    _, bells = world.lanes.accept([Entry(Direction.IN, "1", "2", "dm:1", "{}", "0" + "1" * 20)])
    assert bells == set()
    assert not world.lanes.knock(Direction.IN)
    assert eventually(world, lambda: world.lanes.knock(Direction.IN))


def test_after_a_message_given_up_unasked_the_next_one_probes_and_no_other(world: World) -> None:
    for number in range(keys.BREAKER_STRIKES + 3):
        world.lanes.accept([Entry(Direction.IN, "1", f"lane {number}", f"dm:{number}", "{}", f"0{number:020d}")])
    for _ in range(keys.BREAKER_STRIKES):
        world.lanes.postpone(claim_in(world), 60_000, spend=True)
        world.lanes.unreached(Direction.IN, "1")
    probe = eventually(world, lambda: world.lanes.claim(Direction.IN))
    world.lanes.settle(probe, keep=False, answered=False)
    assert world.lanes.claim(Direction.IN) is not None
    assert world.lanes.claim(Direction.IN) is None


def claim_in(world: World) -> Held:
    held = world.lanes.claim(Direction.IN)
    assert held is not None
    return held
