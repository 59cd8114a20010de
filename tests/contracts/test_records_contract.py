"""What the ledger, the accounts and the dead letters promise, whichever store they lie in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from test_lanes_contract import claim, entry, letter

from tests.fakes_and_broker import World
from twitter_connector.broker import keys
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.plan import Asked, Choice
from twitter_connector.model.work import Direction, EchoSeen, Link, QuestionClosed, QuoteForgotten
from twitter_connector.queue.send_ledger import Step

IN, OUT = Direction.IN, Direction.OUT
ACCOUNT = Account(
    id="732739706",
    credentials=Credentials("key", "key-secret", "token", "token-secret"),
    webhook_url="https://cx.example.com/twitter-connector/webhook/twitter/732739706",
    environment="prod",
    screen_name="acme",
    name="Acmé 😀",
    webhook=Webhook("1234", "https://cx.example.com/twitter-connector/webhook/twitter/732739706", True),
    subscribed=True,
    attention="Something is wrong.",
    registered_at=datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC),
    retired_secrets=("older-secret",),
)


class TestLedger:
    def test_a_message_nobody_began_has_no_steps(self, world: World) -> None:
        assert world.ledger.steps("acme", "m-1") == {}

    def test_a_step_begun_is_remembered_with_what_is_known_of_it(self, world: World) -> None:
        world.lanes.accept([entry("m-1", way=OUT)])
        held = claim(world, OUT)
        begun = Step(started_ms=1_772_442_000_123, looks=1, refusal="send_refused\nTwitter reports an error.")
        assert world.ledger.write(held, "m-1", 0, Step(started_ms=1))
        assert world.ledger.write(held, "m-1", 0, begun)
        assert world.ledger.write(held, "m-1", 11, Step(started_ms=2))
        assert world.ledger.steps("acme", "m-1") == {0: begun, 11: Step(started_ms=2)}

    def test_a_step_done_needs_no_lane_and_forgets_how_it_began(self, world: World) -> None:
        world.lanes.accept([entry("m-1", way=OUT)])
        world.ledger.write(claim(world, OUT), "m-1", 0, Step(started_ms=5, looks=1))
        world.ledger.done("acme", "ada", "m-1", 0, "1750853984134090753")
        assert world.ledger.steps("acme", "m-1") == {0: Step(dm_id="1750853984134090753")}

    def test_a_settled_message_can_be_written_about_no_more(self, world: World) -> None:
        world.lanes.accept([entry("m-1", way=OUT)])
        held = claim(world, OUT)
        world.lanes.settle(held)
        assert not world.ledger.write(held, "m-1", 0, Step(started_ms=1))

    def test_a_step_retracted_was_never_begun(self, world: World) -> None:
        world.lanes.accept([entry("m-1", way=OUT)])
        held = claim(world, OUT)
        world.ledger.write(held, "m-1", 0, Step(started_ms=1))
        world.ledger.write(held, "m-1", 1, Step(started_ms=1))
        world.ledger.retract("acme", "m-1", 0)
        world.ledger.retract("acme", "nothing of that name", 0)
        assert world.ledger.steps("acme", "m-1") == {1: Step(started_ms=1)}

    def test_messages_of_different_accounts_are_kept_apart(self, world: World) -> None:
        world.ledger.done("acme", "ada", "m-1", 0, "7")
        assert world.ledger.steps("other", "m-1") == {}
        assert world.ledger.own("other", "ada") == {}

    @pytest.mark.parametrize("odd", ["a:b", "a%3Ab", "ü|ö", "line\nbreak", "~"])
    def test_odd_ids_break_no_record(self, world: World, odd: str) -> None:
        world.lanes.accept([entry(odd, account=odd, lane=odd, way=OUT)])
        assert world.ledger.write(claim(world, OUT), odd, 0, Step(started_ms=1))
        world.ledger.done(odd, odd, odd, 1, "9")
        assert world.ledger.steps(odd, odd) == {0: Step(started_ms=1), 1: Step(dm_id="9")}
        assert world.ledger.own(odd, odd) == {"9": odd}

    def test_own_messages_come_oldest_first_by_number_not_by_text(self, world: World) -> None:
        for dm_id in ("10", "9", "1750853984134090753", "1750853984134090752"):
            world.ledger.done("acme", "ada", f"m-{dm_id}", 0, dm_id)
        assert list(world.ledger.own("acme", "ada").items()) == [
            ("9", "m-9"),
            ("10", "m-10"),
            ("1750853984134090752", "m-1750853984134090752"),
            ("1750853984134090753", "m-1750853984134090753"),
        ]

    def test_own_messages_up_to_a_read_one_include_it(self, world: World) -> None:
        for dm_id in ("9", "10", "11"):
            world.ledger.done("acme", "ada", f"m-{dm_id}", 0, dm_id)
        assert world.ledger.own("acme", "ada", "10") == {"9": "m-9", "10": "m-10"}
        assert world.ledger.own("acme", "ada", "8") == {}

    def test_only_the_newest_own_messages_are_kept(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "SENT_PER_CUSTOMER", 3)
        for number in range(8, 13):
            world.ledger.done("acme", "ada", f"m-{number}", 0, str(number))
        assert list(world.ledger.own("acme", "ada")) == ["10", "11", "12"]

    def test_what_reports_carry_is_kept_by_customer_unless_it_is_large(self, world: World) -> None:
        campaign = {"campaignId": "7", "wave": {"n": 2, "late": None}}
        world.ledger.keep_scheduling("acme", "ada", "m|1", campaign)
        world.ledger.keep_scheduling("acme", "ada", "m-2", {"all": "x" * keys.SCHEDULING_MAX_CHARS})
        world.ledger.keep_scheduling("acme", "grace", "m-3", {})
        assert world.ledger.scheduling("acme", "ada") == {"m|1": campaign}
        assert world.ledger.scheduling("acme", "grace") == {"m-3": {}}
        assert world.ledger.scheduling("other", "ada") == {}

    def test_the_quote_of_a_reply_is_kept_until_its_message_is_settled(self, world: World) -> None:
        world.lanes.accept([entry("m:1", way=OUT), entry("m-2", way=OUT)])
        held = claim(world, OUT)
        assert world.ledger.quote("acme", "m:1") is None
        assert world.ledger.write_quote(held, "m:1", "“Grüße 😀”")
        assert world.ledger.write_quote(held, "m-2", "")
        world.ledger.write(held, "m:1", 0, Step(started_ms=1))
        assert world.ledger.quote("acme", "m:1") == "“Grüße 😀”"
        assert world.ledger.quote("acme", "m-2") == ""
        assert world.ledger.quote("other", "m:1") is None
        assert world.ledger.steps("acme", "m:1") == {0: Step(started_ms=1)}
        world.lanes.settle(held, [QuoteForgotten("acme", "m:1")])
        assert world.ledger.quote("acme", "m:1") is None
        assert world.ledger.steps("acme", "m:1") == {0: Step(started_ms=1)}
        assert world.ledger.quote("acme", "m-2") == ""

    def test_who_lost_the_lane_neither_writes_a_quote_nor_has_one_forgotten(self, world: World) -> None:
        world.lanes.accept([entry("m-1", way=OUT)])
        held = claim(world, OUT)
        world.ledger.write_quote(held, "m-1", "“the one”")
        world.lanes.postpone(held, 0, spend=False)
        assert claim(world, OUT) is not None
        assert not world.ledger.write_quote(held, "m-1", "“another”")
        world.lanes.settle(held, [QuoteForgotten("acme", "m-1")])
        assert world.ledger.quote("acme", "m-1") == "“the one”"

    def test_echoes_come_newest_first_and_not_without_end(self, world: World) -> None:
        seen = [EchoSeen("acme", "ada", str(n), n, f"digest {n}") for n in range(keys.ECHOES_PER_CUSTOMER + 5)]
        world.lanes.accept(seen)
        found = world.ledger.echoes("acme", "ada")
        assert found[0] == seen[-1]
        assert len(found) == keys.ECHOES_PER_CUSTOMER
        assert world.ledger.echoes("acme", "grace") == []


class TestAccounts:
    def test_an_account_comes_back_as_it_was_saved(self, world: World) -> None:
        bare = Account("1", Credentials("a", "b", "c", "d", "bearer"), "https://x.example/webhook/twitter/1")
        world.accounts.save(ACCOUNT)
        world.accounts.save(bare)
        assert world.accounts.get(ACCOUNT.id, max_age=0) == ACCOUNT
        assert world.accounts.get("1", max_age=0) == bare
        assert world.accounts.all() == [bare, ACCOUNT]

    def test_saving_again_replaces(self, world: World) -> None:
        world.accounts.save(ACCOUNT)
        changed = replace(ACCOUNT, attention="", credentials=Credentials("k2", "s2", "t2", "ts2"))
        world.accounts.save(changed)
        assert world.accounts.get(ACCOUNT.id) == changed
        assert world.accounts.get(ACCOUNT.id, max_age=0) == changed

    def test_an_account_nobody_registered_is_none(self, world: World) -> None:
        assert world.accounts.get("5") is None
        assert world.accounts.get("5", max_age=0) is None
        assert world.accounts.all() == []

    def test_a_removed_account_is_gone_with_its_signs(self, world: World) -> None:
        world.accounts.save(ACCOUNT)
        world.accounts.note(ACCOUNT.id, last_crc_at=5)
        world.accounts.remove(ACCOUNT.id)
        world.accounts.remove("never there")
        assert world.accounts.get(ACCOUNT.id) is None
        assert world.accounts.get(ACCOUNT.id, max_age=0) is None
        assert world.accounts.signs(ACCOUNT.id) == {}

    def test_adding_never_replaces(self, world: World) -> None:
        assert world.accounts.add(ACCOUNT) is True
        assert world.accounts.add(replace(ACCOUNT, attention="another")) is False
        assert world.accounts.get(ACCOUNT.id) == ACCOUNT

    def test_an_account_that_was_withdrawn_is_known_as_such_until_it_is_saved_again(self, world: World) -> None:
        world.accounts.save(ACCOUNT)
        world.accounts.withdraw(ACCOUNT.id)
        assert (world.accounts.get(ACCOUNT.id), world.accounts.withdrawn(ACCOUNT.id)) == (None, True)
        world.accounts.save(ACCOUNT)
        assert world.accounts.withdrawn(ACCOUNT.id) is False
        world.accounts.remove(ACCOUNT.id)
        assert world.accounts.withdrawn(ACCOUNT.id) is False

    def test_signs_of_life_are_kept_each_by_its_name(self, world: World) -> None:
        world.accounts.note("7", last_crc_at=1)
        world.accounts.note("7", last_event_at=2)
        world.accounts.note("7", last_crc_at=3)
        assert world.accounts.signs("7") == {"last_crc_at": 3, "last_event_at": 2}
        assert world.accounts.signs("8") == {}

    def test_what_was_read_last_can_be_had_without_asking_anybody(self, world: World) -> None:
        world.accounts.save(ACCOUNT)
        assert world.accounts.last_known(ACCOUNT.id) == ACCOUNT
        assert world.accounts.last_known("5") is None


class TestQuestions:
    MENU = Asked("m-1", (Choice(1, "Tráck", "/track"), Choice(2, "Agent", "/agent")), numbered=True)
    BUTTONS = Asked("m-2", (Choice(1, "Yes", "/yes"),))

    def test_a_numbered_question_stays_open_until_something_comes_between(self, world: World) -> None:
        world.questions.ask("acme", "ada", self.MENU)
        assert world.questions.open_one("acme", "ada") == self.MENU
        assert world.questions.open_one("acme", "grace") is None
        world.questions.ask("acme", "ada", None)
        assert world.questions.open_one("acme", "ada") is None

    def test_a_question_with_buttons_is_found_by_its_name_and_closes_a_numbered_one(self, world: World) -> None:
        world.questions.ask("acme", "ada", self.MENU)
        world.questions.ask("acme", "ada", self.BUTTONS)
        assert world.questions.open_one("acme", "ada") is None
        assert world.questions.named("acme", "m-2") == self.BUTTONS
        assert world.questions.named("acme", "m-1") == self.MENU
        assert world.questions.named("other", "m-2") is None

    def test_a_customers_message_closes_it_along_with_being_settled(self, world: World) -> None:
        world.questions.ask("acme", "ada", self.MENU)
        world.questions.ask("acme", "grace", self.MENU)
        world.lanes.accept([entry("1")])
        world.lanes.settle(claim(world), [QuestionClosed("acme", "ada")])
        assert world.questions.open_one("acme", "ada") is None
        assert world.questions.open_one("acme", "grace") == self.MENU

    def test_a_cim_message_leads_back_to_its_event(self, world: World) -> None:
        world.lanes.accept([entry("1")])
        world.lanes.settle(claim(world), [Link("acme", "cim:1", "77"), Link("acme", "cim:2", "77")])
        assert world.questions.event_of("acme", "cim:1") == "77"
        assert world.questions.event_of("acme", "cim:2") == "77"
        assert world.questions.event_of("acme", "cim:3") is None
        assert world.questions.event_of("other", "cim:1") is None


class TestDeadLetters:
    def buried(self, world: World, *letters: object) -> None:
        world.lanes.accept(list(letters))

    def test_a_letter_comes_back_as_it_was_buried(self, world: World) -> None:
        kept = letter("a", payload='{"activity": "é😀"}', detail="Wörds.")
        self.buried(world, kept)
        assert world.dead_letters.get("a") == kept
        assert world.dead_letters.get("b") is None
        assert world.dead_letters.count() == 1

    def test_burying_the_same_message_again_keeps_one_letter(self, world: World) -> None:
        self.buried(world, letter("a"))
        self.buried(world, letter("a", tries=2))
        assert world.dead_letters.count() == 1
        assert world.dead_letters.get("a").tries == 2

    def test_the_latest_failure_is_listed_first(self, world: World) -> None:
        at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.buried(world, *(letter(i, failed_at=at + timedelta(seconds=s)) for i, s in (("a", 2), ("b", 3), ("c", 1))))
        assert [x.id for x in world.dead_letters.newest()] == ["b", "a", "c"]

    def test_letters_are_found_by_direction_account_and_reason(self, world: World) -> None:
        self.buried(
            world,
            letter("a"),
            letter("b", direction=OUT),
            letter("c", account_id="other"),
            letter("d", direction=OUT, reason="recipient_closed"),
        )

        def found(**by: object) -> set[str]:
            return {x.id for x in world.dead_letters.newest(**by)}

        assert found(direction=OUT) == {"b", "d"}
        assert found(account_id="other") == {"c"}
        assert found(reason="recipient_closed") == {"d"}
        assert found(direction=OUT, account_id="acme", reason="ccm_refused") == {"b"}
        assert found() == {"a", "b", "c", "d"}

    def test_more_letters_than_fit_one_page_are_all_listed(self, world: World) -> None:
        self.buried(world, *(letter(f"{n:03}") for n in range(450)))
        assert len({x.id for x in world.dead_letters.newest()}) == 450

    def test_a_letter_is_revived_once_and_lies_in_its_lane_then(self, world: World) -> None:
        self.buried(world, letter("a"), letter("b"))
        again = replace(entry("1"), again=True)
        listed, bells = world.lanes.revive("a", again)
        assert (listed, bells) == (True, {IN})
        assert world.lanes.revive("a", again) == (False, set())
        assert [x.id for x in world.dead_letters.newest()] == ["b"]
        held = claim(world)
        assert held.entry_id == "1"
        # It fails at once, before whoever revived it has gone on to the next.
        world.lanes.settle(held, [letter("a", tries=2)], keep=False)
        assert world.dead_letters.get("a").tries == 2
        assert world.lanes.claim(IN) is None, "it lay there once"

    def test_a_discarded_letter_is_gone(self, world: World) -> None:
        self.buried(world, letter("a"), letter("b"))
        assert world.dead_letters.discard("a")
        assert not world.dead_letters.discard("a")
        assert world.dead_letters.get("a") is None
        assert [x.id for x in world.dead_letters.newest()] == ["b"]
        assert world.dead_letters.count() == 1
