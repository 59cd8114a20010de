"""The quote above an agent's reply: looked up once, the same at every try, gone with the message, never in the way."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, House, failing
from tests.fakes import FakeTwitter
from twitter_connector.broker import keys
from twitter_connector.delivery.send_step import LOOKS_AFTER
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    RecipientRefused,
    Retryable,
    ServiceUnavailable,
)
from twitter_connector.model.event import DmReceived
from twitter_connector.queue.replay import replay
from twitter_connector.queue.send_ledger import Step

FIRST, SECOND = (w / timedelta(seconds=1) for w in LOOKS_AFTER)
ASKED = "1206724334791753732"


def question(house: House, text: str = "Where is my order?", *, customer: str = ADA, event_id: str = ASKED) -> str:
    """Let a customer write; return the id under which CIM knows it."""
    house.customer_writes(event_id, text, customer=customer)
    house.serve(IN)
    house.twitter.written[event_id] = DmReceived(ACME, customer, event_id, house.clock(), text)
    return str(house.cim.received[-1]["id"])


def reply(house: House, to: str, text: str = "On its way.", *, message_id: str = "m-1", **more: Any) -> None:
    house.send(message_id, text, **{"intent": "REPLY_TO", "originalMessageId": to, **more})
    house.serve(OUT)


def unknown() -> OutcomeUnknown:
    return OutcomeUnknown("outcome_unknown", "Twitter did not answer.")


def died(house: House) -> None:
    """Let the next send take its worker down."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    house.twitter.before_send = die
    with pytest.raises(Killed):
        house.serve(OUT)
    house.twitter.before_send = lambda: None


def kept(house: House) -> dict[tuple[str, str], str]:
    return house.lanes.quotes


class TestWhatIsQuoted:
    def test_a_customers_message(self, house: House) -> None:
        reply(house, question(house))
        house.serve()
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]
        assert house.twitter.asked_for == [ASKED]
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_an_agents_earlier_message_by_the_beginning_of_its_first_part(self, house: House) -> None:
        house.send("m-0", "We ship <today> & " + "tomorrow " * 1200)
        house.serve()
        reply(house, "m-0", "As I said.")
        assert len(house.twitter.sent) == 3
        assert house.twitter.texts()[-1].startswith("“We ship <today> & tomorrow tomorrow")
        assert house.twitter.texts()[-1].endswith("…”\nAs I said.")

    def test_a_message_under_its_older_name(self, house: House) -> None:
        reply(house, "", replyToMessageId=question(house))
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_never_one_customers_words_for_another(self, house: House) -> None:
        asked = question(house, "My number is 4711", customer=GRACE)
        reply(house, asked)
        assert house.twitter.texts() == ["On its way."]

    def test_nothing_of_a_message_nobody_knows(self, house: House) -> None:
        reply(house, "unknown")
        assert house.twitter.texts() == ["On its way."]
        assert house.twitter.asked_for == []

    def test_nothing_of_a_message_without_words(self, house: House) -> None:
        reply(house, question(house, " "))
        assert house.twitter.texts() == ["On its way."]

    @pytest.mark.parametrize("intent", ["UPDATE", "NONE", None])
    def test_other_intents_look_nothing_up(self, house: House, intent: str | None) -> None:
        reply(house, question(house), intent=intent)
        assert house.twitter.asked_for == []
        assert house.twitter.texts() == ["(edited) On its way." if intent == "UPDATE" else "On its way."]
        assert kept(house) == {}


class TestWhereItCannotBeHad:
    @pytest.mark.parametrize(
        "error",
        [
            failing(RateLimited, "rate_limited"),
            failing(RateLimited, "looks_automated"),
            failing(ServiceUnavailable, "twitter_unavailable", status=503),
            failing(ServiceUnavailable, "twitter_no_answer"),
            failing(Retryable, "twitter_over_capacity"),
            failing(Permanent, "not_found", status=404),
            failing(Permanent, "unreadable_event"),
            # The plan may allow sending and not this call; the account must not wait for an upgrade.
            failing(CredentialsRejected, "plan_too_small", status=403),
            failing(CredentialsRejected, "not_permitted", status=403),
        ],
        ids=lambda e: e.reason,
    )
    def test_the_reply_goes_out_plain_at_once(self, house: House, error: ConnectorError) -> None:
        asked = question(house)
        house.twitter.show_failures.append(error)
        reply(house, asked)
        house.serve()
        assert house.twitter.texts() == ["On its way."]
        assert len(house.twitter.asked_for) == 1
        assert house.lanes.pauses(ACME) == {}
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_refused_credentials_wait_as_for_a_send_and_the_quote_is_had_after_that(self, house: House) -> None:
        asked = question(house)
        until = house.clock() + timedelta(minutes=10)
        house.twitter.show_failures.append(failing(CredentialsRejected, "token_revoked", status=401, until=until))
        reply(house, asked)
        assert house.twitter.sent == []
        assert house.lanes.pauses(ACME)[OUT]["reason"] == "token_revoked"
        house.lanes.resume(OUT, ACME)
        house.serve()
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]


