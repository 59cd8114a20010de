"""What lanes promise, whichever store they lie in. Never looks at how a store does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.clocked_store import Store, eventually
from twitter_connector.broker import keys
from twitter_connector.errors import LeaseLost
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import (
    TYPING_INDICATOR,
    DeadLetter,
    Direction,
    EchoSeen,
    Entry,
    Lease,
    TypingIndicator,
)
from twitter_connector.queue.timings import QueueTimings

TIMINGS = QueueTimings()

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


def claim(store: Store, way: Direction = IN, excluded: tuple[str, ...] = ()) -> Lease:
    lease = store.lanes.claim(way, excluded)
    assert lease is not None, "nothing was due"
    return lease


def drained(store: Store, way: Direction = IN) -> list[str]:
    """Settle everything that is due and return the ids in the order in which they came."""
    ids = []
    while (lease := store.lanes.claim(way)) is not None:
        while lease is not None:
            ids.append(lease.entry_id)
            lease = store.lanes.settle(lease)
    return ids


def accepted_and_woken(store: Store, *entries: Entry) -> list[str]:
    """Accept entries and return what the queue woke for them."""
    store.woken.clear()
    store.lanes.accept(entries)
    return store.woken


class TestAccept:
    def test_a_new_entry_is_new_once_however_often_it_comes(self, store: Store) -> None:
        assert store.lanes.accept([entry("1")]) == [True]
        assert store.lanes.accept([entry("1")]) == [False]
        assert store.lanes.accept([entry("1", lane="another lane")]) == [False]
        assert drained(store) == ["1"]

    def test_an_entry_already_delivered_stays_known(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        assert drained(store) == ["1"]
        assert store.lanes.accept([entry("1")]) == [False]
        assert store.lanes.claim(IN) is None

    def test_the_same_id_is_another_entry_in_another_account_or_direction(self, store: Store) -> None:
        items = [entry("1"), entry("1", account="other"), entry("1", way=OUT)]
        assert store.lanes.accept(items) == [True, True, True]

    def test_several_entries_are_told_apart_within_one_step(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        assert store.lanes.accept([entry("1"), entry("2"), entry("2")]) == [False, True, False]
        assert drained(store) == ["1", "2"]

    def test_a_replay_is_let_in_although_it_is_known(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        drained(store)
        assert store.lanes.accept([entry("1", again=True)]) == [True]
        assert drained(store) == ["1"]

    def test_nothing_to_accept_is_accepted(self, store: Store) -> None:
        assert store.lanes.accept([]) == []

    def test_what_was_accepted_is_handed_out_unchanged(self, store: Store) -> None:
        payload = json.dumps({"text": 'é😀"\\ \n | ~'}, ensure_ascii=False)
        before = store.now_ms()
        store.lanes.accept([Entry(OUT, "acme", "ada", "id 1|x", payload)])
        lease = claim(store, OUT)
        assert (lease.direction, lease.account_id, lease.lane) == (OUT, "acme", "ada")
        assert (lease.entry_id, lease.payload) == ("id 1|x", payload)
        assert (lease.claims, lease.tries, lease.more) == (1, 0, False)
        assert before <= epoch_ms(lease.accepted_at) <= store.now_ms()

    @pytest.mark.parametrize(
        "odd",
        ["a:b", "a%3Ab", "ünï cödé", "line\nbreak", "tc:due", "*", "[a]", "日本語", " ", "a|b", "", "a~b", "\x00"],
    )
    def test_odd_ids_break_no_lane(self, store: Store, odd: str) -> None:
        store.lanes.accept([Entry(IN, odd, odd, odd, "odd"), entry("plain")])
        found = {h.entry_id: h for h in (claim(store), claim(store))}
        assert (found[odd].account_id, found[odd].lane, found[odd].payload) == (odd, odd, "odd")
        for lease in found.values():
            assert store.lanes.settle(lease) is None
        assert store.lanes.accept([Entry(IN, odd, odd, odd, "odd")]) == [False]

    def test_two_odd_names_are_not_taken_for_each_other(self, store: Store) -> None:
        store.lanes.accept([entry("1", account="a:b", lane="c"), entry("2", account="a", lane="b:c")])
        first, second = claim(store), claim(store)
        assert {(h.account_id, h.lane, h.entry_id) for h in (first, second)} == {("a:b", "c", "1"), ("a", "b:c", "2")}

    def test_an_echo_is_kept_for_the_ledger_and_is_no_work(self, store: Store) -> None:
        echo = EchoSeen("acme", "ada", "77", 1_700_000_000_000, "digest")
        assert store.lanes.accept([echo]) == [True]
        assert store.lanes.accept([echo]) == [False]
        assert store.ledger.echoes("acme", "ada") == [echo]
        assert store.lanes.claim(IN) is None
        assert store.lanes.claim(OUT) is None

    def test_an_echo_does_not_hide_a_message_of_the_same_id(self, store: Store) -> None:
        store.lanes.accept([EchoSeen("acme", "ada", "77", 1, "digest")])
        assert store.lanes.accept([entry("77")]) == [True]


class TestOrder:
    def test_without_an_order_entries_leave_in_the_order_of_acceptance(self, store: Store) -> None:
        ids = [str(n) for n in (5, 3, 10, 1, 2)]
        for id_ in ids:
            store.lanes.accept([entry(id_)])
        assert drained(store) == ids

    def test_with_an_order_the_smallest_of_all_that_wait_leaves_first(self, store: Store) -> None:
        # Neighbours beyond 2^53, where floating point numbers cannot tell them apart any more.
        ids = [1750853984134090753, 1750853984134090752, 9007199254740993, 9007199254740992, 42]
        for id_ in ids:
            store.lanes.accept([entry(str(id_), order=f"0{id_:020}")])
        assert drained(store) == [str(id_) for id_ in sorted(ids)]

    def test_what_comes_late_still_goes_before_what_waits_behind_the_head(self, store: Store) -> None:
        store.lanes.accept([entry("2", order="02"), entry("4", order="04")])
        lease = claim(store)
        store.lanes.accept([entry("3", order="03"), entry("1", order="01")])
        assert lease.entry_id == "2"
        following = store.lanes.settle(lease)
        assert following is not None
        assert following.entry_id == "1"

    def test_what_comes_while_the_head_waits_for_another_try_goes_first_if_it_is_older(self, store: Store) -> None:
        store.lanes.accept([entry("2", order="02")])
        store.lanes.postpone(claim(store), 0, spend=True)
        store.lanes.accept([entry("1", order="01")])
        assert drained(store) == ["1", "2"]


class TestClaim:
    def test_nothing_is_due_in_an_empty_store(self, store: Store) -> None:
        assert store.lanes.claim(IN) is None

    def test_a_leased_lane_is_not_leased_again(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        lease = claim(store)
        assert lease.entry_id == "1"
        assert store.lanes.claim(IN) is None

    def test_new_work_does_not_free_a_leased_lane(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        claim(store)
        store.lanes.accept([entry("2")])
        assert store.lanes.claim(IN) is None

    def test_a_lane_whose_holder_fell_silent_goes_to_the_next_with_the_claim_counted(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        started = store.now_ms()
        first = claim(store)
        second = eventually(store, lambda: store.lanes.claim(IN))
        assert store.now_ms() - started >= TIMINGS.lease
        assert (second.entry_id, second.claims, second.tries) == ("1", 2, 0)
        assert second.token != first.token

    def test_the_other_direction_has_lanes_of_its_own(self, store: Store) -> None:
        store.lanes.accept([entry("1", way=OUT)])
        assert store.lanes.claim(IN) is None
        assert claim(store, OUT).entry_id == "1"

    def test_two_lanes_of_a_customer_do_not_wait_for_each_other(self, store: Store) -> None:
        store.lanes.accept([entry("1", lane="5"), entry("2", lane="5~reports")])
        lease = {h.lane: h for h in (claim(store), claim(store))}
        assert {h.customer_id for h in lease.values()} == {"5"}
        assert set(lease) == {"5", "5~reports"}

    def test_an_excluded_account_waits_and_the_others_are_served(self, store: Store) -> None:
        store.lanes.accept([entry("1", account="a"), entry("2", account="b")])
        assert claim(store, excluded=("a",)).account_id == "b"
        assert store.lanes.claim(IN, ["a"]) is None
        assert claim(store).account_id == "a"

    def test_every_account_has_its_turn_however_many_lanes_another_has(self, store: Store) -> None:
        store.lanes.accept([entry(f"a{n}", lane=f"lane {n}", account="a") for n in range(30)])
        store.wait(0.005)
        store.lanes.accept([entry("b1", account="b"), entry("c1", account="c")])
        served = []
        for _ in range(5):
            served.append(claim(store).account_id)
            store.wait(0.005)
        assert set(served[:4]) == {"a", "b", "c"}

    def test_an_account_served_over_and_over_still_lets_a_late_one_in(self, store: Store) -> None:
        store.lanes.accept([entry(f"a{n}", lane=f"lane {n}", account="a") for n in range(6)])
        for _ in range(3):
            claim(store)
            store.wait(0.005)
        store.lanes.accept([entry("b1", account="b")])
        store.wait(0.005)
        served = {claim(store).account_id}
        store.wait(0.005)
        served.add(claim(store).account_id)
        assert "b" in served

    def test_a_claim_never_hides_that_more_is_due(self, store: Store) -> None:
        store.lanes.accept([entry("1", lane="x"), entry("2", lane="y"), entry("3", account="other")])
        assert [claim(store).more for _ in range(2)] == [True, True]

    def test_the_only_lane_that_is_due_is_not_followed_by_more(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        assert not claim(store).more

    def test_messages_behind_the_head_are_not_more(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        assert not claim(store).more


class TestSettle:
    def test_settling_returns_the_next_entry_and_the_lane_stays_leased(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        lease = claim(store)
        store.woken.clear()
        following = store.lanes.settle(lease)
        assert following is not None
        assert (following.entry_id, following.token, following.claims) == ("2", lease.token, 1)
        assert store.woken == []
        assert store.lanes.claim(IN) is None

    def test_letting_go_leaves_the_rest_to_anybody(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        store.lanes.wakeup_received(IN)
        store.woken.clear()
        assert store.lanes.settle(claim(store), keep=False) is None
        assert store.woken == [IN]
        assert claim(store).entry_id == "2"

    def test_settling_the_last_leaves_nothing_due(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        assert store.lanes.settle(claim(store), keep=False) is None
        assert store.lanes.claim(IN) is None

    def test_what_arrived_meanwhile_is_not_lost_by_settling_the_last(self, store: Store) -> None:
        for keep in (True, False):
            store.lanes.accept([entry(f"1 {keep}")])
            lease = claim(store)
            store.lanes.accept([entry(f"2 {keep}")])
            following = store.lanes.settle(lease, keep=keep)
            if following is None:
                following = claim(store)
            assert following.entry_id == f"2 {keep}"
            store.lanes.settle(following)

    def test_what_follows_is_taken_in_along_with_settling(self, store: Store) -> None:
        store.lanes.accept([entry("1", way=OUT)])
        store.woken.clear()
        store.lanes.settle(claim(store, OUT), [entry("report", lane="ada~reports")])
        assert store.woken == [IN]
        assert claim(store).entry_id == "report"

    def test_what_follows_into_the_same_lane_is_its_next_head(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        following = store.lanes.settle(claim(store), [entry("2")])
        assert following is not None
        assert following.entry_id == "2"

    def test_a_dead_letter_is_kept_along_with_settling(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        following = store.lanes.settle(claim(store), [letter()])
        assert following is not None
        assert store.dead_letters.get("letter-1") == letter()

    def test_a_lost_answer_can_be_asked_for_again(self, store: Store) -> None:
        store.lanes.accept([entry("1", way=OUT), entry("2", way=OUT), entry("3", way=OUT)])
        lease = claim(store, OUT)
        first = store.lanes.settle(lease, [entry("report"), letter()])
        second = store.lanes.settle(lease, [entry("report"), letter()])
        assert first is not None
        assert second is not None
        assert first.entry_id == second.entry_id == "2"
        assert drained(store) == ["report"]
        assert store.dead_letters.count() == 1
        following = store.lanes.settle(second)
        assert following is not None
        assert following.entry_id == "3"

    @pytest.mark.parametrize("keep", [True, False])
    def test_settling_the_last_twice_is_settling_it_once(self, store: Store, keep: bool) -> None:
        store.lanes.accept([entry("1")])
        lease = claim(store)
        store.lanes.settle(lease, [entry("2", way=OUT)], keep=keep)
        with pytest.raises(LeaseLost):
            store.lanes.settle(lease, [entry("2", way=OUT)], keep=keep)
        assert drained(store, OUT) == ["2"]
        assert store.lanes.claim(IN) is None

    def test_letting_go_twice_takes_nothing_from_the_next_holder(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        lease = claim(store)
        store.lanes.settle(lease, keep=False)
        other = claim(store)
        with pytest.raises(LeaseLost):
            store.lanes.settle(lease, keep=False)
        assert store.lanes.renew(other)

    def test_a_dead_letter_that_is_stored_twice_is_no_lost_lease(self, store: Store) -> None:
        # The first answer may be lost with its connection. That the message was given up is said by whoever did it.
        store.lanes.accept([entry("1")])
        lease = claim(store)
        for _ in range(2):
            assert store.lanes.settle(lease, [letter()], keep=False) is None
        assert store.dead_letters.count() == 1


class TestPostpone:
    def test_the_lane_waits_as_long_as_it_was_told(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        started = store.now_ms()
        assert store.lanes.postpone(claim(store), 300, spend=True)
        assert store.lanes.claim(IN) is None
        lease = eventually(store, lambda: store.lanes.claim(IN))
        assert store.now_ms() - started >= 300
        assert (lease.entry_id, lease.claims, lease.tries) == ("1", 1, 1)

    def test_a_wait_that_spends_no_try_is_not_counted(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.postpone(claim(store), 0, spend=False)
        store.lanes.postpone(claim(store), 0, spend=True)
        store.lanes.postpone(claim(store), 0, spend=False)
        lease = claim(store)
        assert (lease.claims, lease.tries) == (1, 1)

    def test_tries_are_those_of_the_message_and_not_of_the_lane(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2")])
        store.lanes.postpone(claim(store), 0, spend=True)
        following = store.lanes.settle(claim(store))
        assert following is not None
        assert (following.entry_id, following.tries) == ("2", 0)

    def test_new_work_does_not_cut_a_wait_short(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.postpone(claim(store), FAR, spend=True)
        store.lanes.accept([entry("2"), entry("3")])
        assert store.lanes.claim(IN) is None

    def test_the_other_lanes_of_the_account_flow_meanwhile(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2", lane="grace")])
        waiting = claim(store)
        store.lanes.postpone(waiting, FAR, spend=True)
        assert [claim(store).entry_id] == ["2" if waiting.entry_id == "1" else "1"]

    def test_postponing_twice_spends_one_try(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        lease = claim(store)
        assert store.lanes.postpone(lease, 0, spend=True)
        assert not store.lanes.postpone(lease, FAR, spend=True)
        assert claim(store).tries == 1


class TestRenew:
    def test_a_renewed_lane_stays_leased_beyond_its_first_lease(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        lease = claim(store)
        end = store.now_ms() + 2 * TIMINGS.lease
        while store.now_ms() < end:
            assert store.lanes.renew(lease)
            assert store.lanes.claim(IN) is None
            store.wait(0.1)
        assert eventually(store, lambda: store.lanes.claim(IN)).claims == 2

    def test_a_settled_lane_cannot_be_renewed(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        lease = claim(store)
        store.lanes.settle(lease)
        assert not store.lanes.renew(lease)


class TestFencing:
    """A holder that was silent for too long can do no harm when it wakes."""

    def lost(self, store: Store) -> tuple[Lease, Lease]:
        store.lanes.accept([entry("1"), entry("2")])
        stale = claim(store)
        return stale, eventually(store, lambda: store.lanes.claim(IN))

    def test_it_settles_nothing_and_nothing_follows(self, store: Store) -> None:
        stale, present = self.lost(store)
        with pytest.raises(LeaseLost):
            store.lanes.settle(stale, [entry("report"), letter()])
        assert store.dead_letters.count() == 0
        following = store.lanes.settle(present)
        assert following is not None
        assert following.entry_id == "2"
        store.lanes.settle(following)
        assert store.lanes.accept([entry("report")]) == [True]

    def test_it_postpones_nothing(self, store: Store) -> None:
        stale, present = self.lost(store)
        assert not store.lanes.postpone(stale, FAR, spend=True)
        assert store.lanes.postpone(present, 0, spend=False)
        assert claim(store).tries == 0

    def test_it_renews_nothing(self, store: Store) -> None:
        stale, present = self.lost(store)
        assert not store.lanes.renew(stale)
        assert store.lanes.renew(present)

    def test_it_writes_nothing_into_the_ledger(self, store: Store) -> None:
        from twitter_connector.queue.send_ledger import SendRecord

        stale, present = self.lost(store)
        assert not store.ledger.write(stale, "m", 0, SendRecord(started_ms=1))
        assert store.ledger.steps("acme", "m") == {}
        assert store.ledger.write(present, "m", 0, SendRecord(started_ms=2))


class TestPause:
    def test_a_paused_account_waits_and_the_others_flow(self, store: Store) -> None:
        store.lanes.accept([entry("1", account="a"), entry("2", account="b")])
        store.lanes.pause(IN, "a", store.now_ms() + FAR, "rate_limited", "Twitter's rate limit is reached.")
        assert claim(store).account_id == "b"
        assert store.lanes.claim(IN) is None

    def test_work_accepted_during_a_pause_waits_too(self, store: Store) -> None:
        store.lanes.pause(IN, "acme", store.now_ms() + FAR, "rate_limited", "")
        assert store.lanes.accept([entry("1")]) == [True]
        assert store.lanes.claim(IN) is None

    def test_a_pause_ends_by_itself_at_its_moment(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        until = store.now_ms() + 300
        store.lanes.pause(IN, "acme", until, "rate_limited", "")
        assert store.lanes.claim(IN) is None
        assert eventually(store, lambda: store.lanes.claim(IN)).entry_id == "1"
        assert store.now_ms() >= until
        assert store.lanes.pauses("acme") == {}

    def test_resuming_ends_it_at_once_and_wakes_a_worker(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.wakeup_received(IN)
        store.lanes.pause(IN, "acme", store.now_ms() + FAR, "rate_limited", "")
        assert store.lanes.claim(IN) is None
        store.woken.clear()
        store.lanes.resume(IN, "acme")
        assert store.woken == [IN]
        assert claim(store).entry_id == "1"

    def test_resuming_an_account_without_work_wakes_nobody(self, store: Store) -> None:
        store.lanes.resume(IN, "acme")
        assert store.woken == []
        assert store.lanes.claim(IN) is None

    def test_waking_ends_the_waits_of_one_account_and_nobodys_lease(self, store: Store) -> None:
        store.lanes.accept([entry("1", lane="waits"), entry("2", lane="leased"), entry("3", account="other")])
        for lease in (claim(store), claim(store), claim(store)):
            if (lease.account_id, lease.lane) != ("acme", "leased"):
                store.lanes.postpone(lease, FAR, spend=False)
        store.lanes.wakeup_received(IN)
        assert store.lanes.claim(IN) is None
        store.woken.clear()
        store.lanes.end_waits("acme")
        assert store.woken == [IN]
        assert claim(store).entry_id == "1"
        assert store.lanes.claim(IN) is None

    def test_a_person_who_acts_ends_what_waits_for_one_at_an_endpoint_and_no_limit(self, store: Store) -> None:
        pauses, now = store.lanes.endpoint_pauses, store.now_ms()
        for account in ("acme", "other"):
            pauses.pause(account, "upload", now + FAR, "user_not_enrolled", "Enrol.")
            pauses.pause(account, "list", now + FAR, "rate_limited", "Later.")
        store.lanes.end_waits("acme")
        assert list(pauses.of("acme", ("upload", "list", "typing"), now)) == ["list"]
        assert list(pauses.of("other", ("upload", "list"), now)) == ["upload", "list"]
        assert pauses.of("acme", ("list",), now + FAR) == {}

    def test_ending_the_waits_of_an_account_that_has_none_wakes_nobody(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.wakeup_received(IN)
        store.woken.clear()
        store.lanes.end_waits("acme")
        assert store.woken == []
        assert claim(store).entry_id == "1"

    def test_a_pause_holds_one_direction_only(self, store: Store) -> None:
        store.lanes.accept([entry("1", way=OUT), entry("2")])
        store.lanes.pause(OUT, "acme", store.now_ms() + FAR, "rate_limited", "")
        assert store.lanes.claim(OUT) is None
        assert claim(store).entry_id == "2"

    def test_a_pause_that_is_over_holds_nobody(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.pause(IN, "acme", store.now_ms() - 1000, "rate_limited", "")
        assert claim(store).entry_id == "1"

    def test_a_pause_can_be_looked_at(self, store: Store) -> None:
        until = store.now_ms() + FAR
        store.lanes.pause(OUT, "acme", until, "token_revoked", "Make a new one.")
        pause = store.lanes.pauses("acme")[OUT]
        assert (pause["until"], pause["reason"], pause["detail"]) == (str(until), "token_revoked", "Make a new one.")
        assert store.lanes.pauses("other") == {}


class TestWakeUps:
    def test_one_wake_up_is_enough_until_it_is_received(self, store: Store) -> None:
        assert accepted_and_woken(store, entry("1")) == [IN]
        assert accepted_and_woken(store, entry("2")) == []
        store.lanes.wakeup_received(IN)
        assert accepted_and_woken(store, entry("3")) == [IN]

    def test_each_direction_has_its_own_wake_up(self, store: Store) -> None:
        assert accepted_and_woken(store, entry("1"), entry("2", way=OUT)) == [IN, OUT]
        store.lanes.wakeup_received(IN)
        assert accepted_and_woken(store, entry("3"), entry("4", way=OUT)) == [IN]

    def test_a_repeat_wakes_nobody(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.wakeup_received(IN)
        assert accepted_and_woken(store, entry("1")) == []

    def test_a_wake_up_that_nobody_receives_may_be_sent_again_after_a_while(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        assert not store.lanes.wake_if_due(IN)
        assert eventually(store, lambda: store.lanes.wake_if_due(IN))

    def test_only_due_work_needs_a_wake_up(self, store: Store) -> None:
        assert not store.lanes.wake_if_due(IN)
        store.lanes.accept([entry("1")])
        store.lanes.wakeup_received(IN)
        assert not store.lanes.wake_if_due(OUT)
        assert store.lanes.wake_if_due(IN)
        assert not store.lanes.wake_if_due(IN)

    def test_a_lane_that_waits_wakes_nobody_until_its_wait_is_over(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.postpone(claim(store), 400, spend=True)
        store.lanes.wakeup_received(IN)
        assert store.lanes.claim(IN) is None
        started = store.now_ms()
        assert not store.lanes.wake_if_due(IN)
        assert eventually(store, lambda: store.lanes.wake_if_due(IN))
        assert store.now_ms() - started >= 300

    def test_an_expired_lease_wakes_a_worker(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        claim(store)
        store.lanes.wakeup_received(IN)
        assert store.lanes.claim(IN) is None
        assert not store.lanes.wake_if_due(IN)
        assert eventually(store, lambda: store.lanes.wake_if_due(IN))


class TestBreaker:
    """While the other side cannot be reached, one message of an account probes it and the others wait."""

    def strike(self, store: Store, times: int) -> list[int]:
        return [store.lanes.unreached(IN, "acme") for _ in range(times)]

    def test_a_few_failures_are_nothing(self, store: Store) -> None:
        assert self.strike(store, 4) == [0, 0, 0, 0]
        store.lanes.accept([entry("1")])
        assert claim(store).entry_id == "1"

    def test_then_the_account_waits_and_longer_after_each_probe_that_fails(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        waits = self.strike(store, 5)[4:]
        for _ in range(2):
            probe = eventually(store, lambda: store.lanes.claim(IN))
            waits += self.strike(store, 1)
            store.lanes.postpone(probe, 0, spend=True)
        assert waits == [1000, 2000, 4000]

    def test_many_at_work_when_it_begins_are_one_outage(self, store: Store) -> None:
        """Each of them fails, but together they say no more than one."""
        self.strike(store, 5)
        assert all(0 < wait <= TIMINGS.first_probe for wait in self.strike(store, 60))
        store.lanes.accept([entry("1")])
        started = store.now_ms()
        eventually(store, lambda: store.lanes.claim(IN))
        assert store.now_ms() - started <= TIMINGS.first_probe + 500

    def test_the_other_accounts_and_the_other_direction_are_not_concerned(self, store: Store) -> None:
        self.strike(store, 5)
        store.lanes.accept([entry("1"), entry("2", account="other"), entry("3", way=OUT)])
        assert claim(store).account_id == "other"
        assert store.lanes.claim(IN) is None
        assert claim(store, OUT).entry_id == "3"

    def test_one_probes_and_the_rest_wait_for_its_outcome(self, store: Store) -> None:
        store.lanes.accept([entry("1", lane="x"), entry("2", lane="y"), entry("3", lane="z")])
        self.strike(store, 5)
        started = store.now_ms()
        assert store.lanes.claim(IN) is None
        probe = eventually(store, lambda: store.lanes.claim(IN))
        assert store.now_ms() - started >= 900
        assert store.lanes.claim(IN) is None
        store.lanes.wakeup_received(IN)
        store.woken.clear()
        store.lanes.settle(probe)
        assert store.woken == [IN]
        assert {claim(store).lane, claim(store).lane} | {probe.lane} == {"x", "y", "z"}

    def test_success_forgets_the_failures(self, store: Store) -> None:
        self.strike(store, 4)
        store.lanes.accept([entry("1")])
        store.lanes.settle(claim(store))
        assert self.strike(store, 4) == [0, 0, 0, 0]

    def test_a_probe_whose_holder_fell_silent_is_followed_by_another(self, store: Store) -> None:
        store.lanes.accept([entry("1", lane="x"), entry("2", lane="y")])
        self.strike(store, 5)
        eventually(store, lambda: store.lanes.claim(IN))
        assert eventually(store, lambda: store.lanes.claim(IN)).entry_id in ("1", "2")

    def test_nothing_of_it_stays_behind(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        lease = claim(store)
        self.strike(store, 4)
        store.lanes.settle(lease)
        assert store.lanes.claim(IN) is None
        assert store.left_behind() == []


class TestTypingIndicators:
    """Typing indicators are worth nothing a few seconds later."""

    def deliver_typing(self, payload: str, customer: str = "ada", way: Direction = IN) -> TypingIndicator:
        return TypingIndicator(way, "acme", customer, payload)

    def test_they_come_out_once_oldest_first(self, store: Store) -> None:
        new = store.lanes.accept(
            [self.deliver_typing("a"), self.deliver_typing("b", "grace"), self.deliver_typing("c", way=OUT)]
        )
        assert new == [True, True, True]
        assert store.woken == [TYPING_INDICATOR], "a typing indicator is no work for a lane"
        assert store.lanes.typing_indicators() == ["a", "b", "c"]
        assert store.lanes.typing_indicators() == []
        assert store.lanes.claim(IN) is None

    def test_one_in_three_seconds_is_enough_for_a_conversation(self, store: Store) -> None:
        assert store.lanes.accept([self.deliver_typing("a"), self.deliver_typing("b")]) == [True, False]
        assert store.lanes.typing_indicators() == ["a"]
        assert store.lanes.accept([self.deliver_typing("c")]) == [False]
        started = store.now_ms()
        eventually(store, lambda: store.lanes.accept([self.deliver_typing("d")]) == [True])
        assert store.now_ms() - started >= TIMINGS.typing - 500
        assert store.lanes.typing_indicators() == ["d"]

    def test_an_old_one_is_not_passed_on_any_more(self, store: Store) -> None:
        store.lanes.accept([self.deliver_typing("a")])
        store.wait(TIMINGS.typing / 1000 + 0.1)
        assert store.lanes.typing_indicators() == []

    def test_a_storm_of_them_is_bounded(self, store: Store) -> None:
        store.lanes.accept([self.deliver_typing(str(n), f"customer {n}") for n in range(keys.TYPING_MAX + 20)])
        found = store.lanes.typing_indicators()
        assert len(found) == keys.TYPING_MAX
        assert found[-1] == str(keys.TYPING_MAX + 19)


class TestLookingAround:
    def test_waiting_counts_lanes_by_direction(self, store: Store) -> None:
        store.lanes.accept([entry("1"), entry("2"), entry("3", lane="grace"), entry("4", way=OUT)])
        assert store.lanes.waiting("acme") == {IN: 2, OUT: 1}
        assert store.lanes.waiting("other") == {IN: 0, OUT: 0}

    def test_nothing_stays_behind_when_the_lanes_are_empty(self, store: Store) -> None:
        for n in range(4):
            store.lanes.accept([entry(f"{n}", lane=f"lane {n % 2}"), entry(f"{n}", way=OUT, account="b")])
        store.lanes.postpone(claim(store), 0, spend=True)
        while (lease := store.lanes.claim(OUT)) is not None:
            store.lanes.settle(lease, [entry(f"report of {lease.entry_id}")], keep=False)
        drained(store)
        assert store.lanes.claim(IN) is None
        assert store.lanes.claim(OUT) is None
        assert store.left_behind() == []
        assert store.lanes.waiting("acme") == {IN: 0, OUT: 0}


def test_after_a_message_given_up_unasked_the_next_one_probes_and_no_other(store: Store) -> None:
    for number in range(TIMINGS.strikes + 3):
        store.lanes.accept([Entry(Direction.IN, "1", f"lane {number}", f"dm:{number}", "{}", f"0{number:020d}")])
    for _ in range(TIMINGS.strikes):
        store.lanes.postpone(claim_in(store), 60_000, spend=True)
        store.lanes.unreached(Direction.IN, "1")
    probe = eventually(store, lambda: store.lanes.claim(Direction.IN))
    store.lanes.settle(probe, keep=False, answered=False)
    assert store.lanes.claim(Direction.IN) is not None
    assert store.lanes.claim(Direction.IN) is None


def claim_in(store: Store) -> Lease:
    lease = store.lanes.claim(Direction.IN)
    assert lease is not None
    return lease
