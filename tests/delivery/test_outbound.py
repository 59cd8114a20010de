"""CIM to Twitter: each step once, whatever breaks in between, and what CCM hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, FakeDeliveries, failing
from tests.fakes import FakeTwitter
from twitter_connector.delivery.sent_lookup import LOOKS_AFTER
from twitter_connector.errors import (
    CredentialsRejected,
    MediaProcessing,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RateLimited,
    RecipientRefused,
    RefusedOrDelivered,
    Retryable,
    ServiceUnavailable,
)
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.plan import SendDm
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.model.work import TYPING_INDICATOR
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.twitter.v1.messages import message_data

TIMINGS = QueueTimings()

FIRST, SECOND = (w / timedelta(seconds=1) for w in LOOKS_AFTER)


def unknown(refusal: bool = False) -> OutcomeUnknown:
    if refusal:
        return RefusedOrDelivered("send_refused", "Twitter reports an error (151).")
    return OutcomeUnknown("outcome_unknown", "Twitter did not answer.")


def settle_uncertainty(fakes: FakeDeliveries) -> None:
    """Let the time of both looks pass."""
    fakes.later(FIRST)
    fakes.later(SECOND)


class TestDelivery:
    def test_a_message_goes_out_and_ccm_hears_delivered(self, fakes: FakeDeliveries) -> None:
        assert fakes.send("m-1", "Your order leaves *today*.")
        fakes.serve()
        (sent,) = fakes.twitter.sent
        assert (sent.recipient_id, sent.step.text) == (ADA, "Your order leaves today.")
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]
        assert fakes.twitters[OTHER].sent == []
        assert fakes.lanes.left_behind() == []

    def test_a_repeated_id_sends_nothing_twice(self, fakes: FakeDeliveries) -> None:
        assert fakes.send("m-1")
        assert not fakes.send("m-1", "another text")
        fakes.serve()
        assert not fakes.send("m-1")
        fakes.serve()
        assert fakes.twitter.texts() == ["Hello"]
        assert len(fakes.reports()) == 1

    def test_messages_go_out_in_the_order_in_which_they_were_accepted(self, fakes: FakeDeliveries) -> None:
        for n in (3, 1, 2):
            fakes.send(f"m-{n}", f"text {n}")
        fakes.serve()
        assert fakes.twitter.texts() == ["text 3", "text 1", "text 2"]

    def test_a_long_text_is_an_ordered_series_with_one_report(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "word " * 4001)
        fakes.serve()
        assert [len(t) for t in fakes.twitter.texts()] == [10_000, 10_000, 5]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_each_account_writes_with_its_own_credentials(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", account_id=OTHER)
        fakes.serve()
        assert fakes.twitters[OTHER].texts() == ["Hello"]
        assert fakes.twitter.sent == []

    def test_a_report_is_about_its_message_and_always_the_same_one(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", schedulingMetaData={"campaign": 7})
        fakes.serve()
        (report,) = fakes.cim.received
        other = FakeDeliveries()
        other.clock.advance(77)
        other.send("m-1")
        other.serve()
        assert report["id"] == other.cim.received[0]["id"]
        assert report["header"]["channelData"]["channelCustomerIdentifier"] == ADA
        assert report["header"]["channelData"]["serviceIdentifier"] == ACME
        assert report["header"]["schedulingMetaData"] == {"campaign": 7}


class TestFailures:
    def test_a_refused_recipient_is_reported_and_the_conversation_goes_on(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(RecipientRefused("recipient_closed", "The customer accepts no messages.", code=349))
        fakes.send("m-1", "first")
        fakes.send("m-2", "second")
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "400"), ("m-2", "DELIVERED", "200")]
        assert fakes.cim.received[0]["body"]["markdownText"] == "The customer accepts no messages."
        (letter,) = fakes.dead_lettered()
        assert (letter.message_id, letter.reason, letter.customer_id) == ("m-1", "recipient_closed", ADA)
        assert fakes.twitter.texts() == ["second"]

    def test_an_account_nobody_registered_is_reported_as_404(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", account_id="999")
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "404")]
        assert "999" in fakes.cim.received[0]["body"]["markdownText"]

    def test_a_type_that_cannot_be_carried_is_reported(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", body={"type": "HOLOGRAM"})
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "400")]
        assert fakes.twitter.sent == []

    def test_what_the_accounts_api_lacks_becomes_words_or_is_passed_over(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.can = lambda account: Capabilities(quick_replies=False, read_marks=False)
        buttons = [{"title": "Yes", "payload": "y"}, {"title": "No", "payload": "n"}]
        fakes.send("m-1", "Shall we?", body={"type": "BUTTON", "buttons": buttons})
        read = {"type": "DELIVERYNOTIFICATION", "status": "READ", "messageId": "x"}
        fakes.send("m-2", body=read)
        fakes.serve()
        assert fakes.twitter.texts() == ["Shall we?\n\n1. Yes\n2. No"]
        assert fakes.skipped == ["read_marks_not_possible"]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    @pytest.mark.parametrize("type_", ["WRAPUP", "ACTION", "VOICE", "StructuredMessage"])
    def test_what_is_not_for_the_customer_is_passed_over_in_silence(self, fakes: FakeDeliveries, type_: str) -> None:
        fakes.send("m-1", body={"type": type_})
        fakes.serve()
        assert fakes.twitter.sent == []
        assert fakes.cim.received == []
        assert len(fakes.skipped) == 1
        assert fakes.dead_lettered() == []

    def test_a_whisper_never_reaches_the_customer(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "he is angry", body={"isWhisper": True})
        fakes.serve()
        assert fakes.twitter.sent == []

    def test_trouble_before_anything_left_is_simply_tried_again(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(*[failing(ServiceUnavailable, "twitter_unreachable")] * 3)
        fakes.send("m-1")
        fakes.serve()
        for _ in range(3):
            fakes.later(5)
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.twitter.looks == 0, "what certainly did not leave needs no looking for"
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_limit_loses_nothing_and_keeps_the_order(self, fakes: FakeDeliveries) -> None:
        until = fakes.clock() + timedelta(seconds=2)
        fakes.twitter.fail_next(failing(RateLimited, until=until))
        fakes.send("m-1", "first")
        fakes.send("m-2", "second")
        fakes.send("m-3", "elsewhere", account_id=OTHER)
        fakes.serve()
        assert fakes.twitter.sent == []
        assert fakes.twitters[OTHER].texts() == ["elsewhere"]
        fakes.later(2.1)
        assert fakes.twitter.texts() == ["first", "second"]
        assert fakes.twitter.looks == 0

    def test_refused_credentials_wait_and_then_everything_goes_out(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(failing(CredentialsRejected, until=fakes.clock() + timedelta(minutes=10)))
        fakes.send("m-1")
        fakes.serve()
        assert fakes.reports() == []
        fakes.lanes.resume(OUT, ACME)
        fakes.serve()
        assert fakes.twitter.texts() == ["Hello"]

    def test_a_failed_message_of_several_parts_stops_where_it_failed(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "word " * 4001)
        fakes.twitter.before_send = lambda: (
            fakes.twitter.fail_next(failing(Permanent, "text_too_long")) if len(fakes.twitter.sent) == 1 else None
        )
        fakes.serve()
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "FAILED", "400")]


class TestLedger:
    def test_a_worker_that_dies_between_two_parts_resumes_at_the_second(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "a" * 10_000 + "b" * 10_000 + "c")

        class Killed(BaseException):
            pass

        def die() -> None:
            if len(fakes.twitter.sent) == 1:
                raise Killed

        fakes.twitter.before_send = die
        with pytest.raises(Killed):
            fakes.serve(OUT)
        fakes.twitter.before_send = lambda: None
        fakes.later(TIMINGS.lease / 1000, OUT)
        # The second part was begun when the worker died, so it is looked for before it is sent.
        assert fakes.twitter.looks == 1
        assert [t[0] for t in fakes.twitter.texts()] == ["a"]
        fakes.later(FIRST + SECOND, OUT)
        assert [t[0] for t in fakes.twitter.texts()] == ["a", "b", "c"]

    def test_a_worker_that_dies_after_the_send_sends_nothing_twice(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.lanes.lose_next_settle = True
        from twitter_connector.errors import StoreUnavailable

        with pytest.raises(StoreUnavailable):
            fakes.serve(OUT)
        assert fakes.twitter.texts() == ["Hello"]
        fakes.later(TIMINGS.lease / 1000)
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_was_settled_is_remembered_for_read_receipts(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.serve()
        assert fakes.ledger.own(ACME, ADA) == {fakes.twitter.sent[0].id: "m-1"}

    def test_who_lost_the_lane_sends_nothing(self, fakes: FakeDeliveries) -> None:
        """A worker that slept through its lease must not write what another one is already sending."""
        fakes.send("m-1")
        real = fakes.outbound.account

        def slow(account_id: str) -> Any:
            if not stolen:
                fakes.clock.advance(TIMINGS.lease / 1000)
                stolen.append(fakes.lanes.claim(OUT))
            return real(account_id)

        stolen: list[Any] = []
        fakes.outbound.account = slow
        fakes.serve(OUT)
        assert fakes.twitter.sent == []
        assert fakes.reports() == []


class TestOpenOutcomes:
    """The answer never came: look before sending again."""

    def test_what_arrived_is_found_by_its_echo_and_not_sent_again(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1", "Fish & chips <3 https://example.com/a?b=1")
        fakes.serve()
        assert fakes.reports() == []
        shown = "Fish &amp; chips &lt;3 https://t.co/abc"
        fakes.echo(fakes.twitter.sent[0].id, shown)
        fakes.twitter.hidden = True
        fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 1
        assert fakes.twitter.looks == 0
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_arrived_is_found_in_the_list_where_no_echo_came(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1", "a &amp; b")
        fakes.serve()
        fakes.later(FIRST - 0.1)
        assert fakes.twitter.looks == 0, "Twitter needs a moment to show it"
        fakes.later(0.2)
        assert fakes.twitter.looks == 1
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_is_shown_late_is_found_at_the_second_look(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.twitter.hidden = True
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        fakes.twitter.hidden = False
        fakes.later(SECOND)
        assert fakes.twitter.looks == 2
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_never_arrived_is_sent_again_after_two_looks(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "first")
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.later(FIRST)
        assert fakes.twitter.sent == []
        fakes.later(SECOND)
        assert fakes.twitter.texts() == ["first", "second"]
        assert fakes.twitter.looks == 2
        assert fakes.reports() == [("m-1", "DELIVERED", "200"), ("m-2", "DELIVERED", "200")]

    def test_the_conversation_waits_and_the_others_do_not(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "first")
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.send("m-3", "third", customer=GRACE)
        fakes.serve()
        assert fakes.twitter.texts() == ["third"]

    def test_an_equal_message_sent_before_is_not_taken_for_it(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "ok")
        fakes.serve()
        fakes.twitter.fail_next(unknown())
        fakes.send("m-2", "ok")
        fakes.serve()
        settle_uncertainty(fakes)
        assert fakes.twitter.texts() == ["ok", "ok"]
        assert fakes.reports() == [("m-1", "DELIVERED", "200"), ("m-2", "DELIVERED", "200")]

    def test_an_equal_message_to_somebody_else_is_not_taken_for_it(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "ok")
        fakes.send("m-2", "ok", customer=GRACE)
        fakes.serve()
        settle_uncertainty(fakes)
        assert sorted(s.recipient_id for s in fakes.twitter.sent) == sorted([ADA, GRACE])

    def test_an_equal_message_of_yesterday_is_not_taken_for_it(self, fakes: FakeDeliveries) -> None:
        stranger = FakeTwitter(fakes.clock, ACME)
        stranger.send_dm(ADA, __import__("twitter_connector.model.plan", fromlist=["SendDm"]).SendDm("ok"))
        fakes.twitter.sent += stranger.sent
        fakes.clock.advance(60)
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "ok")
        fakes.serve()
        settle_uncertainty(fakes)
        assert len(fakes.twitter.sent) == 2

    def test_two_equal_messages_both_open_are_found_each_for_itself(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1", "ok")
        fakes.send("m-2", "ok")
        fakes.serve()
        fakes.twitter.swallow_next(unknown())
        fakes.later(FIRST)
        fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 2
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED", "DELIVERED"]
        assert sorted(fakes.ledger.own(ACME, ADA).values()) == ["m-1", "m-2"]

    def test_a_refusal_that_comes_with_delivered_messages_is_looked_into(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown(refusal=True))
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_refusal_without_a_trace_is_believed_and_not_sent_again(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown(refusal=True))
        fakes.send("m-1")
        fakes.serve()
        settle_uncertainty(fakes)
        assert fakes.twitter.sent == []
        assert [(m, s) for m, s, _ in fakes.reports()] == [("m-1", "FAILED")]
        assert fakes.dead_lettered()[0].reason == "send_refused"

    def test_where_looking_is_limited_the_account_goes_on(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "first")
        fakes.serve()
        fakes.twitter.look_failures.append(failing(RateLimited, until=fakes.clock() + timedelta(seconds=60)))
        fakes.later(FIRST)
        assert fakes.lanes.pauses(ACME) == {}
        fakes.send("m-2", "second", customer=GRACE)
        fakes.serve()
        assert fakes.twitter.texts() == ["second"]
        fakes.later(60)
        fakes.later(SECOND)
        assert fakes.twitter.texts() == ["second", "first"]

    def test_where_looking_is_forbidden_nothing_is_sent_again_and_a_person_is_told(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1")
        fakes.serve()
        fakes.twitter.look_failures.append(failing(Permanent, "not_permitted", status=403))
        fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "FAILED", "500")]
        assert "check the conversation" in fakes.cim.received[0]["body"]["markdownText"]

    def test_where_looking_fails_it_is_tried_again(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1")
        fakes.serve()
        fakes.twitter.look_failures += [failing(ServiceUnavailable)] * 2
        for _ in range(4):
            fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_one_list_answers_all_conversations_that_have_to_look(self, fakes: FakeDeliveries) -> None:
        customers = [str(10_000 + n) for n in range(60)]
        fakes.twitter.fail_next(*(unknown() for _ in customers))
        for n, customer in enumerate(customers):
            fakes.send(f"m-{n}", customer=customer)
        fakes.serve()
        assert fakes.twitter.sent == []
        for _ in range(30):
            fakes.later(1)
        assert {sent.recipient_id for sent in fakes.twitter.sent} == set(customers)
        assert len(fakes.twitter.sent) == len(customers)
        assert fakes.twitter.looks <= 6, "Twitter allows 15 in 15 minutes"

    def test_a_long_outage_stays_within_twitters_limit_on_sent_lookups(self, fakes: FakeDeliveries) -> None:
        customers = [str(10_000 + n) for n in range(20)]
        for n, customer in enumerate(customers):
            fakes.send(f"m-{n}", customer=customer)
        fakes.twitter.before_send = lambda: fakes.twitter.fail_next(unknown())
        for _ in range(300):
            fakes.later(3)
        assert fakes.twitter.looks <= 15, "Twitter allows 15 in 15 minutes"
        fakes.twitter.before_send = lambda: None
        for _ in range(150):
            fakes.later(3)
        assert {sent.recipient_id for sent in fakes.twitter.sent} == set(customers)
        assert len(fakes.twitter.sent) == len(customers)

    def test_a_list_made_before_the_clock_was_put_back_proves_nothing(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        fakes.clock.advance(-3600)
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-2", "another", customer=GRACE)
        fakes.serve()
        for _ in range(10):
            fakes.later(FIRST)
        assert fakes.twitter.texts() == ["Hello", "another"]

    @pytest.mark.parametrize("seconds", [3600, -3600])
    def test_a_send_is_found_whatever_x_s_clock_says(self, fakes: FakeDeliveries, seconds: int) -> None:
        """A message in X's list has a moment of X's clock. The list also has an older one of the same text."""
        ahead = timedelta(seconds=seconds)
        fakes.outbound.service_ahead = lambda: ahead
        fakes.twitter.sent_ahead = ahead
        fakes.twitter.send_dm(ADA, SendDm("Hello"))
        fakes.clock.advance(600)
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1")
        fakes.serve()
        for _ in range(10):
            fakes.later(FIRST)
        assert fakes.twitter.texts() == ["Hello", "Hello"]
        (done,) = fakes.ledger.steps(ACME, "m-1").values()
        assert done.dm_id == fakes.twitter.sent[-1].id

    def test_only_the_open_part_of_a_series_is_looked_for(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "a" * 10_000 + "b" * 5)
        fakes.twitter.before_send = lambda: (
            fakes.twitter.swallow_next(unknown()) if len(fakes.twitter.sent) == 1 else None
        )
        fakes.serve()
        fakes.twitter.before_send = lambda: None
        fakes.later(FIRST)
        assert [t[0] for t in fakes.twitter.texts()] == ["a", "b"]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]


class TestFiles:
    IMAGE: ClassVar[dict[str, Any]] = {
        "type": "IMAGE",
        "markdownText": "",
        "caption": "",
        "attachment": {"mediaUrl": "https://cx.example.com/file-engine/api/downloadFileStream?filename=83120_map.png"},
    }

    def test_a_picture_is_uploaded_and_then_sent(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", body=self.IMAGE)
        fakes.serve()
        (sent,) = fakes.twitter.sent
        assert message_data(sent.step)["attachment"] == {"type": "media", "media": {"id": "710511363345354753"}}
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_while_twitter_works_on_it_the_lane_waits_and_no_thread_does(self, fakes: FakeDeliveries) -> None:
        fakes.media_transfer.failures.append(
            MediaProcessing("media_processing", until=fakes.clock() + timedelta(seconds=5))
        )
        fakes.send("m-1", body=self.IMAGE)
        fakes.send("m-2", "after it")
        fakes.send("m-3", "elsewhere", customer=GRACE)
        fakes.serve()
        assert fakes.twitter.texts() == ["elsewhere"]
        fakes.later(5)
        assert [s.step.text for s in fakes.twitter.sent][1:] == ["", "after it"]
        assert len(fakes.media_transfer.taken_out) == 1

    def test_a_file_that_cannot_be_sent_is_reported_with_its_reason(self, fakes: FakeDeliveries) -> None:
        fakes.media_transfer.failures.append(Permanent("media_refused", "The file is no picture Twitter carries."))
        fakes.send("m-1", body=self.IMAGE)
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "400")]
        assert "no picture" in fakes.cim.received[0]["body"]["markdownText"]

    def test_an_upload_is_not_repeated_after_a_limited_send(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(failing(RateLimited, until=fakes.clock() + timedelta(seconds=2)))
        fakes.send("m-1", body=self.IMAGE)
        fakes.serve()
        step = fakes.ledger.steps(ACME, "m-1")[0]
        assert step.upload.media_id == "710511363345354753"
        assert step.started_ms == 0, "certainly not sent, so nothing is to be looked for"
        fakes.later(3)
        assert fakes.twitter.looks == 0
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]


class TestListThatIsTooShort:
    """A busy account has so many messages that X's list does not reach back to an uncertain send."""

    def uncertain(self, fakes: FakeDeliveries, *, echoes: bool) -> None:
        fakes.outbound.echoes_arrive = lambda _: echoes
        fakes.send("m-0", "before")
        fakes.serve()
        fakes.later(30)
        fakes.twitter.swallow_next(unknown())
        fakes.send("m-1", "in doubt")
        fakes.serve()
        fakes.twitter.reaches = fakes.clock() + timedelta(seconds=1)

    def test_it_proves_no_absence(self, fakes: FakeDeliveries) -> None:
        self.uncertain(fakes, echoes=False)
        settle_uncertainty(fakes)
        assert fakes.twitter.texts() == ["before", "in doubt"]
        assert fakes.reports() == [("m-0", "DELIVERED", "200"), ("m-1", "FAILED", "500")]
        assert [letter.reason for letter in fakes.dead_lettered()] == ["outcome_unknown"]

    def test_the_accounts_own_messages_that_came_back_do(self, fakes: FakeDeliveries) -> None:
        self.uncertain(fakes, echoes=True)
        fakes.later(2)
        later = first_id_at(fakes.clock.ms + 10_000)
        fakes.echo(later, "to somebody else", customer=GRACE)
        settle_uncertainty(fakes)
        assert fakes.twitter.texts() == ["before", "in doubt", "in doubt"], (
            "a later one came back, and this one did not"
        )

    def test_what_was_sent_within_its_reach_is_found(self, fakes: FakeDeliveries) -> None:
        self.uncertain(fakes, echoes=False)
        fakes.twitter.reaches = fakes.twitter.sent[0].at
        settle_uncertainty(fakes)
        assert fakes.twitter.texts() == ["before", "in doubt"]
        assert fakes.reports()[1:] == [("m-1", "DELIVERED", "200")]


