"""What the message log says of a message, from its arrival to its last outcome."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, failing
from twitter_connector import logs
from twitter_connector.errors import Permanent, RateLimited, Retryable, Scope
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.message_log import LoggedMessage
from twitter_connector.model.timestamps import first_id_at, iso
from twitter_connector.queue.message_log import LogFilter
from twitter_connector.queue.replay import replay

SECRET = "my card number is 4711"


def found(fakes: FakeDeliveries, any_id: str) -> LoggedMessage:
    message = fakes.message_log.find(any_id)
    assert message is not None, f"the log has no {any_id}"
    return message


def events(message: LoggedMessage) -> list[str]:
    return [step.event for step in message.journey]


def items(fakes: FakeDeliveries, **wanted: Any) -> list[LoggedMessage]:
    return fakes.message_log.page(LogFilter(**wanted), 100)[0]


def everything(fakes: FakeDeliveries) -> str:
    """Return what all keys of the log contain."""
    client = fakes.lanes.client
    contents: list[Any] = []
    for key in client.scan_iter("tc:log*"):
        kind = client.type(key)
        contents += [key, client.zrange(key, 0, -1) if kind == "zset" else client.get(key)]
    return repr(contents)


class TestInbound:
    def test_a_message_is_found_by_its_ids_from_arrival_to_delivery(self, fakes: FakeDeliveries) -> None:
        written_at = fakes.clock.at
        event_id = first_id_at(fakes.clock.ms)
        fakes.customer_writes(event_id, SECRET)
        waiting = found(fakes, event_id)
        assert (waiting.state, waiting.tries, waiting.customer_id) == ("waiting", 0, ADA)
        fakes.later(2, IN)
        cim_id = message_id(ACME, event_id)
        assert found(fakes, cim_id) == found(fakes, event_id)
        assert found(fakes, cim_id).with_journey() == {
            "direction": "inbound",
            "kind": "PLAIN",
            "state": "delivered",
            "account_id": ACME,
            "customer_id": ADA,
            "x_ids": [event_id],
            "cim_ids": [cim_id],
            "dead_letter_id": None,
            "reason": None,
            "tries": 1,
            "happened_at": iso(written_at),
            "received_at": iso(written_at),
            "updated_at": iso(written_at + timedelta(seconds=2)),
            "delivered_at": iso(written_at + timedelta(seconds=2)),
            "journey": [
                {"at": iso(written_at), "event": "received", "detail": f"by webhook, written {iso(written_at)}"},
                {
                    "at": iso(written_at + timedelta(seconds=2)),
                    "event": "delivered",
                    "detail": f"try 1, PLAIN, CIM id {cim_id}",
                },
            ],
        }

    def test_a_customer_is_found_by_the_screen_name_that_x_gives(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("1201956294212771840", "Hi")
        assert fakes.message_log.customers_named("ada") == []
        fakes.serve(IN)
        assert fakes.message_log.customers_named("ada") == [ADA]
        assert fakes.message_log.customers_named("@Ada") == [ADA]
        assert fakes.message_log.customers_named("*") == []
        fakes.clock.advance(8 * 86400)
        fakes.customer_writes(first_id_at(fakes.clock.ms), "Hi", customer=GRACE)
        fakes.serve(IN)
        assert fakes.message_log.customers_named("ada") == [GRACE]

    def test_no_text_and_no_full_name_is_in_the_log(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("1201956294212771840", SECRET)
        fakes.send("m-1", SECRET)
        fakes.serve(IN, OUT)
        assert "1201956294212771840" in everything(fakes)
        assert "4711" not in everything(fakes)
        assert "Lovelace" not in everything(fakes)

    def test_a_repetition_is_a_step_of_the_message_that_it_repeats(self, fakes: FakeDeliveries) -> None:
        fakes.customer_writes("1201956294212771840", "Hi")
        fakes.serve(IN)
        fakes.customer_writes("1201956294212771840", "Hi")
        assert events(found(fakes, "1201956294212771840")) == ["received", "delivered", "repeated"]
        assert len(items(fakes)) == 1

    def test_typing_own_messages_and_read_marks_make_no_item(self, fakes: FakeDeliveries) -> None:
        typing = {
            "sender_id": ADA,
            "target": {"recipient_id": ACME},
            "created_timestamp": str(fakes.clock.ms),
        }
        fakes.receive({"for_user_id": ACME, "direct_message_indicate_typing_events": [typing]})
        fakes.receive(
            {"for_user_id": ACME, "direct_message_mark_read_events": [{**typing, "last_read_event_id": "77"}]}
        )
        fakes.echo("1201956294212771841", "ours")
        fakes.receive({"for_user_id": ACME, "tweet_create_events": [{"id": "1"}]})
        fakes.serve(IN)
        assert items(fakes) == []
        assert list(fakes.lanes.client.scan_iter("tc:log:*")) == []


class TestList:
    def test_the_newest_comes_first_and_pages_follow_each_other(self, fakes: FakeDeliveries) -> None:
        ids = []
        for _ in range(5):
            fakes.clock.advance(1)
            ids.append(first_id_at(fakes.clock.ms))
            fakes.customer_writes(ids[-1], "Hi")
        first, after = fakes.message_log.page(LogFilter(), 2)
        second, after_second = fakes.message_log.page(LogFilter(), 2, after)
        third, end = fakes.message_log.page(LogFilter(), 2, after_second)
        assert [m.x_ids[0] for m in (*first, *second, *third)] == ids[::-1]
        assert end is None

    def test_messages_of_one_moment_are_all_listed_once(self, fakes: FakeDeliveries) -> None:
        for number in range(7):
            fakes.send(f"m-{number}")
        seen: list[str] = []
        after = None
        while True:
            page, after = fakes.message_log.page(LogFilter(), 3, after)
            seen += [message.cim_ids[0] for message in page]
            if after is None:
                break
        assert sorted(seen) == [f"m-{number}" for number in range(7)]

    def test_filters_are_customer_account_moment_and_state(self, fakes: FakeDeliveries) -> None:
        at = fakes.clock.at
        fakes.customer_writes(first_id_at(fakes.clock.ms), "Hi")
        fakes.clock.advance(60)
        fakes.customer_writes(first_id_at(fakes.clock.ms), "Hi", customer=GRACE)
        fakes.serve(IN)
        fakes.clock.advance(60)
        fakes.send("m-1")
        assert len(items(fakes)) == 3
        assert {m.customer_id for m in items(fakes, customer_ids={ADA})} == {ADA}
        assert len(items(fakes, customer_ids={ADA})) == 2
        assert len(items(fakes, account_id=ACME)) == 3
        assert items(fakes, account_id="1") == []
        assert [m.customer_id for m in items(fakes, since=at + timedelta(seconds=60))] == [ADA, GRACE]
        assert [m.customer_id for m in items(fakes, until=at)] == [ADA]
        assert [m.cim_ids for m in items(fakes, state="waiting")] == [("m-1",)]
        assert len(items(fakes, state="delivered")) == 2

    def test_a_message_that_came_late_is_at_the_moment_it_was_written(self, fakes: FakeDeliveries) -> None:
        written_at = fakes.clock.at
        event = fakes.event()
        fakes.clock.advance(3600)
        fakes.receive(event)
        (message,) = items(fakes, until=written_at)
        assert message.received_at - message.happened_at == timedelta(hours=1)


class TestOutbound:
    def test_a_reply_is_found_by_the_ids_of_both_sides(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", timestamp=fakes.clock.ms - 500)
        fakes.serve(OUT)
        (dm,) = fakes.twitter.sent
        message = found(fakes, "m-1")
        assert found(fakes, dm.id) == message
        assert (message.direction, message.kind, message.state) == ("outbound", "PLAIN", "delivered")
        assert (message.x_ids, message.cim_ids) == ((dm.id,), ("m-1",))
        assert message.received_at - message.happened_at == timedelta(milliseconds=500)

    def test_a_message_of_several_parts_has_all_their_ids(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", "long " * 4000)
        fakes.serve(OUT)
        sent = tuple(dm.id for dm in fakes.twitter.sent)
        assert len(sent) > 1
        assert found(fakes, sent[-1]).x_ids == sent

    def test_a_repetition_by_ccm_is_a_step(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.send("m-1")
        assert events(found(fakes, "m-1")) == ["received", "repeated"]

    def test_what_no_customer_sees_makes_no_item(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1", body={"type": "WHISPER"})
        fakes.send("m-2", body={"type": "NOTIFICATION", "notificationType": "AGENT_SUBSCRIBED"})
        fakes.send("m-3", body={"type": "DELIVERYNOTIFICATION", "messageId": "x", "status": "DELIVERED"})
        fakes.send("m-4", intent="agent_whisper", sender={"type": "AGENT"}, body={"type": "WRAPUP"})
        fakes.serve(OUT)
        assert items(fakes) == []

    def test_a_customers_read_mark_is_a_step_once(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.serve(OUT)
        for _ in range(2):
            fakes.clock.advance(5)
            mark = {
                "sender_id": ADA,
                "target": {"recipient_id": ACME},
                "created_timestamp": str(fakes.clock.ms),
                "last_read_event_id": fakes.twitter.sent[-1].id,
            }
            fakes.receive({"for_user_id": ACME, "direct_message_mark_read_events": [mark]})
            fakes.serve(IN)
        message = found(fakes, "m-1")
        assert message.state == "read"
        assert message.read_at == fakes.clock.at - timedelta(seconds=5)
        assert events(message) == ["received", "delivered", "read"]

    def test_what_the_agent_has_read_is_a_step_of_the_customers_message(self, fakes: FakeDeliveries) -> None:
        event_id = first_id_at(fakes.clock.ms)
        fakes.customer_writes(event_id, "Hi")
        fakes.serve(IN)
        body = {"type": "DELIVERYNOTIFICATION", "messageId": message_id(ACME, event_id), "status": "READ"}
        fakes.send("m-1", body=body)
        fakes.serve(OUT)
        assert fakes.twitter.read_marks, "the fake saw no read mark"
        assert found(fakes, event_id).state == "read"


class TestFailures:
    def test_each_try_is_a_step_with_its_reason(self, fakes: FakeDeliveries) -> None:
        fakes.cim.failures = [failing(Retryable, "ccm_unavailable", scope=Scope.OTHER_SIDE)] * 2
        event_id = first_id_at(fakes.clock.ms)
        fakes.customer_writes(event_id, "Hi")
        fakes.serve(IN)
        message = found(fakes, message_id(ACME, event_id))
        assert (message.state, message.reason, message.tries, message.kind) == (
            "waiting",
            "ccm_unavailable",
            1,
            "PLAIN",
        )
        for _ in range(2):
            fakes.later(60, IN)
        message = found(fakes, event_id)
        assert (message.state, message.reason, message.tries) == ("delivered", "", 3)
        assert events(message) == ["received", "tried", "tried", "delivered"]
        assert message.journey[2].detail == "try 2, ccm_unavailable"

    def test_a_pause_of_the_account_is_a_step(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.failures = [failing(RateLimited, "rate_limited", scope=Scope.ACCOUNT)]
        fakes.send("m-1")
        fakes.serve(OUT)
        assert (found(fakes, "m-1").state, found(fakes, "m-1").reason) == ("waiting", "rate_limited")

    def test_a_dead_letter_is_found_by_its_id_until_it_is_replayed_and_after(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.failures = [failing(Permanent, "customer_refused")]
        fakes.send("m-1")
        fakes.serve(OUT)
        (letter,) = fakes.dead_lettered()
        failed = found(fakes, letter.id)
        assert failed.cim_ids == ("m-1",)
        assert (failed.state, failed.reason, failed.dead_letter_id) == ("dead_lettered", "customer_refused", letter.id)
        assert failed.failed_at == fakes.clock.at
        replay([letter], fakes.lanes)
        again = found(fakes, letter.id)
        assert (again.state, again.failed_at, again.dead_letter_id) == ("waiting", None, "")
        fakes.later(60, OUT)
        assert events(found(fakes, letter.id)) == ["received", "dead_lettered", "replayed", "delivered"]

    def test_a_discarded_dead_letter_leaves_a_failed_message(self, fakes: FakeDeliveries) -> None:
        fakes.cim.failures = [failing(Permanent, "ccm_refused")]
        event_id = first_id_at(fakes.clock.ms)
        fakes.customer_writes(event_id, "Hi")
        fakes.serve(IN)
        (letter,) = fakes.dead_lettered()
        assert found(fakes, message_id(ACME, event_id)).state == "dead_lettered"
        fakes.dead_letters.discard(letter.id)
        message = found(fakes, letter.id)
        assert (message.state, message.dead_letter_id, message.reason) == ("failed", "", "ccm_refused")
        assert items(fakes, state="failed") == [message]
        assert items(fakes, state="dead_lettered") == []

    def test_a_dead_letter_older_than_the_log_begins_anew_when_it_is_replayed(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.failures = [failing(Permanent, "customer_refused")]
        fakes.send("m-1")
        fakes.serve(OUT)
        fakes.lanes.client.delete(*fakes.lanes.client.scan_iter("tc:log*"))
        replay(fakes.dead_lettered(), fakes.lanes)
        fakes.serve(OUT)
        assert events(found(fakes, "m-1")) == ["received", "delivered"]

    def test_a_long_journey_keeps_its_beginning_and_its_latest_steps(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        for number in range(40):
            fakes.twitter.failures = [failing(Retryable, f"reason_{number}")]
            fakes.later(61, OUT)
        journey = found(fakes, "m-1").journey
        assert len(journey) == 11
        assert [step.detail for step in journey[1:4]] == [f"try {n + 1}, reason_{n}" for n in range(3)]
        assert journey[-1].detail == "try 40, reason_39"
        assert journey[4].detail == "try 34, reason_33"

    def test_an_unreadable_event_is_found_by_its_dead_letter(self, fakes: FakeDeliveries) -> None:
        fakes.receive({"for_user_id": ACME, "direct_message_events": [{"type": "message_create"}]})
        fakes.serve(IN)
        (letter,) = fakes.dead_lettered()
        message = found(fakes, letter.id)
        assert (message.customer_id, message.state, message.x_ids) == ("", "dead_lettered", ())


class TestBounds:
    def test_the_log_keeps_so_many_messages_and_no_trace_of_older_ones(self) -> None:
        fakes = FakeDeliveries()
        fakes.lanes.timings = replace(fakes.lanes.timings, log_most=20)
        for number in range(200):
            fakes.clock.advance(0.008)
            fakes.send(f"m-{number}", customer=str(number))
            fakes.serve(OUT)
        kept = items(fakes)
        assert 20 <= len(kept) <= 21
        assert kept[0].cim_ids == ("m-199",)
        assert '"m-1"' not in everything(fakes)
        records = list(fakes.lanes.client.scan_iter("tc:log:*"))
        lookups = list(fakes.lanes.client.scan_iter("tc:log-id:*"))
        assert len(records) == len(lookups) == len(kept)

    def test_what_is_older_than_the_log_is_removed_and_every_key_expires(self, fakes: FakeDeliveries) -> None:
        fakes.send("m-1")
        fakes.serve(OUT)
        client = fakes.lanes.client
        assert [key for key in client.scan_iter("tc:log*") if client.ttl(key) == -1] == []
        fakes.clock.advance(8 * 86400)
        fakes.send("m-2", customer=GRACE)
        assert [m.cim_ids for m in items(fakes)] == [("m-2",)]
        assert "m-1" not in everything(fakes)

    def test_a_log_of_no_days_keeps_nothing(self) -> None:
        fakes = FakeDeliveries()
        fakes.lanes.timings = replace(fakes.lanes.timings, log=0)
        fakes.customer_writes("1201956294212771840", "Hi")
        fakes.cim.failures = [failing(Permanent, "ccm_refused")]
        fakes.serve(IN)
        assert list(fakes.lanes.client.scan_iter("tc:log*")) == []


class TestLogLines:
    def test_log_lines_about_a_message_name_the_customer(
        self, fakes: FakeDeliveries, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caplog.set_level(logging.INFO)
        # pytest has one such handler for all tests.
        monkeypatch.setattr(caplog.handler, "formatter", logs._JsonLines())
        fakes.cim.failures = [failing(Retryable, "ccm_unavailable"), failing(Permanent, "ccm_refused")]
        fakes.customer_writes("1201956294212771840", "Hi")
        fakes.serve(IN)
        fakes.later(60, IN)
        fakes.send("m-1", customer=GRACE)
        fakes.serve(OUT)
        replay(fakes.dead_lettered(), fakes.lanes)
        lines = [json.loads(line) for line in caplog.text.splitlines()]
        assert {line["event"]: line.get("customer") for line in lines} == {
            "delivery_postponed": ADA,
            "dead_lettered": ADA,
            "dm_sent": GRACE,
            "replayed": ADA,
        }
