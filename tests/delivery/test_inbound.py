"""Twitter to CIM: one message per event, in the order of the events, and nothing that is not a customer's."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OTHER, OUT, House, failing
from twitter_connector.broker import keys
from twitter_connector.delivery.typing import Flashes
from twitter_connector.errors import HoldLost, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.model.work import Direction
from twitter_connector.queue.replay import replay

PHOTO = {
    "type": "media",
    "media": {
        "id_str": "1218168684226711552",
        "type": "photo",
        "media_url_https": "https://ton.twitter.com/1.1/ton/data/dm/1/2/7WY9gUyS.jpg",
        "url": "https://t.co/dOLqpmn7zX",
    },
}


def with_photo(house: House, event_id: str, text: str) -> dict[str, Any]:
    payload = house.event(event_id, text)
    payload["direct_message_events"][0]["message_create"]["message_data"]["attachment"] = PHOTO
    return payload


class TestDelivery:
    def test_a_customers_text_arrives_as_typed(self, house: House) -> None:
        house.customer_writes("17", "Fish &amp; chips &lt;3")
        house.serve()
        (message,) = house.cim.received
        assert message["body"] == {"type": "PLAIN", "markdownText": "Fish & chips <3"}
        header = message["header"]
        assert header["providerMessageId"] == "17"
        assert header["timestamp"] == house.clock.ms
        channel = header["channelData"]
        assert (channel["channelCustomerIdentifier"], channel["serviceIdentifier"]) == (ADA, ACME)
        assert (channel["customerFirstName"], channel["customerLastName"]) == ("Ada", "Lovelace")

    def test_the_same_event_is_always_the_same_message(self, house: House) -> None:
        house.customer_writes("17", "Hi")
        house.serve()
        other = House()
        other.clock.advance(1000)
        other.customer_writes("17", "Hi")
        other.serve()
        assert house.cim.received[0]["id"] == other.cim.received[0]["id"]
        other.customer_writes("17", "Hi", account_id=OTHER)
        other.serve()
        assert other.cim.received[1]["id"] != other.cim.received[0]["id"]

    def test_an_event_that_comes_again_is_not_delivered_again(self, house: House) -> None:
        house.customer_writes("17", "Hi")
        house.serve()
        house.customer_writes("17", "Hi")
        house.serve()
        assert house.written() == ["Hi"]
        assert house.counted == [("direct_message_events", "accepted"), ("direct_message_events", "duplicate")]

    def test_swapped_arrivals_leave_in_the_order_of_their_ids(self, house: House) -> None:
        for event_id in ("1750853984134090753", "9", "1750853984134090752", "10"):
            house.customer_writes(event_id, event_id)
        house.serve()
        assert house.written() == ["9", "10", "1750853984134090752", "1750853984134090753"]

    def test_while_ccm_is_away_the_order_is_kept_and_nothing_is_lost(self, house: House) -> None:
        house.cim.fail_next(*[failing(ServiceUnavailable)] * 3)
        house.customer_writes("1", "first")
        house.customer_writes("2", "second")
        house.serve()
        house.customer_writes("3", "third")
        for _ in range(8):
            house.later(2)
        assert house.written() == ["first", "second", "third"]
        assert house.buried() == []

    def test_a_customer_ccm_refuses_holds_up_nobody_else(self, house: House) -> None:
        house.cim.refusing[ADA] = Permanent("ccm_refused", "CCM did not accept the message (HTTP 400).", ours=True)
        house.customer_writes("1", "refused")
        house.customer_writes("2", "fine", customer=GRACE)
        house.serve()
        assert house.written() == ["fine"]
        (letter,) = house.buried()
        assert (letter.direction, letter.customer_id, letter.reason) == (IN, ADA, "ccm_refused")
        assert letter.entry_id == "dm:1"
        assert house.reports() == [], "CCM hears FAILED of its own messages only"

    def test_a_dead_letter_names_the_message_as_ccm_would_have_known_it(self, house: House) -> None:
        house.cim.fail_next(failing(Permanent))
        house.customer_writes("17", "Hi")
        house.serve()
        twin = House()
        twin.customer_writes("17", "Hi")
        twin.serve()
        assert house.buried()[0].message_id == twin.cim.received[0]["id"]

    def test_a_limit_at_ccm_pauses_the_account_one_way(self, house: House) -> None:
        house.cim.fail_next(failing(RateLimited))
        house.customer_writes("1", "Hi")
        house.send("m-1")
        house.serve(IN, OUT)
        assert house.written() == []
        assert house.twitter.texts() == ["Hello"]
        house.later(62)
        assert house.written() == ["Hi"]

    def test_ccm_being_away_stops_no_reply(self, house: House) -> None:
        house.cim.fail_next(*[failing(ServiceUnavailable)] * 100)
        house.customer_writes("1", "Hi")
        house.send("m-1")
        house.serve(IN, OUT, IN)
        assert house.twitter.texts() == ["Hello"]


class TestOwnMessages:
    def test_an_echo_never_reaches_ccm(self, house: House) -> None:
        house.echo("5", "from another client")
        house.serve()
        assert house.cim.received == []
        assert [e.event_id for e in house.ledger.echoes(ACME, ADA)] == ["5"]

    def test_the_echo_of_our_own_send_never_reaches_ccm_even_if_it_is_first(self, house: House) -> None:
        house.twitter.before_send = lambda: house.echo("1750000000000000001", "Hello")
        house.send("m-1")
        house.serve()
        assert house.written() == []
        assert house.reports() == [("m-1", "DELIVERED", "200")]

    def test_an_echo_that_cannot_be_read_is_kept_for_a_person(self, house: House) -> None:
        payload = house.event("5", "x", own=True)
        payload["direct_message_events"][0]["created_timestamp"] = "9" * 20
        house.receive(payload)
        house.serve()
        assert house.written() == []
        assert [x.reason for x in house.buried()] == ["unreadable_event"]


class TestOddEvents:
    def test_an_event_without_ids_becomes_a_dead_letter_by_name(self, house: House) -> None:
        house.receive({"for_user_id": ACME, "direct_message_events": [{"type": "message_create"}]})
        house.customer_writes("1", "Hi")
        house.serve()
        assert house.written() == ["Hi"]
        (letter,) = house.buried()
        assert letter.reason == "unreadable_event"
        assert json.loads(letter.payload)["activity"]["direct_message_events"] == [{"type": "message_create"}]

    @pytest.mark.parametrize("family", ["tweet_create_events", "follow_events", "brand_new_events"])
    def test_other_families_are_counted_and_that_is_all(self, house: House, family: str) -> None:
        house.receive({"for_user_id": ACME, family: [{"id": 1}]})
        house.serve()
        assert house.counted == [(family, "ignored")]
        assert house.rung == []
        assert house.lanes.left_behind() == []


class TestPictures:
    def test_text_and_picture_are_two_messages_text_first(self, house: House) -> None:
        house.receive(with_photo(house, "17", "Look! https://t.co/dOLqpmn7zX"))
        house.serve()
        assert [m["body"]["type"] for m in house.cim.received] == ["PLAIN", "IMAGE"]
        assert house.written() == ["Look!"]
        assert len({m["id"] for m in house.cim.received}) == 2

    def test_while_the_picture_cannot_be_had_the_text_is_not_posted_again(self, house: House) -> None:
        house.attachments.failures += [failing(Retryable)] * 2
        house.receive(with_photo(house, "17", "Look! https://t.co/dOLqpmn7zX"))
        house.customer_writes("18", "and?")
        house.serve()
        assert house.written() == ["Look!"]
        house.later(5)
        house.later(5)
        assert [m["body"]["type"] for m in house.cim.received] == ["PLAIN", "IMAGE", "PLAIN"]
        assert house.written() == ["Look!", "and?"]

    def test_who_lost_the_lane_between_two_parts_stops(self, house: House) -> None:
        house.receive(with_photo(house, "17", "Look! https://t.co/dOLqpmn7zX"))
        held = house.lanes.claim(IN)
        assert held is not None
        house.clock.advance(keys.LEASE_MS / 1000)
        assert house.lanes.claim(IN) is not None
        with pytest.raises(HoldLost):
            house.inbound.deliver(held)
        assert [m["body"]["type"] for m in house.cim.received] == ["PLAIN"]


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

    def tapped(self, house: House, label: str, metadata: str | None) -> dict[str, Any]:
        payload = house.event("", label)
        answer = {"type": "options", **({"metadata": metadata} if metadata is not None else {})}
        payload["direct_message_events"][0]["message_create"]["message_data"]["quick_reply_response"] = answer
        return payload

    def test_a_tap_on_our_option_is_a_click_on_the_button(self, house: House) -> None:
        house.send("menu-1", body=self.MENU)
        house.serve()
        options = house.twitter.sent[0].step.extras["quick_reply"]["options"]
        house.receive(self.tapped(house, "Track order", options[0]["metadata"]))
        house.serve()
        header = next(m for m in house.cim.received if m["body"]["type"] == "PLAIN")["header"]
        assert (header["intent"], header["entities"]) == ("track_order", {"channel": "dm"})
        assert header["originalMessageId"] == "menu-1"

    def test_typing_the_same_words_is_no_click(self, house: House) -> None:
        house.send("menu-1", body=self.MENU)
        house.serve()
        house.customer_writes("", "Track order")
        house.serve()
        header = next(m for m in house.cim.received if m["body"]["type"] == "PLAIN")["header"]
        assert (header["intent"], header["originalMessageId"]) == (None, None)


class TestReadMarks:
    def read(self, house: House, dm_id: str) -> None:
        event = {
            "created_timestamp": str(house.clock.ms),
            "sender_id": ADA,
            "target": {"recipient_id": ACME},
            "last_read_event_id": dm_id,
        }
        house.receive({"for_user_id": ACME, "direct_message_mark_read_events": [event], "users": {}})

    def test_what_the_customer_has_read_is_reported_once_each(self, house: House) -> None:
        for n in (1, 2, 3):
            house.send(f"m-{n}")
        house.serve()
        self.read(house, house.twitter.sent[1].id)
        house.serve()
        self.read(house, house.twitter.sent[1].id)
        house.serve()
        assert [m for m, status, _ in house.reports() if status == "READ"] == ["m-1", "m-2"]
        house.later(5)
        self.read(house, house.twitter.sent[2].id)
        house.serve()
        assert [m for m, status, _ in house.reports() if status == "READ"] == ["m-1", "m-2", "m-3"]

    def test_every_report_carries_what_the_scheduler_gave_the_message(self, house: House) -> None:
        house.send("m-1", schedulingMetaData={"campaignId": "7"})
        house.send("m-2")
        house.serve()
        self.read(house, house.twitter.sent[1].id)
        house.serve()
        carried = {
            (m["body"]["messageId"], m["body"]["status"]): m["header"]["schedulingMetaData"] for m in house.cim.received
        }
        assert carried == {
            ("m-1", "DELIVERED"): {"campaignId": "7"},
            ("m-1", "READ"): {"campaignId": "7"},
            ("m-2", "DELIVERED"): None,
            ("m-2", "READ"): None,
        }

    def test_delivered_is_heard_before_read(self, house: House) -> None:
        house.cim.fail_next(*[failing(ServiceUnavailable)] * 2)
        house.send("m-1")
        house.serve(OUT)
        self.read(house, house.twitter.sent[0].id)
        for _ in range(6):
            house.later(2)
        assert [status for _, status, _ in house.reports()] == ["DELIVERED", "READ"]

    def test_a_mark_without_an_id_reports_nothing(self, house: House) -> None:
        house.send("m-1")
        house.serve()
        self.read(house, "")
        house.serve()
        assert [status for _, status, _ in house.reports()] == ["DELIVERED"]

    def test_what_was_sent_to_others_is_not_read(self, house: House) -> None:
        house.send("m-1", customer=GRACE)
        house.serve()
        self.read(house, str(int(house.twitter.sent[0].id) + 1))
        house.serve()
        assert [status for _, status, _ in house.reports()] == ["DELIVERED"]


class TestFlashes:
    def flashes(self, house: House) -> Flashes:
        return Flashes(house.lanes, house.inbound, house.outbound, house.skipped.append)

    def typing(self, house: House) -> None:
        event = {"created_timestamp": str(house.clock.ms), "sender_id": ADA, "target": {"recipient_id": ACME}}
        house.receive({"for_user_id": ACME, "direct_message_indicate_typing_events": [event], "users": {}})

    def test_a_customer_typing_is_shown_to_the_agent_and_back(self, house: House) -> None:
        self.typing(house)
        house.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        assert house.rung == ["flash", "flash"]
        self.flashes(house).pass_on()
        (notice,) = house.cim.received
        assert (notice["body"]["type"], notice["body"]["notificationType"]) == ("NOTIFICATION", "TYPING_STARTED")
        assert house.twitter.typed_to == [ADA]
        assert house.skipped == ["passed_on", "passed_on"]

    def test_one_that_fails_is_forgotten_and_the_next_is_not_concerned(self, house: House) -> None:
        self.typing(house)
        house.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        house.cim.fail_next(failing(ServiceUnavailable, "ccm_unreachable"))
        self.flashes(house).pass_on()
        self.flashes(house).pass_on()
        assert house.cim.received == []
        assert house.twitter.typed_to == [ADA]
        assert house.skipped == ["ccm_unreachable", "passed_on"]

    def test_typing_has_stopped_is_passed_on_to_nobody(self, house: House) -> None:
        house.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STOPPED"})
        self.flashes(house).pass_on()
        house.serve()
        assert house.twitter.typed_to == []
        assert house.twitter.sent == []

    def test_a_fault_of_our_own_in_one_stops_no_other(self, house: House) -> None:
        self.typing(house)
        house.send("t-1", body={"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"})
        house.cim.fail_next(KeyError("a fault of our own"))
        self.flashes(house).pass_on()
        assert house.twitter.typed_to == [ADA]


class TestReplay:
    def test_a_dead_letter_goes_through_its_lane_again_under_the_same_id(self, house: House) -> None:
        house.cim.fail_next(failing(Permanent))
        house.customer_writes("17", "first")
        house.serve()
        house.customer_writes("18", "second")
        letter = house.buried()[0]
        house.rung.clear()
        house.lanes.answer_bell(IN)
        assert replay([letter], house.lanes, house.rung.append) == 1
        assert house.rung == [IN]
        assert house.buried() == []
        house.serve()
        assert sorted(house.written()) == ["first", "second"]
        assert letter.message_id in {m["id"] for m in house.cim.received}

    def test_a_replayed_message_is_sent_to_the_customer_and_reported(self, house: House) -> None:
        house.twitter.fail_next(failing(Permanent))
        house.send("m-1")
        house.serve()
        assert house.reports() == [("m-1", "FAILED", "400")]
        replay(house.buried(), house.lanes, house.rung.append)
        house.serve()
        assert house.twitter.texts() == ["Hello"]
        assert house.reports()[-1] == ("m-1", "DELIVERED", "200")

    def test_a_series_is_replayed_from_where_it_failed(self, house: House) -> None:
        house.send("m-1", "a" * 10_000 + "b" * 5)
        house.twitter.before_send = lambda: (
            house.twitter.fail_next(failing(Permanent)) if len(house.twitter.sent) == 1 else None
        )
        house.serve()
        house.twitter.before_send = lambda: None
        replay(house.buried(), house.lanes, house.rung.append)
        house.serve()
        assert [t[0] for t in house.twitter.texts()] == ["a", "b"]

    @pytest.mark.parametrize("way", [IN, OUT])
    def test_what_fails_again_is_one_letter_again(self, house: House, way: Direction) -> None:
        for _ in range(2):
            if way is IN:
                house.cim.fail_next(failing(Permanent))
                house.customer_writes("17", "Hi")
            else:
                house.twitter.fail_next(failing(Permanent))
                house.send("m-1")
            house.serve()
            replay(house.buried(), house.lanes, house.rung.append)
        if way is IN:
            house.cim.fail_next(failing(Permanent))
        else:
            house.twitter.fail_next(failing(Permanent))
        house.serve()
        assert len(house.buried()) == 1