class TestGivenUpInDoubt:
    """X took a send and did not say so, and then the reply is given up for another reason."""

    def given_up(self, fakes: FakeDeliveries) -> dict[str, str]:
        bodies = [m["body"] for m in fakes.cim.received if m["body"]["type"] == "DELIVERYNOTIFICATION"]
        assert {body["status"] for body in bodies} == {"FAILED"}
        return {body["messageId"]: body["markdownText"] for body in bodies}

    def test_a_reply_that_waited_too_long_may_have_arrived(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1")
        fakes.send("m-2")
        fakes.serve()
        fakes.later(25 * 3600)
        sentences = self.given_up(fakes)
        assert sentences["m-1"].endswith(" Look at the conversation before you send it again.")
        assert sentences["m-2"] == "The message waited longer than 24 hours, so it was not delivered any more."

    def test_a_reply_of_an_account_that_was_unregistered_may_have_arrived(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1")
        fakes.serve()
        fakes.accounts.rows.clear()
        fakes.later(60)
        assert "X did not confirm" in self.given_up(fakes)["m-1"]


class TestReadMarksAndTyping:
    def test_what_an_agent_has_read_is_marked_at_twitter(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("1206724334791753732", "Hi")
        fakes.serve()
        cim_id = fakes.cim.received[0]["id"]
        fakes.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"})
        fakes.serve()
        assert fakes.twitter.read_marks == [(ADA, "1206724334791753732")]
        assert fakes.reports() == [], "a report is never answered with a report"

    def test_an_agent_who_reads_before_ccm_has_answered_marks_the_message(
        self, fakes: FakeDeliveries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take = fakes.cim.post_message

        def read_at_once(message: Mapping[str, Any], *, seconds: float = 10.0) -> None:
            take(message, seconds=seconds)
            fakes.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": message["id"], "status": "READ"})
            fakes.serve(OUT)

        monkeypatch.setattr(fakes.cim, "post_message", read_at_once)
        fakes.customer_writes("1206724334791753732", "Hi")
        fakes.serve(IN)
        assert fakes.twitter.read_marks == []
        fakes.later(2)
        assert fakes.twitter.read_marks == [(ADA, "1206724334791753732")]

    def test_a_text_that_is_read_while_its_photo_is_fetched_is_marked(self, fakes: FakeDeliveries) -> None:
        payload = fakes.event("17", "look https://t.co/dOLqpmn7zX")
        media = {"type": "photo", "id_str": "1", "media_url_https": "https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg"}
        attachment = {"type": "media", "media": {**media, "url": "https://t.co/dOLqpmn7zX"}}
        payload["direct_message_events"][0]["message_create"]["message_data"]["attachment"] = attachment
        fakes.media_transfer.failures.append(failing(Retryable, until=fakes.clock() + timedelta(seconds=30)))
        fakes.receive(payload)
        fakes.serve()
        read = {"type": "DELIVERYNOTIFICATION", "messageId": fakes.cim.received[0]["id"], "status": "READ"}
        fakes.send("d-1", body=read)
        for _ in range(6):
            fakes.later(10)
        assert fakes.twitter.read_marks == [(ADA, "17")]

    def test_a_read_mark_for_a_message_nobody_knows_is_passed_over(self, fakes: FakeDeliveries) -> None:
        fakes.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": "unknown", "status": "READ"})
        fakes.serve()
        for _ in range(7):
            fakes.later(10)
        assert fakes.lanes.waiting(ACME)[OUT] == 0
        assert fakes.skipped == ["read_of_unknown_message"]
        assert fakes.twitter.read_marks == []
        assert fakes.dead_lettered() == []
        assert fakes.reports() == []

    def test_a_reply_to_a_customer_who_is_called_like_a_lane_is_no_read_mark(self, fakes: FakeDeliveries) -> None:
        """A read mark that X refuses is dropped; a reply is never."""
        fakes.twitter.fail_next(failing(Permanent))
        fakes.send("m-1", customer="5~signs")
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "400")]
        assert [letter.message_id for letter in fakes.dead_lettered()] == ["m-1"]

    def test_read_marks_wait_behind_no_message(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("1206724334791753732", "Hi")
        fakes.serve()
        fakes.twitter.fail_next(unknown())
        fakes.send("m-1", "stuck")
        fakes.serve()
        cim_id = fakes.cim.received[0]["id"]
        fakes.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"})
        fakes.serve()
        assert len(fakes.twitter.read_marks) == 1

    def test_typing_is_no_work_for_a_lane(self, fakes: FakeDeliveries) -> None:
        fakes.woken.clear()
        fakes.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        assert fakes.woken == [TYPING_INDICATOR]
        assert fakes.lanes.waiting(ACME)[OUT] == 0
        assert len(fakes.lanes.typing_indicators()) == 1
        fakes.serve(IN, OUT)
        assert fakes.twitter.sent == []


class TestOverCapacity:
    """X answers 503 with code 130: seconds, not a quarter of a minute, where the account's own messages come back."""

    BUSY: ClassVar = OverCapacity("twitter_unavailable", "X is over capacity.", status=503, code=130)

    def seconds_until(self, fakes: FakeDeliveries, sends: int) -> float:
        started = fakes.clock.seconds()
        while len(fakes.twitter.sent) < sends and fakes.clock.seconds() - started < 120:
            fakes.later(0.25)
        return fakes.clock.seconds() - started

    def test_three_such_answers_in_a_row_cost_less_than_25_seconds(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda account: account.id == ACME
        fakes.twitter.fail_next(*[self.BUSY] * 3)
        fakes.send("m-1")
        fakes.serve()
        assert self.seconds_until(fakes, 1) < 25
        assert fakes.twitter.looks == 0
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_one_such_answer_costs_three(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter.fail_next(self.BUSY)
        fakes.send("m-1")
        fakes.serve()
        assert 3 <= self.seconds_until(fakes, 1) < 3.5

    def test_a_message_that_was_delivered_all_the_same_is_not_sent_again(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter.swallow_next(self.BUSY)
        fakes.send("m-1")
        fakes.serve()
        fakes.echo(fakes.twitter.sent[0].id, "Hello")
        fakes.later(FIRST)
        assert len(fakes.twitter.sent) == 1
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_where_own_messages_do_not_come_back_it_is_looked_for(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.swallow_next(self.BUSY)
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        assert (len(fakes.twitter.sent), fakes.twitter.looks) == (1, 1)
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_message_of_before_that_did_not_come_back_speaks_against_it(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter._next_id = int(first_id_at(fakes.clock.ms))
        fakes.send("m-1")
        fakes.serve()
        fakes.clock.advance(60)
        fakes.twitter.swallow_next(self.BUSY)
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.later(FIRST)
        assert fakes.twitter.looks == 1
        assert fakes.twitter.texts() == ["Hello", "second"]

    def test_three_such_answers_in_a_row_cost_nine_seconds(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter.fail_next(*[self.BUSY] * 3)
        fakes.send("m-1")
        fakes.serve()
        assert 9 <= self.seconds_until(fakes, 1) < 10

    def late_by_15_seconds(self, fakes: FakeDeliveries) -> None:
        """Send one message that has not come back after 15 seconds."""
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter._next_id = int(first_id_at(fakes.clock.ms))
        fakes.send("m-1", "first")
        fakes.serve()
        fakes.clock.advance(15)

    def test_own_messages_that_come_back_late_are_waited_for_without_a_look(self, fakes: FakeDeliveries) -> None:
        self.late_by_15_seconds(fakes)
        fakes.twitter.swallow_next(self.BUSY)
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.later(FIRST)
        fakes.later(FIRST)
        for dm in fakes.twitter.sent:
            fakes.echo(dm.id, dm.step.text)
        fakes.later(FIRST)
        assert fakes.twitter.looks == 0
        assert fakes.twitter.texts() == ["first", "second"]
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED"] * 2

    def test_a_later_message_to_anybody_that_came_back_is_proof(self, fakes: FakeDeliveries) -> None:
        self.late_by_15_seconds(fakes)
        fakes.twitter.fail_next(self.BUSY)
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.clock.advance(FIRST)
        fakes.echo(first_id_at(fakes.clock.ms), "to another customer", customer=GRACE)
        fakes.serve()
        assert fakes.twitter.looks == 0
        assert fakes.twitter.texts() == ["first", "second"]

    def test_own_messages_that_come_back_after_a_look_still_count(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(self.BUSY)
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.later(SECOND)
        assert (fakes.twitter.looks, len(fakes.twitter.sent)) == (1, 1)

    def test_silence_is_looked_for_all_the_same(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter.fail_next(self.BUSY, unknown())
        fakes.send("m-1")
        fakes.serve()
        fakes.later(FIRST)
        fakes.later(2 * FIRST)
        assert fakes.twitter.looks == 1

    def test_a_moment_that_x_names_is_waited_for(self, fakes: FakeDeliveries) -> None:
        fakes.outbound.echoes_arrive = lambda _: True
        fakes.twitter.fail_next(self.BUSY.waiting(until=fakes.clock() + timedelta(seconds=25)))
        fakes.send("m-1")
        fakes.serve()
        assert 25 <= self.seconds_until(fakes, 1) < 26
