"""CIM to Twitter: each step once, whatever breaks in between, and what CCM hears of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, House, failing
from tests.fakes import FakeTwitter
from twitter_connector.broker import keys
from twitter_connector.delivery.send_step import LOOKS_AFTER
from twitter_connector.errors import (
    CredentialsRejected,
    MediaProcessing,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    RecipientRefused,
    ServiceUnavailable,
)

FIRST, SECOND = (w / timedelta(seconds=1) for w in LOOKS_AFTER)


def unknown(refusal: bool = False) -> OutcomeUnknown:
    error = OutcomeUnknown("send_refused" if refusal else "outcome_unknown", "Twitter reports an error (151).")
    error.refusal = refusal
    return error


def settle_uncertainty(house: House) -> None:
    """Let the time of both looks pass."""
    house.later(FIRST)
    house.later(SECOND)


class TestDelivery:
    def test_a_message_goes_out_and_ccm_hears_delivered(self, house: House) -> None:
        assert house.send("m-1", "Your order leaves *today*.")
        house.serve()
        (sent,) = house.twitter.sent
        assert (sent.recipient_id, sent.step.text) == (ADA, "Your order leaves today.")
        assert house.reports() == [("m-1", "DELIVERED", "200")]
        assert house.twitters[OTHER].sent == []
        assert house.lanes.left_behind() == []

    def test_a_repeated_id_sends_nothing_twice(self, house: House) -> None:
        assert house.send("m-1")
        assert not house.send("m-1", "another text")
        house.serve()
        assert not house.send("m-1")
        house.serve()
        assert house.twitter.texts() == ["Hello"]
        assert len(house.reports()) == 1

    def test_messages_go_out_in_the_order_in_which_they_were_accepted(self, house: House) -> None:
        for n in (3, 1, 2):
            house.send(f"m-{n}", f"text {n}")
        house.serve()
        assert house.twitter.texts() == ["text 3", "text 1", "text 2"]

    def test_a_long_text_is_an_ordered_series_with_one_report(self, house: House) -> None:
        house.send("m-1", "word " * 4001)
        house.serve()
        assert [len(t) for t in house.twitter.texts()] == [10_000, 10_000, 5]
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_each_account_writes_with_its_own_credentials(self, house: House) -> None:
        house.send("m-1", account_id=OTHER)
        house.serve()
        assert house.twitters[OTHER].texts() == ["Hello"]
        assert house.twitter.sent == []

    def test_a_report_is_about_its_message_and_always_the_same_one(self, house: House) -> None:
        house.send("m-1", schedulingMetaData={"campaign": 7})
        house.serve()
        (report,) = house.cim.received
        other = House()
        other.clock.advance(77)
        other.send("m-1")
        other.serve()
        assert report["id"] == other.cim.received[0]["id"]
        assert report["header"]["channelData"]["channelCustomerIdentifier"] == ADA
        assert report["header"]["channelData"]["serviceIdentifier"] == ACME
        assert report["header"]["schedulingMetaData"] == {"campaign": 7}


class TestFailures:
    def test_a_refused_recipient_is_reported_and_the_conversation_goes_on(self, house: House) -> None:
        house.twitter.fail_next(RecipientRefused("recipient_closed", "The customer accepts no messages.", code=349))
        house.send("m-1", "first")
        house.send("m-2", "second")
        house.serve()
        assert house.reports() == [("m-1", "FAILED", "400"), ("m-2", "DELIVERED", "200")]
        assert house.cim.received[0]["body"]["markdownText"] == "The customer accepts no messages."
        (letter,) = house.buried()
        assert (letter.message_id, letter.reason, letter.customer_id) == ("m-1", "recipient_closed", ADA)
        assert house.twitter.texts() == ["second"]

    def test_an_account_nobody_registered_is_reported_as_404(self, house: House) -> None:
        house.send("m-1", account_id="999")
        house.serve()
        assert house.reports() == [("m-1", "FAILED", "404")]
        assert "999" in house.cim.received[0]["body"]["markdownText"]

    def test_a_type_that_cannot_be_carried_is_reported(self, house: House) -> None:
        house.send("m-1", body={"type": "HOLOGRAM"})
        house.serve()
        assert house.reports() == [("m-1", "FAILED", "400")]
        assert house.twitter.sent == []

    @pytest.mark.parametrize("type_", ["WRAPUP", "ACTION", "VOICE", "StructuredMessage"])
    def test_what_is_not_for_the_customer_is_passed_over_in_silence(self, house: House, type_: str) -> None:
        house.send("m-1", body={"type": type_})
        house.serve()
        assert house.twitter.sent == []
        assert house.cim.received == []
        assert len(house.skipped) == 1
        assert house.buried() == []

    def test_a_whisper_never_reaches_the_customer(self, house: House) -> None:
        house.send("m-1", "he is angry", body={"isWhisper": True})
        house.serve()
        assert house.twitter.sent == []

    def test_trouble_before_anything_left_is_simply_tried_again(self, house: House) -> None:
        house.twitter.fail_next(*[failing(ServiceUnavailable, "twitter_unreachable")] * 3)
        house.send("m-1")
        house.serve()
        for _ in range(3):
            house.later(5)
        assert house.twitter.texts() == ["Hello"]
        assert house.twitter.looks == 0, "what certainly did not leave needs no looking for"
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_limit_loses_nothing_and_keeps_the_order(self, house: House) -> None:
        until = house.clock() + timedelta(seconds=2)
        house.twitter.fail_next(failing(RateLimited, until=until))
        house.send("m-1", "first")
        house.send("m-2", "second")
        house.send("m-3", "elsewhere", account_id=OTHER)
        house.serve()
        assert house.twitter.sent == []
        assert house.twitters[OTHER].texts() == ["elsewhere"]
        house.later(2.1)
        assert house.twitter.texts() == ["first", "second"]
        assert house.twitter.looks == 0

    def test_refused_credentials_wait_and_then_everything_goes_out(self, house: House) -> None:
        house.twitter.fail_next(failing(CredentialsRejected, until=house.clock() + timedelta(minutes=10)))
        house.send("m-1")
        house.serve()
        assert house.reports() == []
        house.lanes.resume(OUT, ACME)
        house.serve()
        assert house.twitter.texts() == ["Hello"]

    def test_a_failed_message_of_several_parts_stops_where_it_failed(self, house: House) -> None:
        house.send("m-1", "word " * 4001)
        house.twitter.before_send = lambda: (
            house.twitter.fail_next(failing(Permanent, "text_too_long")) if len(house.twitter.sent) == 1 else None
        )
        house.serve()
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "FAILED", "400")]


class TestLedger:
    def test_a_worker_that_dies_between_two_parts_resumes_at_the_second(self, house: House) -> None:
        house.send("m-1", "a" * 10_000 + "b" * 10_000 + "c")

        class Killed(BaseException):
            pass

        def die() -> None:
            if len(house.twitter.sent) == 1:
                raise Killed

        house.twitter.before_send = die
        with pytest.raises(Killed):
            house.serve(OUT)
        house.twitter.before_send = lambda: None
        house.later(keys.LEASE_MS / 1000, OUT)
        # The second part was begun when the worker died, so it is looked for before it is sent.
        assert house.twitter.looks == 1
        assert [t[0] for t in house.twitter.texts()] == ["a"]
        house.later(FIRST + SECOND, OUT)
        assert [t[0] for t in house.twitter.texts()] == ["a", "b", "c"]

    def test_a_worker_that_dies_after_the_send_sends_nothing_twice(self, house: House) -> None:
        house.send("m-1")
        house.ledger.lose_next_done = True
        from twitter_connector.errors import StoreUnavailable

        with pytest.raises(StoreUnavailable):
            house.serve(OUT)
        assert house.twitter.texts() == ["Hello"]
        house.later(keys.LEASE_MS / 1000)
        assert house.twitter.texts() == ["Hello"]
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_was_settled_is_remembered_for_read_receipts(self, house: House) -> None:
        house.send("m-1")
        house.serve()
        assert house.ledger.own(ACME, ADA) == {house.twitter.sent[0].id: "m-1"}

    def test_who_lost_the_lane_sends_nothing(self, house: House) -> None:
        """A worker that slept through its lease must not write what another one is already sending."""
        house.send("m-1")
        real = house.outbound.account

        def slow(account_id: str) -> Any:
            if not stolen:
                house.clock.advance(keys.LEASE_MS / 1000)
                stolen.append(house.lanes.claim(OUT))
            return real(account_id)

        stolen: list[Any] = []
        house.outbound.account = slow
        house.serve(OUT)
        assert house.twitter.sent == []
        assert house.reports() == []


class TestOpenOutcomes:
    """The answer never came: look before sending again."""

    def test_what_arrived_is_found_by_its_echo_and_not_sent_again(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1", "Fish & chips <3 https://example.com/a?b=1")
        house.serve()
        assert house.reports() == []
        shown = "Fish &amp; chips &lt;3 https://t.co/abc"
        house.echo(house.twitter.sent[0].id, shown)
        house.twitter.hidden = True
        house.later(FIRST)
        assert len(house.twitter.sent) == 1
        assert house.twitter.looks == 0
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_arrived_is_found_in_the_list_where_no_echo_came(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1", "a &amp; b")
        house.serve()
        house.later(FIRST - 0.1)
        assert house.twitter.looks == 0, "Twitter needs a moment to show it"
        house.later(0.2)
        assert house.twitter.looks == 1
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_is_shown_late_is_found_at_the_second_look(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.twitter.hidden = True
        house.send("m-1")
        house.serve()
        house.later(FIRST)
        house.twitter.hidden = False
        house.later(SECOND)
        assert house.twitter.looks == 2
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_what_never_arrived_is_sent_again_after_two_looks(self, house: House) -> None:
        house.twitter.fail_next(unknown())
        house.send("m-1", "first")
        house.send("m-2", "second")
        house.serve()
        house.later(FIRST)
        assert house.twitter.sent == []
        house.later(SECOND)
        assert house.twitter.texts() == ["first", "second"]
        assert house.twitter.looks == 2
        assert house.reports() == [("m-1", "DELIVERED", "200"), ("m-2", "DELIVERED", "200")]

    def test_the_conversation_waits_and_the_others_do_not(self, house: House) -> None:
        house.twitter.fail_next(unknown())
        house.send("m-1", "first")
        house.send("m-2", "second")
        house.serve()
        house.send("m-3", "third", customer=GRACE)
        house.serve()
        assert house.twitter.texts() == ["third"]

    def test_an_equal_message_sent_before_is_not_taken_for_it(self, house: House) -> None:
        house.send("m-1", "ok")
        house.serve()
        house.twitter.fail_next(unknown())
        house.send("m-2", "ok")
        house.serve()
        settle_uncertainty(house)
        assert house.twitter.texts() == ["ok", "ok"]
        assert house.reports() == [("m-1", "DELIVERED", "200"), ("m-2", "DELIVERED", "200")]

    def test_an_equal_message_to_somebody_else_is_not_taken_for_it(self, house: House) -> None:
        house.twitter.fail_next(unknown())
        house.send("m-1", "ok")
        house.send("m-2", "ok", customer=GRACE)
        house.serve()
        settle_uncertainty(house)
        assert sorted(s.recipient_id for s in house.twitter.sent) == sorted([ADA, GRACE])

    def test_an_equal_message_of_yesterday_is_not_taken_for_it(self, house: House) -> None:
        stranger = FakeTwitter(house.clock, ACME)
        stranger.send_dm(ADA, __import__("twitter_connector.model.plan", fromlist=["SendDm"]).SendDm("ok"))
        house.twitter.sent += stranger.sent
        house.clock.advance(60)
        house.twitter.fail_next(unknown())
        house.send("m-1", "ok")
        house.serve()
        settle_uncertainty(house)
        assert len(house.twitter.sent) == 2

    def test_two_equal_messages_both_open_are_found_each_for_itself(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1", "ok")
        house.send("m-2", "ok")
        house.serve()
        house.twitter.swallow_next(unknown())
        house.later(FIRST)
        house.later(FIRST)
        assert len(house.twitter.sent) == 2
        assert [status for _, status, _ in house.reports()] == ["DELIVERED", "DELIVERED"]
        assert sorted(house.ledger.own(ACME, ADA).values()) == ["m-1", "m-2"]

    def test_a_refusal_that_comes_with_delivered_messages_is_looked_into(self, house: House) -> None:
        house.twitter.swallow_next(unknown(refusal=True))
        house.send("m-1")
        house.serve()
        house.later(FIRST)
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_refusal_without_a_trace_is_believed_and_not_sent_again(self, house: House) -> None:
        house.twitter.fail_next(unknown(refusal=True))
        house.send("m-1")
        house.serve()
        settle_uncertainty(house)
        assert house.twitter.sent == []
        assert [(m, s) for m, s, _ in house.reports()] == [("m-1", "FAILED")]
        assert house.buried()[0].reason == "send_refused"

    def test_where_looking_is_limited_the_account_goes_on(self, house: House) -> None:
        house.twitter.fail_next(unknown())
        house.send("m-1", "first")
        house.serve()
        house.twitter.look_failures.append(failing(RateLimited, until=house.clock() + timedelta(seconds=60)))
        house.later(FIRST)
        assert house.lanes.pauses(ACME) == {}
        house.send("m-2", "second", customer=GRACE)
        house.serve()
        assert house.twitter.texts() == ["second"]
        house.later(60)
        house.later(SECOND)
        assert house.twitter.texts() == ["second", "first"]

    def test_where_looking_is_forbidden_nothing_is_sent_again_and_a_person_is_told(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1")
        house.serve()
        house.twitter.look_failures.append(failing(Permanent, "not_permitted", status=403))
        house.later(FIRST)
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "FAILED", "500")]
        assert "check the conversation" in house.cim.received[0]["body"]["markdownText"]

    def test_where_looking_fails_it_is_tried_again(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1")
        house.serve()
        house.twitter.look_failures += [failing(ServiceUnavailable)] * 2
        for _ in range(4):
            house.later(FIRST)
        assert len(house.twitter.sent) == 1
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_one_list_answers_all_conversations_that_have_to_look(self, house: House) -> None:
        customers = [str(10_000 + n) for n in range(60)]
        house.twitter.fail_next(*(unknown() for _ in customers))
        for n, customer in enumerate(customers):
            house.send(f"m-{n}", customer=customer)
        house.serve()
        assert house.twitter.sent == []
        for _ in range(30):
            house.later(1)
        assert {sent.recipient_id for sent in house.twitter.sent} == set(customers)
        assert len(house.twitter.sent) == len(customers)
        assert house.twitter.looks <= 6, "Twitter allows 15 in 15 minutes"

    def test_a_long_outage_leaves_twitters_limit_on_listing_alone(self, house: House) -> None:
        customers = [str(10_000 + n) for n in range(20)]
        for n, customer in enumerate(customers):
            house.send(f"m-{n}", customer=customer)
        house.twitter.before_send = lambda: house.twitter.fail_next(unknown())
        for _ in range(300):
            house.later(3)
        assert house.twitter.looks <= 15, "Twitter allows 15 in 15 minutes"
        house.twitter.before_send = lambda: None
        for _ in range(150):
            house.later(3)
        assert {sent.recipient_id for sent in house.twitter.sent} == set(customers)
        assert len(house.twitter.sent) == len(customers)

    def test_a_list_made_before_the_clock_was_put_back_proves_nothing(self, house: House) -> None:
        house.twitter.swallow_next(unknown())
        house.send("m-1")
        house.serve()
        house.later(FIRST)
        house.clock.advance(-3600)
        house.twitter.swallow_next(unknown())
        house.send("m-2", "another", customer=GRACE)
        house.serve()
        for _ in range(10):
            house.later(FIRST)
        assert house.twitter.texts() == ["Hello", "another"]

    def test_only_the_open_part_of_a_series_is_looked_for(self, house: House) -> None:
        house.send("m-1", "a" * 10_000 + "b" * 5)
        house.twitter.before_send = lambda: (
            house.twitter.swallow_next(unknown()) if len(house.twitter.sent) == 1 else None
        )
        house.serve()
        house.twitter.before_send = lambda: None
        house.later(FIRST)
        assert [t[0] for t in house.twitter.texts()] == ["a", "b"]
        assert house.reports() == [("m-1", "DELIVERED", "200")]


class TestFiles:
    IMAGE: ClassVar[dict[str, Any]] = {
        "type": "IMAGE",
        "markdownText": "",
        "caption": "",
        "attachment": {"mediaUrl": "https://cx.example.com/file-engine/api/downloadFileStream?filename=83120_map.png"},
    }

    def test_a_picture_is_uploaded_and_then_sent(self, house: House) -> None:
        house.send("m-1", body=self.IMAGE)
        house.serve()
        (sent,) = house.twitter.sent
        assert sent.step.extras["attachment"] == {"type": "media", "media": {"id": "710511363345354753"}}
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_while_twitter_works_on_it_the_lane_waits_and_no_thread_does(self, house: House) -> None:
        house.attachments.failures.append(
            MediaProcessing("media_processing", until=house.clock() + timedelta(seconds=5))
        )
        house.send("m-1", body=self.IMAGE)
        house.send("m-2", "after it")
        house.send("m-3", "elsewhere", customer=GRACE)
        house.serve()
        assert house.twitter.texts() == ["elsewhere"]
        house.later(5)
        assert [s.step.text for s in house.twitter.sent][1:] == ["", "after it"]
        assert len(house.attachments.taken_out) == 1

    def test_a_file_that_cannot_be_sent_is_reported_with_its_reason(self, house: House) -> None:
        house.attachments.failures.append(Permanent("media_refused", "The file is no picture Twitter carries."))
        house.send("m-1", body=self.IMAGE)
        house.serve()
        assert house.reports() == [("m-1", "FAILED", "400")]
        assert "no picture" in house.cim.received[0]["body"]["markdownText"]

    def test_an_upload_is_not_repeated_after_a_limited_send(self, house: House) -> None:
        house.twitter.fail_next(failing(RateLimited, until=house.clock() + timedelta(seconds=2)))
        house.send("m-1", body=self.IMAGE)
        house.serve()
        step = house.ledger.steps(ACME, "m-1")[0]
        assert step.upload.media_id == "710511363345354753"
        assert step.started_ms == 0, "certainly not sent, so nothing is to be looked for"
        house.later(3)
        assert house.twitter.looks == 0
        assert house.reports() == [("m-1", "DELIVERED", "200")]


class TestSigns:
    def test_what_an_agent_has_read_is_marked_at_twitter(self, house: House) -> None:
        house.customer_writes("1206724334791753732", "Hi")
        house.serve()
        cim_id = house.cim.received[0]["id"]
        house.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"})
        house.serve()
        assert house.twitter.read_marks == [(ADA, "1206724334791753732")]
        assert house.reports() == [], "a report is never answered with a report"

    def test_a_read_mark_for_a_message_nobody_knows_is_passed_over(self, house: House) -> None:
        house.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": "unknown", "status": "READ"})
        house.serve()
        assert house.twitter.read_marks == []
        assert house.buried() == []
        assert house.reports() == []

    def test_read_marks_wait_behind_no_message(self, house: House) -> None:
        house.customer_writes("1206724334791753732", "Hi")
        house.serve()
        house.twitter.fail_next(unknown())
        house.send("m-1", "stuck")
        house.serve()
        cim_id = house.cim.received[0]["id"]
        house.send("d-1", body={"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"})
        house.serve()
        assert len(house.twitter.read_marks) == 1

    def test_typing_is_no_work_for_a_lane(self, house: House) -> None:
        house.rung.clear()
        house.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        assert house.rung == ["flash"]
        assert house.lanes.waiting(ACME)[OUT] == 0
        assert len(house.lanes.flashes()) == 1
        house.serve(IN, OUT)
        assert house.twitter.sent == []