class TestOnceDecided:
    def test_it_is_written_down_before_the_first_send(self, house: House) -> None:
        asked = question(house)
        seen: list[dict[tuple[str, str], str]] = []
        house.twitter.before_send = lambda: seen.append(dict(kept(house)))
        reply(house, asked)
        assert seen == [{(ACME, "m-1"): "“Where is my order?”"}]

    def test_it_is_the_same_at_every_try(self, house: House) -> None:
        asked = question(house)
        house.twitter.fail_next(failing(ServiceUnavailable), failing(RateLimited, until=house.clock()))
        reply(house, asked)
        house.twitter.written.clear()
        house.later(2)
        house.later(2)
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]
        assert len(house.twitter.asked_for) == 1

    def test_none_stays_none_though_twitter_answers_by_now(self, house: House) -> None:
        asked = question(house)
        house.twitter.show_failures.append(failing(ServiceUnavailable))
        house.twitter.fail_next(failing(ServiceUnavailable))
        reply(house, asked)
        house.later(2)
        assert house.twitter.texts() == ["On its way."]
        assert len(house.twitter.asked_for) == 1

    def test_a_send_whose_answer_is_lost_is_found_by_the_text_with_its_quote(self, house: House) -> None:
        asked = question(house, "Is it example.com")
        house.twitter.swallow_next(unknown())
        reply(house, asked)
        house.twitter.show_failures += [failing(ServiceUnavailable)] * 9
        house.later(FIRST)
        assert house.twitter.texts() == ["“Is it example.com”\nOn its way."]
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_never_arrived_goes_out_with_the_same_quote(self, house: House) -> None:
        asked = question(house)
        house.twitter.fail_next(unknown())
        reply(house, asked)
        house.twitter.written.clear()
        house.later(FIRST)
        house.later(SECOND)
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_a_worker_that_dies_with_the_send_leaves_the_quote_to_the_next(self, house: House) -> None:
        asked = question(house)
        house.send("m-1", "On its way.", intent="REPLY_TO", originalMessageId=asked)
        died(house)
        house.twitter.written.clear()
        house.later(keys.LEASE_MS / 1000, OUT)
        house.later(FIRST + SECOND, OUT)
        assert house.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_a_reply_that_began_without_a_quote_ends_without_one(self, house: House) -> None:
        """As one that was on its way while the connector was updated."""
        asked = question(house)
        house.send("m-1", "a" * 10_000 + "b", intent="REPLY_TO", originalMessageId=asked)
        held = house.lanes.claim(OUT)
        assert held is not None
        house.ledger.write(held, "m-1", 0, Step(started_ms=house.clock.ms))
        house.ledger.done(ACME, ADA, "m-1", 0, "1750000000000000009")
        house.lanes.postpone(held, 0, spend=False)
        house.serve(OUT)
        assert house.twitter.texts() == ["b"]
        assert house.twitter.asked_for == []

    def test_who_lost_the_lane_while_looking_sends_nothing(self, house: House, monkeypatch: Any) -> None:
        asked = question(house)
        real = FakeTwitter.shown

        def slow(twitter: FakeTwitter, event_id: str) -> Any:
            house.clock.advance(keys.LEASE_MS / 1000)
            assert house.lanes.claim(OUT) is not None
            return real(twitter, event_id)

        monkeypatch.setattr(FakeTwitter, "shown", slow)
        reply(house, asked)
        assert house.twitter.sent == []
        assert kept(house) == {}


class TestWhenItIsOver:
    def test_the_words_are_forgotten_with_the_delivery(self, house: House) -> None:
        reply(house, question(house))
        assert len(house.twitter.sent) == 1
        assert kept(house) == {}

    def test_a_worker_that_dies_before_settling_sends_nothing_twice(self, house: House, monkeypatch: Any) -> None:
        asked = question(house)
        settle = house.lanes.settle
        monkeypatch.setattr(house.lanes, "settle", lambda *a, **k: (None, set()))
        reply(house, asked)
        monkeypatch.setattr(house.lanes, "settle", settle)
        house.twitter.show_failures += [failing(ServiceUnavailable)] * 9
        house.later(keys.LEASE_MS / 1000)
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "DELIVERED", "200")]
        assert kept(house) == {}

    def test_they_are_forgotten_with_a_message_given_up(self, house: House) -> None:
        asked = question(house)
        house.twitter.fail_next(failing(RecipientRefused))
        reply(house, asked)
        assert kept(house) == {}
        assert len(house.buried()) == 1

    def test_a_reply_given_up_half_way_is_replayed_below_the_same_quote(self, house: House) -> None:
        """Otherwise its parts would be cut elsewhere, and words between them would be lost."""
        asked = question(house)
        text = "".join(f"{n} " for n in range(4000))
        house.send("m-1", text, intent="REPLY_TO", originalMessageId=asked)
        house.twitter.before_send = lambda: (
            house.twitter.fail_next(failing(Permanent)) if len(house.twitter.sent) == 1 else None
        )
        house.serve(OUT)
        house.twitter.before_send = lambda: None
        assert kept(house) == {}
        house.twitter.written.clear()
        replay(house.buried(), house.lanes, house.rung.append)
        house.serve(OUT)
        assert "".join(house.twitter.texts()) == f"“Where is my order?”\n{text}"
        assert len(house.twitter.sent) == 2
        assert kept(house) == {}
        assert len(house.twitter.asked_for) == 1

    def test_the_words_reach_no_log(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        asked = question(house, "planted words")
        house.twitter.fail_next(unknown(), failing(ServiceUnavailable), failing(RecipientRefused))
        reply(house, asked)
        house.later(FIRST)
        house.later(SECOND)
        house.later(5)
        assert len(house.buried()) == 1
        assert "planted" not in "".join(f"{r.getMessage()} {vars(r)}" for r in caplog.records)
        assert "planted" not in repr(house.buried())
