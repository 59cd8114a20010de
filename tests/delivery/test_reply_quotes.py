"""The quote above an agent's reply: looked up once, the same at every try, gone with the message, never in the way."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, failing
from tests.fakes import FakeTwitter
from twitter_connector.broker import keys
from twitter_connector.delivery.ports import ANSWERED_WITHIN
from twitter_connector.delivery.reply_quote import LOOK_AGAIN
from twitter_connector.delivery.sent_lookup import LOOKS_AFTER
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    RecipientRefused,
    Retryable,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.model.event import DmReceived
from twitter_connector.queue.replay import replay
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.queue.timings import QueueTimings

TIMINGS = QueueTimings()

FIRST, SECOND = (w / timedelta(seconds=1) for w in LOOKS_AFTER)
ASKED = "1206724334791753732"


def question(
    fakes: FakeDeliveries, text: str = "Where is my order?", *, customer: str = ADA, event_id: str = ASKED
) -> str:
    """Let a customer write; return the id under which CIM knows it."""
    fakes.customer_writes(event_id, text, customer=customer)
    fakes.serve(IN)
    fakes.twitter.written[event_id] = DmReceived(ACME, customer, event_id, fakes.clock(), text)
    return str(fakes.cim.received[-1]["id"])


def reply(fakes: FakeDeliveries, to: str, text: str = "On its way.", *, message_id: str = "m-1", **more: Any) -> None:
    fakes.send(message_id, text, **{"intent": "REPLY_TO", "originalMessageId": to, **more})
    fakes.serve(OUT)


def unknown() -> OutcomeUnknown:
    return OutcomeUnknown("outcome_unknown", "Twitter did not answer.")


def died(fakes: FakeDeliveries) -> None:
    """Let the next send take its worker down."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    fakes.twitter.before_send = die
    with pytest.raises(Killed):
        fakes.serve(OUT)
    fakes.twitter.before_send = lambda: None


def kept(fakes: FakeDeliveries) -> dict[tuple[str, str], str]:
    client = fakes.lanes.client
    rows = [(key.split(":")[-2:], client.hget(key, keys.LEDGER_QUOTE)) for key in client.scan_iter("*:ledger:*")]
    return {(account_id, message_id): quote for (account_id, message_id), quote in rows if quote is not None}


