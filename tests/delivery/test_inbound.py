"""Twitter to CIM: one message per event, in the order of the events, and nothing that is not a customer's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, FakeDeliveries, failing, read_event
from twitter_connector.delivery.consumer import Attempt
from twitter_connector.delivery.typing import TypingDelivery
from twitter_connector.errors import (
    Endpoint,
    LeaseLost,
    Permanent,
    RateLimited,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.model.work import TYPING_INDICATOR, Direction, Entry
from twitter_connector.queue.replay import replay
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.twitter.v1.messages import message_data

TIMINGS = QueueTimings()

PHOTO = {
    "type": "media",
    "media": {
        "id_str": "1218168684226711552",
        "type": "photo",
        "media_url_https": "https://ton.twitter.com/1.1/ton/data/dm/1/2/7WY9gUyS.jpg",
        "url": "https://t.co/dOLqpmn7zX",
    },
}


def with_photo(fakes: FakeDeliveries, event_id: str, text: str) -> dict[str, Any]:
    payload = fakes.event(event_id, text)
    payload["direct_message_events"][0]["message_create"]["message_data"]["attachment"] = PHOTO
    return payload


class TestDelivery:
    def test_a_customers_text_arrives_as_typed(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("17", "Fish &amp; chips &lt;3")
        fakes.serve()
        (message,) = fakes.cim.received
        assert message["body"] == {"type": "PLAIN", "markdownText": "Fish & chips <3"}
        header = message["header"]
        assert header["providerMessageId"] == "17"
        assert header["timestamp"] == fakes.clock.ms
        enquiries = header["channelData"]
        assert (enquiries["channelCustomerIdentifier"], enquiries["serviceIdentifier"]) == (ADA, ACME)
        assert (enquiries["customerFirstName"], enquiries["customerLastName"]) == ("Ada", "Lovelace")

    def test_the_same_event_is_always_the_same_message(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("17", "Hi")
        fakes.serve()
        other = FakeDeliveries()
        other.clock.advance(1000)
        other.customer_writes("17", "Hi")
        other.serve()
        assert fakes.cim.received[0]["id"] == other.cim.received[0]["id"]
        other.customer_writes("17", "Hi", account_id=OTHER)
        other.serve()
        assert other.cim.received[1]["id"] != other.cim.received[0]["id"]

    def test_an_event_that_comes_again_is_not_delivered_again(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("17", "Hi")
        fakes.serve()
        fakes.customer_writes("17", "Hi")
        fakes.serve()
        assert fakes.written() == ["Hi"]
        assert fakes.counted == [("direct_message_events", "accepted"), ("direct_message_events", "duplicate")]

    def test_swapped_arrivals_leave_in_the_order_of_their_ids(self, fakes: FakeDeliveries) -> None:
        for event_id in ("1750853984134090753", "9", "1750853984134090752", "10"):
            fakes.customer_writes(event_id, event_id)
        fakes.serve()
        assert fakes.written() == ["9", "10", "1750853984134090752", "1750853984134090753"]

    def test_while_ccm_is_away_the_order_is_kept_and_nothing_is_lost(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(*[failing(ServiceUnavailable)] * 3)
        fakes.customer_writes("1", "first")
        fakes.customer_writes("2", "second")
        fakes.serve()
        fakes.customer_writes("3", "third")
        for _ in range(8):
            fakes.later(2)
        assert fakes.written() == ["first", "second", "third"]
        assert fakes.dead_lettered() == []

    def test_a_customer_ccm_refuses_holds_up_nobody_else(self, fakes: FakeDeliveries) -> None:
        fakes.cim.refusing[ADA] = Permanent("ccm_refused", "CCM did not accept the message (HTTP 400).", ours=True)
        fakes.customer_writes("1", "refused")
        fakes.customer_writes("2", "fine", customer=GRACE)
        fakes.serve()
        assert fakes.written() == ["fine"]
        (letter,) = fakes.dead_lettered()
        assert (letter.direction, letter.customer_id, letter.reason) == (IN, ADA, "ccm_refused")
        assert letter.entry_id == "dm:1"
        assert fakes.reports() == [], "CCM hears FAILED of its own messages only"

    def test_a_dead_letter_names_the_message_as_ccm_would_have_known_it(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(failing(Permanent))
        fakes.customer_writes("17", "Hi")
        fakes.serve()
        twin = FakeDeliveries()
        twin.customer_writes("17", "Hi")
        twin.serve()
        assert fakes.dead_lettered()[0].message_id == twin.cim.received[0]["id"]

    def test_a_limit_at_ccm_pauses_the_account_one_way(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(failing(RateLimited))
        fakes.customer_writes("1", "Hi")
        fakes.send("m-1")
        fakes.serve(IN, OUT)
        assert fakes.written() == []
        assert fakes.twitter.texts() == ["Hello"]
        fakes.later(62)
        assert fakes.written() == ["Hi"]

    def test_ccm_being_away_stops_no_reply(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(*[failing(ServiceUnavailable)] * 100)
        fakes.customer_writes("1", "Hi")
        fakes.send("m-1")
        fakes.serve(IN, OUT, IN)
        assert fakes.twitter.texts() == ["Hello"]


class TestOwnMessages:
    def test_an_echo_never_reaches_ccm(self, fakes: FakeDeliveries) -> None:
        fakes.echo("5", "from another client")
        fakes.serve()
        assert fakes.cim.received == []
        assert [e.event_id for e in fakes.ledger.echoes(ACME, ADA)] == ["5"]

    def test_the_echo_of_our_own_send_never_reaches_ccm_even_if_it_is_first(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.before_send = lambda: fakes.echo("1750000000000000001", "Hello")
        fakes.send("m-1")
        fakes.serve()
        assert fakes.written() == []
        assert fakes.reports() == [("m-1", "DELIVERED", "200")]

    def test_an_echo_that_cannot_be_read_is_kept_for_a_person(self, fakes: FakeDeliveries) -> None:
        payload = fakes.event("5", "x", own=True)
        payload["direct_message_events"][0]["message_create"]["message_data"]["text"] = ["x"]
        fakes.receive(payload)
        fakes.serve()
        assert fakes.written() == []
        assert [x.reason for x in fakes.dead_lettered()] == ["unreadable_event"]


class TestOddEvents:
    def test_an_event_without_ids_becomes_a_dead_letter_by_name(self, fakes: FakeDeliveries) -> None:
        fakes.receive({"for_user_id": ACME, "direct_message_events": [{"type": "message_create"}]})
        fakes.customer_writes("1", "Hi")
        fakes.serve()
        assert fakes.written() == ["Hi"]
        (letter,) = fakes.dead_lettered()
        assert letter.reason == "unreadable_event"
        assert json.loads(letter.payload)["activity"]["direct_message_events"] == [{"type": "message_create"}]

    @pytest.mark.parametrize("family", ["tweet_create_events", "follow_events", "brand_new_events"])
    def test_other_families_are_counted_and_that_is_all(self, fakes: FakeDeliveries, family: str) -> None:
        fakes.receive({"for_user_id": ACME, family: [{"id": 1}]})
        fakes.serve()
        assert fakes.counted == [(family, "ignored")]
        assert fakes.woken == []
        assert fakes.lanes.left_behind() == []


class TestPictures:
    def test_text_and_picture_are_two_messages_text_first(self, fakes: FakeDeliveries) -> None:
        fakes.receive(with_photo(fakes, "17", "Look! https://t.co/dOLqpmn7zX"))
        fakes.serve()
        assert [m["body"]["type"] for m in fakes.cim.received] == ["PLAIN", "IMAGE"]
        assert fakes.written() == ["Look!"]
        assert len({m["id"] for m in fakes.cim.received}) == 2

    def test_while_the_picture_cannot_be_had_the_text_is_not_posted_again(self, fakes: FakeDeliveries) -> None:
        fakes.media_transfer.failures += [failing(Retryable)] * 2
        fakes.receive(with_photo(fakes, "17", "Look! https://t.co/dOLqpmn7zX"))
        fakes.customer_writes("18", "and?")
        fakes.serve()
        assert fakes.written() == ["Look!"]
        fakes.later(5)
        fakes.later(5)
        assert [m["body"]["type"] for m in fakes.cim.received] == ["PLAIN", "IMAGE", "PLAIN"]
        assert fakes.written() == ["Look!", "and?"]

    def test_a_file_that_x_fails_to_hand_out_becomes_a_note_after_a_quarter_of_an_hour(
        self, fakes: FakeDeliveries
    ) -> None:
        broken = failing(ServiceUnavailable, "twitter_no_answer", scope=Scope.ENDPOINT, endpoint=Endpoint.DOWNLOAD)
        fakes.media_transfer.failures += [broken] * 60
        fakes.receive(with_photo(fakes, "17", "Look! https://t.co/dOLqpmn7zX"))
        fakes.customer_writes("18", "and?")
        begun = fakes.clock()
        while fakes.clock() - begun < timedelta(minutes=14):
            fakes.later(10)
        assert fakes.written() == ["Look!"]
        while fakes.clock() - begun < timedelta(minutes=17):
            fakes.later(10)
        text, note, after = fakes.written()
        assert (text, after) == ("Look!", "and?")
        assert note.startswith("[The customer sent a photo that cannot be shown here. X's media host failed for ")
        assert fakes.dead_lettered() == []

    @pytest.mark.parametrize("endpoint", [Endpoint.FILE_ENGINE, Endpoint.DOWNLOAD])
    def test_a_file_waits_while_its_failure_is_not_the_media_hosts_or_is_its_first(
        self, fakes: FakeDeliveries, endpoint: Endpoint
    ) -> None:
        broken = failing(ServiceUnavailable, scope=Scope.ENDPOINT, endpoint=endpoint)
        fakes.receive(with_photo(fakes, "17", "Look! https://t.co/dOLqpmn7zX"))
        fakes.clock.advance(3600)  # the service was down
        fakes.media_transfer.failures += [broken] * (60 if endpoint == Endpoint.FILE_ENGINE else 2)
        for _ in range(20):
            fakes.later(10)
        assert fakes.written() == ["Look!"]
        fakes.media_transfer.failures.clear()
        for _ in range(7):
            fakes.later(10)
        assert [m["body"]["type"] for m in fakes.cim.received] == ["PLAIN", "IMAGE"]

    def test_who_lost_the_lane_between_two_parts_stops(self, fakes: FakeDeliveries) -> None:
        fakes.receive(with_photo(fakes, "17", "Look! https://t.co/dOLqpmn7zX"))
        lease = fakes.lanes.claim(IN)
        assert lease is not None
        fakes.clock.advance(TIMINGS.lease / 1000)
        assert fakes.lanes.claim(IN) is not None
        with pytest.raises(LeaseLost):
            fakes.inbound.deliver(Attempt(lease, read_event))
        assert [m["body"]["type"] for m in fakes.cim.received] == ["PLAIN"]


class TestAnswers:
    MENU: ClassVar[dict[str, Any]] = {
        "type": "BUTTON",
        "markdownText": "How can I help?",
        "buttonMessageType": "QUICK_REPLIES",
        "buttons": [
            {"title": "Track order", "payload": '/track_order{"channel":"dm"}', "type": "text"},
            {"title": "Agent", "payload": "/agent", "type": "text"},
        ],
    }

    def tapped(self, fakes: FakeDeliveries, label: str, metadata: str | None) -> dict[str, Any]:
        payload = fakes.event("", label)
        answer = {"type": "options", **({"metadata": metadata} if metadata is not None else {})}
        payload["direct_message_events"][0]["message_create"]["message_data"]["quick_reply_response"] = answer
        return payload

    def test_a_tap_on_our_option_is_a_click_on_the_button(self, fakes: FakeDeliveries) -> None:
        fakes.send("menu-1", body=self.MENU)
        fakes.serve()
        options = message_data(fakes.twitter.sent[0].step)["quick_reply"]["options"]
        fakes.receive(self.tapped(fakes, "Track order", options[0]["metadata"]))
        fakes.serve()
        header = next(m for m in fakes.cim.received if m["body"]["type"] == "PLAIN")["header"]
        assert (header["intent"], header["entities"]) == ("track_order", {"channel": "dm"})
        assert header["originalMessageId"] == "menu-1"

    def test_typing_the_same_words_is_no_click(self, fakes: FakeDeliveries) -> None:
        fakes.send("menu-1", body=self.MENU)
        fakes.serve()
        fakes.customer_writes("", "Track order")
        fakes.serve()
        header = next(m for m in fakes.cim.received if m["body"]["type"] == "PLAIN")["header"]
        assert (header["intent"], header["originalMessageId"]) == (None, None)


class TestReadMarks:
    def read(self, fakes: FakeDeliveries, dm_id: str) -> None:
        event = {
            "created_timestamp": str(fakes.clock.ms),
            "sender_id": ADA,
            "target": {"recipient_id": ACME},
            "last_read_event_id": dm_id,
        }
        fakes.receive({"for_user_id": ACME, "direct_message_mark_read_events": [event], "users": {}})

    def test_what_the_customer_has_read_is_reported_once_each(self, fakes: FakeDeliveries) -> None:
        for n in (1, 2, 3):
            fakes.send(f"m-{n}")
        fakes.serve()
        self.read(fakes, fakes.twitter.sent[1].id)
        fakes.serve()
        self.read(fakes, fakes.twitter.sent[1].id)
        fakes.serve()
        assert [m for m, status, _ in fakes.reports() if status == "READ"] == ["m-1", "m-2"]
        fakes.later(5)
        self.read(fakes, fakes.twitter.sent[2].id)
        fakes.serve()
        assert [m for m, status, _ in fakes.reports() if status == "READ"] == ["m-1", "m-2", "m-3"]

    def test_every_report_carries_what_the_scheduler_gave_the_message(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", schedulingMetaData={"campaignId": "7"})
        fakes.send("m-2")
        fakes.serve()
        self.read(fakes, fakes.twitter.sent[1].id)
        fakes.serve()
        carried = {
            (m["body"]["messageId"], m["body"]["status"]): m["header"]["schedulingMetaData"] for m in fakes.cim.received
        }
        assert carried == {
            ("m-1", "DELIVERED"): {"campaignId": "7"},
            ("m-1", "READ"): {"campaignId": "7"},
            ("m-2", "DELIVERED"): None,
            ("m-2", "READ"): None,
        }

    def test_delivered_is_heard_before_read(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(*[failing(ServiceUnavailable)] * 2)
        fakes.send("m-1")
        fakes.serve(OUT)
        self.read(fakes, fakes.twitter.sent[0].id)
        for _ in range(6):
            fakes.later(2)
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED", "READ"]

    def test_a_message_that_is_read_before_x_answers_its_send_is_reported(self, fakes: FakeDeliveries) -> None:
        read_up_to = str(int(first_id_at(fakes.clock.ms)) + 1_000_000)
        fakes.twitter.before_send = lambda: self.read_now(fakes, read_up_to)
        fakes.send("m-1")
        fakes.serve()
        assert fakes.reports() == [("m-1", "DELIVERED", "200"), ("m-1", "READ", "200")]
        moments = fakes.message_log.find("m-1")
        assert moments is not None
        assert moments.state == "read"
        # An older mark that comes late takes nothing back, and a repeated one adds nothing.
        self.read(fakes, "5")
        self.read(fakes, read_up_to)
        fakes.serve()
        assert len(fakes.reports()) == 2

    def read_now(self, fakes: FakeDeliveries, dm_id: str) -> None:
        """The mark is taken in and worked on while the send's answer is on its way."""
        fakes.twitter.before_send = lambda: None
        self.read(fakes, dm_id)
        fakes.serve(IN)

    def test_half_of_a_message_is_not_read_while_the_rest_is_on_its_way(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "a" * 10_000 + "b")

        def limited() -> None:
            if len(fakes.twitter.sent) == 1:
                fakes.twitter.before_send = lambda: None
                fakes.twitter.fail_next(failing(ServiceUnavailable))

        fakes.twitter.before_send = limited
        fakes.serve()
        self.read(fakes, fakes.twitter.sent[0].id)
        fakes.serve(IN)
        assert fakes.reports() == []
        fakes.later(5)
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED"]
        self.read(fakes, fakes.twitter.sent[1].id)
        fakes.serve()
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED", "READ"]

    def test_a_message_that_failed_half_way_is_not_read(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "a" * 10_000 + "b")
        fakes.twitter.before_send = lambda: (
            fakes.twitter.fail_next(failing(Permanent)) if len(fakes.twitter.sent) == 1 else None
        )
        fakes.serve()
        self.read(fakes, fakes.twitter.sent[0].id)
        fakes.serve()
        assert [status for _, status, _ in fakes.reports()] == ["FAILED"]

    def test_a_mark_without_an_id_reports_nothing(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.serve()
        self.read(fakes, "")
        fakes.serve()
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED"]

    def test_what_was_sent_to_others_is_not_read(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", customer=GRACE)
        fakes.serve()
        self.read(fakes, str(int(fakes.twitter.sent[0].id) + 1))
        fakes.serve()
        assert [status for _, status, _ in fakes.reports()] == ["DELIVERED"]


class TestReportsThatCcmRefuses:
    def test_a_read_report_is_dropped_and_a_failure_is_kept_for_a_person(self, fakes: FakeDeliveries) -> None:
        fakes.cim.refusing[ADA] = Permanent("ccm_refused", "CCM did not accept the message (HTTP 400).", ours=True)
        for status in ("READ", "FAILED"):
            report = {"id": status, "body": {"type": "DELIVERYNOTIFICATION", "messageId": "m", "status": status}}
            report["header"] = {"channelData": {"channelCustomerIdentifier": ADA, "serviceIdentifier": ACME}}
            payload = json.dumps({"v": 1, "kind": "report", "message": report})
            fakes.lanes.accept([Entry(IN, ACME, f"{ADA}~reports", f"report:{status}", payload)])
        fakes.serve(IN)
        assert [x.message_id for x in fakes.dead_lettered()] == ["FAILED"]
        assert ("dropped", "ccm_refused") in fakes.watch.outcomes


class TestTyping:
    def typing_indicators(self, fakes: FakeDeliveries) -> TypingDelivery:
        return TypingDelivery(fakes.lanes, fakes.inbound, fakes.outbound, read_event, fakes.skipped.append)

    def typing(self, fakes: FakeDeliveries) -> None:
        event = {"created_timestamp": str(fakes.clock.ms), "sender_id": ADA, "target": {"recipient_id": ACME}}
        fakes.receive({"for_user_id": ACME, "direct_message_indicate_typing_events": [event], "users": {}})

    def test_a_customer_typing_is_shown_to_the_agent_and_back(self, fakes: FakeDeliveries) -> None:
        self.typing(fakes)
        fakes.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        assert fakes.woken == [TYPING_INDICATOR, TYPING_INDICATOR]
        self.typing_indicators(fakes).pass_on()
        (notice,) = fakes.cim.received
        assert (notice["body"]["type"], notice["body"]["notificationType"]) == ("NOTIFICATION", "TYPING_STARTED")
        assert fakes.twitter.typed_to == [ADA]
        assert fakes.skipped == ["passed_on", "passed_on"]

    def test_one_that_fails_is_forgotten_and_the_next_is_not_concerned(self, fakes: FakeDeliveries) -> None:
        self.typing(fakes)
        fakes.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        fakes.cim.fail_next(failing(ServiceUnavailable, "ccm_unreachable"))
        self.typing_indicators(fakes).pass_on()
        self.typing_indicators(fakes).pass_on()
        assert fakes.cim.received == []
        assert fakes.twitter.typed_to == [ADA]
        assert fakes.skipped == ["ccm_unreachable", "passed_on"]

    def test_typing_has_stopped_is_passed_on_to_nobody(self, fakes: FakeDeliveries) -> None:
        fakes.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STOPPED"})
        self.typing_indicators(fakes).pass_on()
        fakes.serve()
        assert fakes.twitter.typed_to == []
        assert fakes.twitter.sent == []

    def test_a_fault_of_our_own_in_one_stops_no_other(self, fakes: FakeDeliveries) -> None:
        self.typing(fakes)
        fakes.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        fakes.cim.fail_next(KeyError("a fault of our own"))
        self.typing_indicators(fakes).pass_on()
        assert fakes.twitter.typed_to == [ADA]


class TestReplay:
    def test_a_dead_letter_goes_through_its_lane_again_under_the_same_id(self, fakes: FakeDeliveries) -> None:
        fakes.cim.fail_next(failing(Permanent))
        fakes.customer_writes("17", "first")
        fakes.serve()
        fakes.customer_writes("18", "second")
        letter = fakes.dead_lettered()[0]
        fakes.woken.clear()
        fakes.lanes.wakeup_received(IN)
        assert replay([letter], fakes.lanes) == 1
        assert fakes.woken == [IN]
        assert fakes.dead_lettered() == []
        fakes.serve()
        assert sorted(fakes.written()) == ["first", "second"]
        assert letter.message_id in {m["id"] for m in fakes.cim.received}

    def test_a_replayed_message_is_sent_to_the_customer_and_reported(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(failing(Permanent))
        fakes.send("m-1")
        fakes.serve()
        assert fakes.reports() == [("m-1", "FAILED", "400")]
        replay(fakes.dead_lettered(), fakes.lanes)
        fakes.serve()
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.reports()[-1] == ("m-1", "DELIVERED", "200")

    def test_a_series_is_replayed_from_where_it_failed(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "a" * 10_000 + "b" * 5)
        fakes.twitter.before_send = lambda: (
            fakes.twitter.fail_next(failing(Permanent)) if len(fakes.twitter.sent) == 1 else None
        )
        fakes.serve()
        fakes.twitter.before_send = lambda: None
        replay(fakes.dead_lettered(), fakes.lanes)
        fakes.serve()
        assert [t[0] for t in fakes.twitter.texts()] == ["a", "b"]

    @pytest.mark.parametrize("way", [IN, OUT])
    def test_what_fails_again_is_one_letter_again(self, fakes: FakeDeliveries, way: Direction) -> None:
        for _ in range(2):
            if way is IN:
                fakes.cim.fail_next(failing(Permanent))
                fakes.customer_writes("17", "Hi")
            else:
                fakes.twitter.fail_next(failing(Permanent))
                fakes.send("m-1")
            fakes.serve()
            replay(fakes.dead_lettered(), fakes.lanes)
        if way is IN:
            fakes.cim.fail_next(failing(Permanent))
        else:
            fakes.twitter.fail_next(failing(Permanent))
        fakes.serve()
        assert len(fakes.dead_lettered()) == 1


class TestNumberedQuestions:
    """A question that goes out while CCM still takes an earlier message of the customer stays open."""

    def ask(self, fakes: FakeDeliveries, message_id: str) -> None:
        buttons = [{"title": f"Dish {n}", "payload": f"/dish-{n}", "type": "text"} for n in range(1, 22)]
        fakes.send(message_id, body={"type": "BUTTON", "markdownText": "Our menu", "buttons": buttons})

    def ask_before_ccm_answers(self, fakes: FakeDeliveries, message_id: str) -> None:
        def asked() -> None:
            fakes.cim.before_answer = lambda: None
            self.ask(fakes, message_id)
            fakes.serve(OUT)

        fakes.cim.before_answer = asked

    def intents(self, fakes: FakeDeliveries) -> list[tuple[object, object]]:
        headers = [message["header"] for message in fakes.cim.received if message["body"]["type"] == "PLAIN"]
        return [(header["intent"], header["originalMessageId"]) for header in headers]

    def test_the_answer_to_a_bot_that_is_faster_than_ccm_is_a_click(self, fakes: FakeDeliveries) -> None:
        self.ask_before_ccm_answers(fakes, "q-1")
        fakes.customer_writes("17", "Hello")
        fakes.serve(IN)
        fakes.customer_writes("18", "3")
        fakes.serve(IN)
        assert self.intents(fakes) == [(None, None), ("dish-3", "q-1")]

    def test_an_answer_closes_the_question_that_it_answers_and_not_the_next_one(self, fakes: FakeDeliveries) -> None:
        self.ask(fakes, "q-1")
        fakes.serve(OUT)
        self.ask_before_ccm_answers(fakes, "q-2")
        for number, text in enumerate(("3", "4", "5"), start=17):
            fakes.customer_writes(str(number), text)
            fakes.serve(IN)
        assert self.intents(fakes) == [("dish-3", "q-1"), ("dish-4", "q-2"), (None, None)]
