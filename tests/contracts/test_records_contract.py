"""What the ledger, the accounts and the dead letters promise, whichever store they lie in."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from test_lanes_contract import claim, entry, letter

from tests.clocked_store import Store
from tests.fakes import FakeAccounts
from twitter_connector.broker import keys
from twitter_connector.errors import LeaseLost
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.plan import Asked, Choice
from twitter_connector.model.usage import DM_SENT
from twitter_connector.model.work import Direction, EchoSeen, Link, QuestionClosed, QuoteForgotten, ReadUpTo, StepSent
from twitter_connector.queue.send_ledger import SendRecord

IN, OUT = Direction.IN, Direction.OUT
ACCOUNT = Account(
    id="732739706",
    credentials=Credentials("key", "key-secret", "token", "token-secret"),
    webhook_url="https://cx.example.com/twitter-connector/webhook/twitter/732739706",
    settings={"environment": "prod"},
    screen_name="acme",
    name="Acmé 😀",
    webhook=Webhook("1234", "https://cx.example.com/twitter-connector/webhook/twitter/732739706", True),
    subscribed=True,
    attention="Something is wrong.",
    registered_at=datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC),
    retired_secrets=("older-secret",),
)


class TestLedger:
    def test_a_message_nobody_began_has_no_steps(self, store: Store) -> None:
        assert store.ledger.steps("acme", "m-1") == {}

    def test_a_step_begun_is_remembered_with_what_is_known_of_it(self, store: Store) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        begun = SendRecord(started_ms=1_772_442_000_123, looks=1, refusal="send_refused\nTwitter reports an error.")
        assert store.ledger.write(lease, "m-1", 0, SendRecord(started_ms=1))
        assert store.ledger.write(lease, "m-1", 0, begun)
        assert store.ledger.write(lease, "m-1", 11, SendRecord(started_ms=2))
        assert store.ledger.steps("acme", "m-1") == {0: begun, 11: SendRecord(started_ms=2)}

    def test_newer_facts_count_for_the_upload_or_the_send_they_were_written_with(self, store: Store) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        processing = SendRecord(
            media_id="7", segments=1, upload_state="processing", processing_since_ms=5, measured="2 x 2 pixels"
        )
        busy = SendRecord(started_ms=9, sends=1, over_capacity=True)
        for record in (processing, SendRecord(media_id="8"), busy, SendRecord(started_ms=10, sends=2)):
            assert store.ledger.write(lease, "m-1", 0, record)
            assert store.ledger.steps("acme", "m-1") == {0: record}

    def test_a_step_done_needs_no_lane_and_forgets_how_it_began(self, store: Store) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        store.ledger.write(claim(store, OUT), "m-1", 0, SendRecord(started_ms=5, looks=1))
        store.ledger.done("acme", "ada", "m-1", 0, "1750853984134090753")
        assert store.ledger.steps("acme", "m-1") == {0: SendRecord(dm_id="1750853984134090753")}

    def test_a_step_done_stays_done(self, store: Store) -> None:
        """A worker that was stopped while it sent ends when another one looks for the send already."""
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        store.ledger.write(lease, "m-1", 0, SendRecord(started_ms=5))
        store.ledger.done("acme", "ada", "m-1", 0, "7")
        assert not store.ledger.write(lease, "m-1", 0, SendRecord(started_ms=5, looks=1))
        assert not store.ledger.write(lease, "m-1", 0, SendRecord(started_ms=9, over_capacity=True))
        assert store.ledger.steps("acme", "m-1") == {0: SendRecord(dm_id="7")}
        assert store.ledger.write(lease, "m-1", 1, SendRecord(started_ms=5))

    @pytest.mark.parametrize("late", [False, True])
    def test_settling_records_what_was_sent_also_if_the_lane_was_lost(self, store: Store, late: bool) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        if late:
            store.clock.advance(store.lanes.timings.lease / 1000)
            assert claim(store, OUT).token != lease.token
        with pytest.raises(LeaseLost) if late else nullcontext():
            store.lanes.settle(lease, [StepSent("acme", "ada", "m-1", 0, "7", DM_SENT)])
        assert store.ledger.steps("acme", "m-1") == {0: SendRecord(dm_id="7")}
        assert store.ledger.own("acme", "ada") == {"7": "m-1"}
        assert store.lanes.waiting("acme")[OUT] == int(late), "who has the lane now settles it"

    def test_a_settled_message_can_be_written_about_no_more(self, store: Store) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        store.lanes.settle(lease)
        assert not store.ledger.write(lease, "m-1", 0, SendRecord(started_ms=1))

    def test_messages_of_different_accounts_are_kept_apart(self, store: Store) -> None:
        store.ledger.done("acme", "ada", "m-1", 0, "7")
        assert store.ledger.steps("other", "m-1") == {}
        assert store.ledger.own("other", "ada") == {}

    @pytest.mark.parametrize("odd", ["a:b", "a%3Ab", "ü|ö", "line\nbreak", "~"])
    def test_odd_ids_break_no_record(self, store: Store, odd: str) -> None:
        store.lanes.accept([entry(odd, account=odd, lane=odd, way=OUT)])
        assert store.ledger.write(claim(store, OUT), odd, 0, SendRecord(started_ms=1))
        store.ledger.done(odd, odd, odd, 1, "9")
        assert store.ledger.steps(odd, odd) == {0: SendRecord(started_ms=1), 1: SendRecord(dm_id="9")}
        assert store.ledger.own(odd, odd) == {"9": odd}

    def test_own_messages_come_oldest_first_by_number_not_by_text(self, store: Store) -> None:
        for dm_id in ("10", "9", "1750853984134090753", "1750853984134090752"):
            store.ledger.done("acme", "ada", f"m-{dm_id}", 0, dm_id)
        assert list(store.ledger.own("acme", "ada").items()) == [
            ("9", "m-9"),
            ("10", "m-10"),
            ("1750853984134090752", "m-1750853984134090752"),
            ("1750853984134090753", "m-1750853984134090753"),
        ]

    def test_own_messages_up_to_a_read_one_include_it(self, store: Store) -> None:
        for dm_id in ("9", "10", "11"):
            store.ledger.done("acme", "ada", f"m-{dm_id}", 0, dm_id)
        assert store.ledger.own("acme", "ada", "10") == {"9": "m-9", "10": "m-10"}
        assert store.ledger.own("acme", "ada", "8") == {}

    def test_a_message_is_unfinished_until_its_last_step_is_sent(self, store: Store) -> None:
        store.ledger.done("acme", "ada", "whole", 0, "8")
        store.ledger.done("acme", "ada", "parts", 0, "9", last=False)
        assert store.ledger.unfinished("acme", "ada") == {"parts"}
        assert store.ledger.unfinished("acme", "grace") == set()
        store.ledger.done("acme", "ada", "parts", 1, "10")
        assert store.ledger.unfinished("acme", "ada") == set()

    def test_how_far_a_customer_has_read_is_kept(self, store: Store) -> None:
        assert store.ledger.read_up_to("acme", "ada") == (0, 0)
        store.lanes.accept([ReadUpTo("acme", "ada", "1750853984134090753", 5)])
        assert store.ledger.read_up_to("acme", "ada") == (1750853984134090753, 5)
        assert store.ledger.read_up_to("acme", "grace") == (0, 0)

    def test_only_the_newest_own_messages_are_kept(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "SENT_PER_CUSTOMER", 3)
        for number in range(8, 13):
            store.ledger.done("acme", "ada", f"m-{number}", 0, str(number))
        assert list(store.ledger.own("acme", "ada")) == ["10", "11", "12"]

    def test_what_reports_carry_is_kept_by_customer_unless_it_is_large(self, store: Store) -> None:
        campaign = {"campaignId": "7", "wave": {"n": 2, "late": None}}
        store.ledger.keep_scheduling("acme", "ada", "m|1", campaign)
        store.ledger.keep_scheduling("acme", "ada", "m-2", {"all": "x" * keys.SCHEDULING_MAX_CHARS})
        store.ledger.keep_scheduling("acme", "grace", "m-3", {})
        assert store.ledger.scheduling("acme", "ada") == {"m|1": campaign}
        assert store.ledger.scheduling("acme", "grace") == {"m-3": {}}
        assert store.ledger.scheduling("other", "ada") == {}

    def test_the_quote_of_a_reply_is_kept_until_its_message_is_settled(self, store: Store) -> None:
        store.lanes.accept([entry("m:1", way=OUT), entry("m-2", way=OUT)])
        lease = claim(store, OUT)
        assert store.ledger.quote("acme", "m:1") is None
        assert store.ledger.write_quote(lease, "m:1", "“Grüße 😀”")
        assert store.ledger.write_quote(lease, "m-2", "")
        store.ledger.write(lease, "m:1", 0, SendRecord(started_ms=1))
        assert store.ledger.quote("acme", "m:1") == "“Grüße 😀”"
        assert store.ledger.quote("acme", "m-2") == ""
        assert store.ledger.quote("other", "m:1") is None
        assert store.ledger.steps("acme", "m:1") == {0: SendRecord(started_ms=1)}
        store.lanes.settle(lease, [QuoteForgotten("acme", "m:1")])
        assert store.ledger.quote("acme", "m:1") is None
        assert store.ledger.steps("acme", "m:1") == {0: SendRecord(started_ms=1)}
        assert store.ledger.quote("acme", "m-2") == ""

    def test_who_lost_the_lane_neither_writes_a_quote_nor_has_one_forgotten(self, store: Store) -> None:
        store.lanes.accept([entry("m-1", way=OUT)])
        lease = claim(store, OUT)
        store.ledger.write_quote(lease, "m-1", "“the one”")
        store.lanes.postpone(lease, 0, spend=False)
        assert claim(store, OUT) is not None
        assert not store.ledger.write_quote(lease, "m-1", "“another”")
        with pytest.raises(LeaseLost):
            store.lanes.settle(lease, [QuoteForgotten("acme", "m-1")])
        assert store.ledger.quote("acme", "m-1") == "“the one”"

    def test_echoes_come_newest_first_and_not_without_end(self, store: Store) -> None:
        seen = [EchoSeen("acme", "ada", str(n), n, f"digest {n}") for n in range(keys.ECHOES_PER_CUSTOMER + 5)]
        store.lanes.accept(seen)
        found = store.ledger.echoes("acme", "ada")
        assert found[0] == seen[-1]
        assert len(found) == keys.ECHOES_PER_CUSTOMER
        assert store.ledger.echoes("acme", "grace") == []


class TestAccounts:
    @pytest.fixture(params=["fake", "broker"])
    def store(self, request: pytest.FixtureRequest, store: Store) -> Store:
        """The fake of tests/fakes.py keeps the same promises as the real accounts."""
        if request.param == "fake":
            store.accounts = FakeAccounts()
        return store

    def test_an_account_comes_back_as_it_was_saved(self, store: Store) -> None:
        bare = Account("1", Credentials("a", "b", "c", "d", "bearer"), "https://x.example/webhook/twitter/1")
        store.accounts.save(ACCOUNT)
        store.accounts.save(bare)
        assert store.accounts.get(ACCOUNT.id, max_age=0) == ACCOUNT
        assert store.accounts.get("1", max_age=0) == bare
        assert store.accounts.all() == [bare, ACCOUNT]

    def test_saving_again_replaces(self, store: Store) -> None:
        store.accounts.save(ACCOUNT)
        changed = replace(ACCOUNT, attention="", credentials=Credentials("k2", "s2", "t2", "ts2"))
        store.accounts.save(changed)
        assert store.accounts.get(ACCOUNT.id) == changed
        assert store.accounts.get(ACCOUNT.id, max_age=0) == changed

    def test_an_account_nobody_registered_is_none(self, store: Store) -> None:
        assert store.accounts.get("5") is None
        assert store.accounts.get("5", max_age=0) is None
        assert store.accounts.all() == []

    def test_a_removed_account_is_gone_with_its_signs(self, store: Store) -> None:
        store.accounts.save(ACCOUNT)
        store.accounts.note(ACCOUNT.id, last_crc_at=5)
        store.accounts.remove(ACCOUNT.id)
        store.accounts.remove("never there")
        assert store.accounts.get(ACCOUNT.id) is None
        assert store.accounts.get(ACCOUNT.id, max_age=0) is None
        assert store.accounts.account_status(ACCOUNT.id) == {}

    def test_adding_never_replaces(self, store: Store) -> None:
        assert store.accounts.add(ACCOUNT) is True
        assert store.accounts.add(replace(ACCOUNT, attention="another")) is False
        assert store.accounts.get(ACCOUNT.id) == ACCOUNT

    def test_an_account_that_was_withdrawn_is_known_as_such_until_it_is_saved_again(self, store: Store) -> None:
        store.accounts.save(ACCOUNT)
        store.accounts.withdraw(ACCOUNT.id)
        assert (store.accounts.get(ACCOUNT.id), store.accounts.withdrawn(ACCOUNT.id)) == (None, True)
        store.accounts.save(ACCOUNT)
        assert store.accounts.withdrawn(ACCOUNT.id) is False
        store.accounts.remove(ACCOUNT.id)
        assert store.accounts.withdrawn(ACCOUNT.id) is False

    def test_signs_of_life_are_kept_each_by_its_name(self, store: Store) -> None:
        store.accounts.note("7", last_crc_at=1)
        store.accounts.note("7", last_event_at=2)
        store.accounts.note("7", last_crc_at=3)
        assert store.accounts.account_status("7") == {"last_crc_at": 3, "last_event_at": 2}
        assert store.accounts.account_status("8") == {}

    def test_what_was_read_last_can_be_had_without_asking_anybody(self, store: Store) -> None:
        store.accounts.save(ACCOUNT)
        assert store.accounts.last_known(ACCOUNT.id) == ACCOUNT
        assert store.accounts.last_known("5") is None


class TestQuestions:
    MENU = Asked("m-1", (Choice(1, "Tráck", "/track"), Choice(2, "Agent", "/agent")), numbered=True)
    BUTTONS = Asked("m-2", (Choice(1, "Yes", "/yes"),))

    def test_a_numbered_question_stays_open_until_something_comes_between(self, store: Store) -> None:
        store.conversations.ask("acme", "ada", self.MENU)
        assert store.conversations.open_one("acme", "ada") == self.MENU
        assert store.conversations.open_one("acme", "grace") is None
        store.conversations.ask("acme", "ada", None)
        assert store.conversations.open_one("acme", "ada") is None

    def test_a_question_with_buttons_is_found_by_its_name_and_closes_a_numbered_one(self, store: Store) -> None:
        store.conversations.ask("acme", "ada", self.MENU)
        store.conversations.ask("acme", "ada", self.BUTTONS)
        assert store.conversations.open_one("acme", "ada") is None
        assert store.conversations.named("acme", "m-2") == self.BUTTONS
        assert store.conversations.named("acme", "m-1") == self.MENU
        assert store.conversations.named("other", "m-2") is None

    def test_a_customers_message_closes_it_along_with_being_settled(self, store: Store) -> None:
        store.conversations.ask("acme", "ada", self.MENU)
        store.conversations.ask("acme", "grace", self.MENU)
        store.lanes.accept([entry("1")])
        store.lanes.settle(claim(store), [QuestionClosed("acme", "ada")])
        assert store.conversations.open_one("acme", "ada") is None
        assert store.conversations.open_one("acme", "grace") == self.MENU

    def test_a_cim_message_leads_back_to_its_event(self, store: Store) -> None:
        store.lanes.accept([entry("1")])
        store.lanes.settle(claim(store), [Link("acme", "cim:1", "77"), Link("acme", "cim:2", "77")])
        assert store.conversations.event_of("acme", "cim:1") == "77"
        assert store.conversations.event_of("acme", "cim:2") == "77"
        assert store.conversations.event_of("acme", "cim:3") is None
        assert store.conversations.event_of("other", "cim:1") is None


class TestDeadLetters:
    def dead_lettered(self, store: Store, *letters: object) -> None:
        store.lanes.accept(list(letters))

    def test_a_letter_comes_back_as_it_was_dead_lettered(self, store: Store) -> None:
        kept = letter("a", payload='{"activity": "é😀"}', detail="Wörds.")
        self.dead_lettered(store, kept)
        assert store.dead_letters.get("a") == kept
        assert store.dead_letters.get("b") is None
        assert store.dead_letters.count() == 1

    def test_burying_the_same_message_again_keeps_one_letter(self, store: Store) -> None:
        self.dead_lettered(store, letter("a"))
        self.dead_lettered(store, letter("a", tries=2))
        assert store.dead_letters.count() == 1
        assert store.dead_letters.get("a").tries == 2

    def test_the_latest_failure_is_listed_first(self, store: Store) -> None:
        at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.dead_lettered(
            store, *(letter(i, failed_at=at + timedelta(seconds=s)) for i, s in (("a", 2), ("b", 3), ("c", 1)))
        )
        assert [x.id for x in store.dead_letters.newest()] == ["b", "a", "c"]

    def test_letters_are_found_by_direction_account_and_reason(self, store: Store) -> None:
        self.dead_lettered(
            store,
            letter("a"),
            letter("b", direction=OUT),
            letter("c", account_id="other"),
            letter("d", direction=OUT, reason="recipient_closed"),
        )

        def found(**by: object) -> set[str]:
            return {x.id for x in store.dead_letters.newest(**by)}

        assert found(direction=OUT) == {"b", "d"}
        assert found(account_id="other") == {"c"}
        assert found(reason="recipient_closed") == {"d"}
        assert found(direction=OUT, account_id="acme", reason="ccm_refused") == {"b"}
        assert found() == {"a", "b", "c", "d"}

    def test_more_letters_than_fit_one_page_are_all_listed(self, store: Store) -> None:
        self.dead_lettered(store, *(letter(f"{n:03}") for n in range(450)))
        assert len({x.id for x in store.dead_letters.newest()}) == 450

    def test_a_letter_is_revived_once_and_lies_in_its_lane_then(self, store: Store) -> None:
        self.dead_lettered(store, letter("a"), letter("b"))
        again = replace(entry("1"), again=True)
        store.woken.clear()
        assert store.lanes.revive("a", again)
        assert store.woken == [IN]
        assert not store.lanes.revive("a", again)
        assert [x.id for x in store.dead_letters.newest()] == ["b"]
        lease = claim(store)
        assert lease.entry_id == "1"
        # It fails at once, before whoever revived it has gone on to the next.
        store.lanes.settle(lease, [letter("a", tries=2)], keep=False)
        assert store.dead_letters.get("a").tries == 2
        assert store.lanes.claim(IN) is None, "it lay there once"

    def test_a_discarded_letter_is_gone(self, store: Store) -> None:
        self.dead_lettered(store, letter("a"), letter("b"))
        assert store.dead_letters.discard("a")
        assert not store.dead_letters.discard("a")
        assert store.dead_letters.get("a") is None
        assert [x.id for x in store.dead_letters.newest()] == ["b"]
        assert store.dead_letters.count() == 1