class TestWhatIsQuoted:
    def test_a_customers_message(self, fakes: FakeDeliveries) -> None:
        reply(fakes, question(fakes))
        fakes.serve()
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]
        assert fakes.twitter.asked_for == [ASKED]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_message_that_a_bot_answers_before_ccm_does(self, fakes: FakeDeliveries) -> None:
        def answer() -> None:
            fakes.cim.before_answer = lambda: None
            fakes.twitter.written[ASKED] = DmReceived(ACME, ADA, ASKED, fakes.clock(), "Where is my order?")
            reply(fakes, str(fakes.cim.received[-1]["id"]))

        fakes.cim.before_answer = answer
        fakes.customer_writes(ASKED, "Where is my order?")
        fakes.serve(IN)
        assert fakes.twitter.texts() == []
        fakes.later(LOOK_AGAIN / timedelta(seconds=1))
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_an_unknown_message_holds_no_reply_up_for_long(self, fakes: FakeDeliveries) -> None:
        reply(fakes, "unknown", "At once.")
        assert fakes.twitter.texts() == ["At once."]
        fakes.cim.fail_next(*[failing(ServiceUnavailable)] * 100)
        fakes.customer_writes("17", "While CCM is away.")
        fakes.serve(IN)
        reply(fakes, "unknown", "A little later.", message_id="m-2")
        for _ in range(int(ANSWERED_WITHIN / LOOK_AGAIN)):
            assert fakes.twitter.texts() == ["At once."]
            fakes.later(LOOK_AGAIN / timedelta(seconds=1))
        assert fakes.twitter.texts() == ["At once.", "A little later."]

    def test_an_agents_earlier_message_by_the_beginning_of_its_first_part(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-0", "We ship <today> & " + "tomorrow " * 1200)
        fakes.serve()
        reply(fakes, "m-0", "As I said.")
        assert len(fakes.twitter.sent) == 3
        assert fakes.twitter.texts()[-1].startswith("“We ship <today> & tomorrow tomorrow")
        assert fakes.twitter.texts()[-1].endswith("…”\nAs I said.")

    def test_a_message_under_its_older_name(self, fakes: FakeDeliveries) -> None:
        reply(fakes, "", replyToMessageId=question(fakes))
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_never_one_customers_words_for_another(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes, "My number is 4711", customer=GRACE)
        reply(fakes, asked)
        assert fakes.twitter.texts() == ["On its way."]

    def test_nothing_of_a_message_nobody_knows(self, fakes: FakeDeliveries) -> None:
        reply(fakes, "unknown")
        assert fakes.twitter.texts() == ["On its way."]
        assert fakes.twitter.asked_for == []

    def test_nothing_of_a_message_without_words(self, fakes: FakeDeliveries) -> None:
        reply(fakes, question(fakes, " "))
        assert fakes.twitter.texts() == ["On its way."]

    @pytest.mark.parametrize("intent", ["UPDATE", "NONE", None])
    def test_other_intents_look_nothing_up(self, fakes: FakeDeliveries, intent: str | None) -> None:
        reply(fakes, question(fakes), intent=intent)
        assert fakes.twitter.asked_for == []
        assert fakes.twitter.texts() == ["(edited) On its way." if intent == "UPDATE" else "On its way."]
        assert kept(fakes) == {}


class TestWhereItCannotBeHad:
    def test_an_account_at_its_hard_limit_replies_without_a_look_up(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.may_look_up = lambda account: False
        reply(fakes, question(fakes))
        assert fakes.twitter.texts() == ["On its way."]
        assert fakes.twitter.asked_for == []

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
    def test_the_reply_goes_out_plain_at_once(self, fakes: FakeDeliveries, error: ConnectorError) -> None:
        asked = question(fakes)
        fakes.twitter.show_failures.append(error)
        reply(fakes, asked)
        fakes.serve()
        assert fakes.twitter.texts() == ["On its way."]
        assert len(fakes.twitter.asked_for) == 1
        assert fakes.lanes.pauses(ACME) == {}
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_refused_credentials_wait_as_for_a_send_and_the_quote_is_had_after_that(
        self, fakes: FakeDeliveries
    ) -> None:
        asked = question(fakes)
        until = fakes.clock() + timedelta(minutes=10)
        fakes.twitter.show_failures.append(failing(CredentialsRejected, "token_revoked", status=401, until=until))
        reply(fakes, asked)
        assert fakes.twitter.sent == []
        assert fakes.lanes.pauses(ACME)[OUT]["reason"] == "token_revoked"
        fakes.lanes.resume(OUT, ACME)
        fakes.serve()
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_a_broker_that_is_away_while_x_is_asked_decides_nothing(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        # X refused a token, and the store did not answer when another one was to be read.
        fakes.twitter.show_failures.append(StoreUnavailable("broker_unavailable", "The broker is away."))
        with pytest.raises(StoreUnavailable):
            reply(fakes, asked)
        assert kept(fakes) == {}
        fakes.later(TIMINGS.lease / 1000 + 1)
        fakes.serve()
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]


class TestOnceDecided:
    def test_it_is_written_down_before_the_first_send(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        seen: list[dict[tuple[str, str], str]] = []
        fakes.twitter.before_send = lambda: seen.append(dict(kept(fakes)))
        reply(fakes, asked)
        assert seen == [{(ACME, "m-1"): "“Where is my order?”"}]

    def test_it_is_the_same_at_every_try(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        fakes.twitter.fail_next(failing(ServiceUnavailable), failing(RateLimited, until=fakes.clock()))
        reply(fakes, asked)
        fakes.twitter.written.clear()
        fakes.later(2)
        fakes.later(2)
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]
        assert len(fakes.twitter.asked_for) == 1

    def test_none_stays_none_though_twitter_answers_by_now(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        fakes.twitter.show_failures.append(failing(ServiceUnavailable))
        fakes.twitter.fail_next(failing(ServiceUnavailable))
        reply(fakes, asked)
        fakes.later(2)
        assert fakes.twitter.texts() == ["On its way."]
        assert len(fakes.twitter.asked_for) == 1

    def test_a_send_whose_answer_is_lost_is_found_by_the_text_with_its_quote(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes, "Is it example.com")
        fakes.twitter.swallow_next(unknown())
        reply(fakes, asked)
        fakes.twitter.show_failures += [failing(ServiceUnavailable)] * 9
        fakes.later(FIRST)
        assert fakes.twitter.texts() == ["“Is it example.com”\nOn its way."]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_never_arrived_goes_out_with_the_same_quote(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        fakes.twitter.fail_next(unknown())
        reply(fakes, asked)
        fakes.twitter.written.clear()
        fakes.later(FIRST)
        fakes.later(SECOND)
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_a_worker_that_dies_with_the_send_leaves_the_quote_to_the_next(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        fakes.send("m-1", "On its way.", intent="REPLY_TO", originalMessageId=asked)
        died(fakes)
        fakes.twitter.written.clear()
        fakes.later(TIMINGS.lease / 1000, OUT)
        fakes.later(FIRST + SECOND, OUT)
        assert fakes.twitter.texts() == ["“Where is my order?”\nOn its way."]

    def test_a_reply_that_began_without_a_quote_ends_without_one(self, fakes: FakeDeliveries) -> None:
        """As one that was on its way while the connector was updated."""
        asked = question(fakes)
        fakes.send("m-1", "a" * 10_000 + "b", intent="REPLY_TO", originalMessageId=asked)
        lease = fakes.lanes.claim(OUT)
        assert lease is not None
        fakes.ledger.write(lease, "m-1", 0, SendRecord(started_ms=fakes.clock.ms))
        fakes.ledger.done(ACME, ADA, "m-1", 0, "1750000000000000009")
        fakes.lanes.postpone(lease, 0, spend=False)
        fakes.serve(OUT)
        assert fakes.twitter.texts() == ["b"]
        assert fakes.twitter.asked_for == []

    def test_who_lost_the_lane_while_looking_sends_nothing(self, fakes: FakeDeliveries, monkeypatch: Any) -> None:
        asked = question(fakes)
        real = FakeTwitter.shown

        def slow(twitter: FakeTwitter, event_id: str) -> Any:
            fakes.clock.advance(TIMINGS.lease / 1000)
            assert fakes.lanes.claim(OUT) is not None
            return real(twitter, event_id)

        monkeypatch.setattr(FakeTwitter, "shown", slow)
        reply(fakes, asked)
        assert fakes.twitter.sent == []
        assert kept(fakes) == {}


class TestWhenItIsOver:
    def test_the_words_are_forgotten_with_the_delivery(self, fakes: FakeDeliveries) -> None:
        reply(fakes, question(fakes))
        assert len(fakes.twitter.sent) == 1
        assert kept(fakes) == {}

    def test_a_worker_that_dies_before_settling_sends_nothing_twice(
        self, fakes: FakeDeliveries, monkeypatch: Any
    ) -> None:
        asked = question(fakes)
        settle = fakes.lanes.settle
        monkeypatch.setattr(fakes.lanes, "settle", lambda *a, **k: None)
        reply(fakes, asked)
        monkeypatch.setattr(fakes.lanes, "settle", settle)
        fakes.twitter.show_failures += [failing(ServiceUnavailable)] * 9
        fakes.later(TIMINGS.lease / 1000)
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]
        assert kept(fakes) == {}

    def test_they_are_forgotten_with_a_message_given_up(self, fakes: FakeDeliveries) -> None:
        asked = question(fakes)
        fakes.twitter.fail_next(failing(RecipientRefused))
        reply(fakes, asked)
        assert kept(fakes) == {}
        assert len(fakes.dead_lettered()) == 1

    def test_a_reply_given_up_half_way_is_replayed_below_the_same_quote(self, fakes: FakeDeliveries) -> None:
        """Otherwise its parts would be cut elsewhere, and words between them would be lost."""
        asked = question(fakes)
        text = "".join(f"{n} " for n in range(4000))
        fakes.send("m-1", text, intent="REPLY_TO", originalMessageId=asked)
        fakes.twitter.before_send = lambda: (
            fakes.twitter.fail_next(failing(Permanent)) if len(fakes.twitter.sent) == 1 else None
        )
        fakes.serve(OUT)
        fakes.twitter.before_send = lambda: None
        assert kept(fakes) == {}
        fakes.twitter.written.clear()
        replay(fakes.dead_lettered(), fakes.lanes)
        fakes.serve(OUT)
        assert "".join(fakes.twitter.texts()) == f"“Where is my order?”\n{text}"
        assert len(fakes.twitter.sent) == 2
        assert kept(fakes) == {}
        assert len(fakes.twitter.asked_for) == 1

    def test_the_words_reach_no_log(self, fakes: FakeDeliveries, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        asked = question(fakes, "planted words")
        fakes.twitter.fail_next(unknown(), failing(ServiceUnavailable), failing(RecipientRefused))
        reply(fakes, asked)
        fakes.later(FIRST)
        fakes.later(SECOND)
        fakes.later(5)
        assert len(fakes.dead_lettered()) == 1
        assert "planted" not in "".join(f"{r.getMessage()} {vars(r)}" for r in caplog.records)
        assert "planted" not in repr(fakes.dead_lettered())
