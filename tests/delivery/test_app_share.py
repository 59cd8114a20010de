"""An app's messages of a day are shared fairly between its accounts, whoever is busy and whenever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import property_settings
from tests.brokers import broker_process, inspector, services
from tests.clocked_store import Store
from tests.fake_deliveries import ACME, OTHER, OUT, FakeDeliveries
from twitter_connector.delivery.app_share import AppShare
from twitter_connector.errors import RateLimited
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.app_day import AppDay
from twitter_connector.store.app_sends import AppSends

__all__ = ["broker_process", "inspector", "property_settings", "services"]

BEGAN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def day_of(limit: int, sent: Mapping[str, int]) -> AppDay:
    return AppDay(limit, limit - sum(sent.values()), BEGAN, BEGAN + DAY, dict(sent))


class TestTheRule:
    def test_an_account_alone_has_everything(self) -> None:
        assert day_of(10, {"a": 9}).free_at("a", ["a"], BEGAN) == BEGAN

    def test_an_account_within_its_share_never_waits(self) -> None:
        assert day_of(10, {"a": 4, "b": 6}).free_at("a", ["a", "b"], BEGAN) == BEGAN

    def test_beyond_its_share_it_waits_for_what_the_others_do_not_use(self) -> None:
        # Half of the 10 are b's. At noon b may still need 5, a quarter of a day later 3.75.
        day = day_of(10, {"a": 5})
        free_at = day.free_at("a", ["a", "b"], BEGAN)
        assert free_at == BEGAN + DAY / 5
        assert day.free_at("a", ["a", "b"], free_at) == free_at

    def test_messages_of_other_programs_of_the_app_count_too(self) -> None:
        day = AppDay(10, 0, BEGAN, BEGAN + DAY, {"a": 5})
        assert day.free_at("a", ["a", "b"], BEGAN) == BEGAN + DAY

    def test_nobody_waits_after_the_end_of_a_window(self) -> None:
        assert day_of(10, {"a": 9}).free_at("a", ["a", "b"], BEGAN + DAY) == BEGAN + DAY

    @given(
        st.integers(2, 5).flatmap(
            lambda accounts: st.tuples(
                st.just(accounts),
                st.integers(accounts, 60),
                st.lists(st.tuples(st.integers(0, accounts - 1), st.integers(0, 90)), max_size=200),
            )
        )
    )
    def test_whoever_is_quiet_finds_its_part_and_whoever_is_busy_gets_the_rest(
        self, tries: tuple[int, int, list[tuple[int, int]]]
    ) -> None:
        number, limit, sends = tries
        accounts = [str(n) for n in range(number)]
        share = limit // number
        sent: dict[str, int] = {}
        now = BEGAN
        for index, minutes in sends:
            now += minutes * MINUTE
            if now >= BEGAN + DAY:
                break
            account = accounts[index]
            day = day_of(limit, sent)
            free_at = day.free_at(account, accounts, now)
            own = sent.get(account, 0)
            if own < share:
                assert free_at == now, "within its share an account never waits"
            if free_at > now:
                assert free_at <= BEGAN + DAY
                assert day.free_at(account, accounts, free_at) == free_at, "the moment that is named is the right one"
                continue
            if day.remaining < 1:
                continue  # X refuses it
            sent[account] = own + 1
            if own >= share:
                # What a busy account leaves: for each other one, its unused share for the rest of the day.
                left = (BEGAN + DAY - now) / DAY
                unused = sum(max(0, share - sent.get(other, 0)) for other in accounts if other != account)
                assert limit - sum(sent.values()) >= unused * left - 1e-9
        assert sum(sent.values()) <= limit

    @given(st.integers(2, 5), st.integers(5, 200))
    def test_nothing_of_the_day_is_wasted_on_accounts_that_stay_quiet(self, number: int, limit: int) -> None:
        accounts = [str(n) for n in range(number)]
        sent: dict[str, int] = {}
        now = BEGAN
        # One message is left for the others up to the last moment.
        while sum(sent.values()) < limit - 1:
            free_at = day_of(limit, sent).free_at("0", accounts, now)
            assert free_at <= BEGAN + DAY
            now = max(now, free_at)
            sent["0"] = sent.get("0", 0) + 1
        assert now < BEGAN + DAY

    @given(st.integers(2, 400), st.integers(0, 1439))
    def test_of_two_accounts_the_quiet_one_may_answer_at_once_whenever_it_wakes_up(
        self, limit: int, minutes: int
    ) -> None:
        accounts, sent = ["busy", "quiet"], {"busy": 0}
        now, wakes_up = BEGAN, BEGAN + minutes * MINUTE
        while (free_at := max(now, day_of(limit, sent).free_at("busy", accounts, now))) < wakes_up:
            if day_of(limit, sent).remaining < 1:
                break
            now, sent["busy"] = free_at, sent["busy"] + 1
        left = (BEGAN + DAY - wakes_up) / DAY
        assert day_of(limit, sent).remaining >= int(limit // 2 * left)


class TestTheStore:
    def sends(self) -> tuple[Store, AppSends]:
        store = Store()
        return store, AppSends(store.lanes.client, store.clock)

    def test_sends_are_counted_by_account_within_the_window_that_x_names(self) -> None:
        store, sends = self.sends()
        reset = store.clock() + DAY
        sends.note("app", "a", 1440, 1439, reset)
        store.wait(60)
        sends.note("app", "b", 1440, 1438, reset)
        # X's moment may wander by a second.
        sends.note("app", "a", 1440, 1437, reset + timedelta(seconds=1))
        day = sends.day("app")
        assert day is not None
        assert (day.limit, day.remaining, day.sent) == (1440, 1437, {"a": 2, "b": 1})
        assert (day.began, day.reset) == (reset - DAY, reset)
        assert sends.day("another app") is None

    def test_a_new_window_begins_with_nothing_sent(self) -> None:
        store, sends = self.sends()
        sends.note("app", "a", 1440, 0, store.clock() + DAY)
        store.wait(86400)
        assert sends.day("app") is None
        sends.note("app", "a", 1440, 1439, store.clock() + DAY)
        day = sends.day("app")
        assert day is not None
        assert (day.sent, day.began) == ({"a": 1}, store.clock())

    def test_its_key_ends_with_the_window(self) -> None:
        store, sends = self.sends()
        sends.note("app", "a", 1440, 0, store.clock() + DAY)
        (key,) = store.lanes.client.keys("tc:app-sends:*")
        assert 0 < store.lanes.client.ttl(key) <= 86400 + 60


def account(account_id: str, key: str = "app key", flavour: str = V2) -> Account:
    return Account(account_id, Credentials(key, "s", "t", "ts"), "", flavour=flavour)


class TestSending:
    @pytest.fixture
    def sends(self, fakes: FakeDeliveries) -> AppSends:
        sends = AppSends(fakes.lanes.client, fakes.clock)
        for known in (account(ACME), account(OTHER)):
            fakes.accounts.save(known)
        fakes.outbound.app_share = AppShare(sends, fakes.accounts.all, fakes.clock)
        return sends

    def used_up(self, fakes: FakeDeliveries, sends: AppSends) -> None:
        """ACME has sent its half of ten messages."""
        reset = fakes.clock() + DAY
        for number in range(5):
            sends.note(account(ACME).app, ACME, 10, 9 - number, reset)

    def test_a_busy_account_waits_and_the_other_one_answers(self, fakes: FakeDeliveries, sends: AppSends) -> None:
        self.used_up(fakes, sends)
        fakes.send("m-1")
        fakes.send("m-2", account_id=OTHER)
        fakes.serve(OUT)
        assert (fakes.twitters[ACME].texts(), fakes.twitters[OTHER].texts()) == ([], ["Hello"])
        pause = fakes.lanes.pauses(ACME)[OUT]
        assert pause["reason"] == "app_share_used"
        assert "10 messages" in pause["detail"]
        fakes.later(86400 / 5 + 2, OUT)
        assert fakes.twitters[ACME].texts() == ["Hello"], "nothing is dropped"
        assert fakes.dead_lettered() == []

    @pytest.mark.parametrize("other", [account(OTHER, "another app"), account(OTHER, flavour=V1)])
    def test_accounts_of_other_apps_share_nothing(self, fakes: FakeDeliveries, sends: AppSends, other: Account) -> None:
        fakes.accounts.save(other)
        self.used_up(fakes, sends)
        fakes.send("m-1")
        fakes.serve(OUT)
        assert fakes.twitters[ACME].texts() == ["Hello"]

    def test_without_a_limit_of_x_nobody_waits(self, fakes: FakeDeliveries, sends: AppSends) -> None:
        fakes.send("m-1")
        fakes.serve(OUT)
        assert fakes.twitters[ACME].texts() == ["Hello"]


def test_the_error_names_when_the_account_goes_on() -> None:
    class Known:
        def day(self, app: str) -> AppDay:
            return day_of(10, {"a": 5})

    accounts: list[Any] = [account("a"), account("b")]
    share = AppShare(Known(), lambda: accounts, lambda: BEGAN)
    share.check(accounts[1])
    with pytest.raises(RateLimited) as failure:
        share.check(accounts[0])
    assert failure.value.until == BEGAN + DAY / 5
    assert "2026-11-27T16:48" in failure.value.detail
