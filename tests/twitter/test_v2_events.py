"""Webhook bodies and look-ups of API v2: the same message has the same ids and words, whichever way it comes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twitter_connector.delivery.intake import decode, take_in_activities
from twitter_connector.errors import Permanent
from twitter_connector.model.chat import CHAT
from twitter_connector.model.event import DM, READ, TYPING, AccessRevoked, DmEchoed, DmRead, DmReceived
from twitter_connector.model.work import Direction, Effect, Entry
from twitter_connector.twitter.account_activity import load
from twitter_connector.twitter.v2.dm_events import page_events
from twitter_connector.twitter.v2.webhook_body import raw_events

SAMPLES = Path(__file__).parents[1] / "payloads" / "x-v2"
ACCOUNT, CUSTOMER = "222222222", "111111111"


@dataclass
class Inbox:
    items: list[Effect] = field(default_factory=list)

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        self.items += items
        return [True] * len(items)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def only(body: Any, path: str = ACCOUNT) -> Any:
    (event,) = raw_events(body, path)
    return event


def xaa(family: str, items: object, *, account: str | None = ACCOUNT, users: object = None) -> dict[str, Any]:
    filtered = {"filter": {"user_id": account}} if account else {}
    return {"data": {"event_uuid": "-1", **filtered, "event_type": "dm.x", "payload": {family: items, "users": users}}}


def dm(
    event_id: str = "1900000000000000003", *, sender: str = CUSTOMER, recipient: str = ACCOUNT, text: str = "hi"
) -> Any:
    create = {"target": {"recipient_id": recipient}, "sender_id": sender, "message_data": {"text": text}}
    return {"type": "message_create", "id": event_id, "created_timestamp": "1783430823813", "message_create": create}


class TestActivityApi:
    def test_a_message_is_read_with_its_senders_name(self) -> None:
        event = only(sample("xaa_dm_received_live"))
        assert (event.family, event.account_id, event.customer_id, event.id) == (
            DM,
            ACCOUNT,
            CUSTOMER,
            "1900000000000000003",
        )
        message = load(event.envelope)
        assert isinstance(message, DmReceived)
        assert message.text == "hey from your alt"
        assert (message.sender.name, message.sender.screen_name) == ("Alt Account", "alt_account")

    def test_the_account_is_the_filters_and_not_the_paths(self) -> None:
        assert only(sample("xaa_dm_received_live"), path="999").account_id == ACCOUNT

    @pytest.mark.parametrize("path", [ACCOUNT, "999"])
    def test_without_a_filter_the_participants_decide(self, path: str) -> None:
        body = xaa(DM, [dm()], account=None)
        assert (only(body, path).account_id, only(body, path).customer_id) == (ACCOUNT, CUSTOMER)

    def test_an_own_message_is_known_by_its_sender(self) -> None:
        event = only(xaa(DM, [dm(sender=ACCOUNT, recipient=CUSTOMER, text="ours")]))
        assert (event.own, event.customer_id, event.text) == (True, CUSTOMER, "ours")
        assert isinstance(load(event.envelope), DmEchoed)

    @pytest.mark.parametrize("family", [READ, TYPING])
    @pytest.mark.parametrize("wrapped", [True, False])
    def test_typing_and_reading_come_as_an_array_or_as_one_object(self, family: str, wrapped: bool) -> None:
        item = {"created_timestamp": "1783430823813", "sender_id": CUSTOMER, "target": {"recipient_id": ACCOUNT}}
        item["last_read_event_id"] = "1900000000000000003"
        event = only(xaa(family, [item] if wrapped else item))
        assert (event.family, event.account_id, event.customer_id) == (family, ACCOUNT, CUSTOMER)
        assert isinstance(load(event.envelope), DmRead) is (family == READ)

    @pytest.mark.parametrize(
        "broken", [None, {}, "x", 7, {"id": "1"}, {"id": "1", "message_create": {"sender_id": "2"}}]
    )
    def test_an_item_without_content_is_counted_and_its_siblings_are_handled(
        self, broken: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        events = list(raw_events(xaa(DM, [broken, dm("17"), broken, dm("18")]), ACCOUNT))
        assert [e.id for e in events if e.family == DM] == ["17", "18"]
        assert [e.family for e in events if e.family != DM] == ["incomplete", "incomplete"]
        assert all(e.readable for e in events)
        assert [record.getMessage() for record in caplog.records] == ["event_incomplete"] * 2

    def test_a_revoked_access_names_the_user(self) -> None:
        event = only(sample("xaa_oauth_revoke"), path="1")
        assert (event.family, event.account_id) == ("revoke", "1111111111111111111")
        assert load(event.envelope) == AccessRevoked("1111111111111111111", "29820954")

    def test_an_encrypted_message_goes_into_the_lane_of_its_sender(self) -> None:
        event = only(sample("xaa_chat_received"))
        assert (event.family, event.account_id, event.customer_id) == (
            CHAT,
            "1111111111111111111",
            "2222222222222222222",
        )
        assert event.flavour == "chat"

    @pytest.mark.parametrize("name", ["xaa_profile_update_bio_no_uuid"])
    def test_other_kinds_are_only_counted(self, name: str) -> None:
        event = only(sample(name))
        assert event.family == sample(name)["data"]["event_type"]
        assert event.envelope == {}

    @pytest.mark.parametrize(
        "body",
        [{"data": {}}, {"data": {"payload": None}}, {"data": {"event_type": 5, "payload": []}}, {"data": None}, {}],
    )
    def test_an_odd_body_is_no_failure(self, body: Any) -> None:
        assert all(event.readable and event.envelope == {} for event in raw_events(body, ACCOUNT))


class TestAccountActivity:
    def test_a_body_in_the_older_form_is_read_alike(self) -> None:
        event = only(sample("aaa_direct_message_events_text"), path="1")
        assert (event.family, event.account_id, event.customer_id) == (DM, "4337869213", "3001969357")

    def test_a_replay_jobs_state_is_only_counted(self) -> None:
        assert only(sample("replay_job_status_complete")).family == "replay_job_status"


def lookup(**changes: Any) -> dict[str, Any]:
    row = {
        "id": "1900000000000000003",
        "sender_id": CUSTOMER,
        "text": "hey from your alt",
        "created_at": "2026-07-07T13:27:03.813Z",
        "event_type": "MessageCreate",
        "dm_conversation_id": f"{CUSTOMER}-{ACCOUNT}",
    }
    users = [{"id": CUSTOMER, "name": "Alt Account", "username": "alt_account"}]
    return {"data": [{**row, **changes}], "includes": {"users": users}}


class TestLookups:
    def test_a_message_is_the_same_by_webhook_and_by_lookup(self) -> None:
        by_webhook, (by_lookup,) = only(sample("xaa_dm_received_live")), page_events(lookup(), ACCOUNT)
        assert (by_lookup.id, by_lookup.account_id, by_lookup.customer_id) == (by_webhook.id, ACCOUNT, CUSTOMER)
        one, other = load(by_webhook.envelope), load(by_lookup.envelope)
        assert isinstance(one, DmReceived)
        assert isinstance(other, DmReceived)
        assert (other.text, other.sender.name, other.event_id) == (one.text, one.sender.name, one.event_id)
        assert abs((other.created_at - one.created_at).total_seconds()) < 1

    def test_the_documented_page_is_read(self) -> None:
        events = page_events(sample("dm_events_page_200"), "944480690")
        assert [event.id for event in events] == [
            row["id"] for row in sample("dm_events_page_200")["data"] if "-" in row["dm_conversation_id"]
        ]
        assert all(event.own for event in events)

    @pytest.mark.parametrize(
        "changes",
        [
            {"dm_conversation_id": "1578398451921985538"},
            {"dm_conversation_id": "1-2"},
            {"dm_conversation_id": None, "participant_ids": [ACCOUNT, CUSTOMER, "333"]},
            {"dm_conversation_id": None, "participant_ids": [ACCOUNT, "333"]},
            {"dm_conversation_id": None, "sender_id": ACCOUNT},
        ],
    )
    def test_messages_of_groups_are_counted_and_ignored(self, changes: dict[str, Any]) -> None:
        events = page_events(lookup(**changes), ACCOUNT)
        inbox, counted = Inbox(), list[tuple[str, str]]()
        take_in_activities(events, inbox, lambda *outcome: counted.append(outcome), by="poll", looked_up=True)
        assert counted == [(DM, "ignored")]
        assert events[0].id == "1900000000000000003", "the poller goes on from it"

    @pytest.mark.parametrize("changes", [{"event_type": "ParticipantsJoin"}, {"id": None}, {"id": {}}])
    def test_other_events_and_those_without_an_id_are_left_out(self, changes: dict[str, Any]) -> None:
        assert page_events(lookup(**changes), ACCOUNT) == []

    @pytest.mark.parametrize("conversation", [None, "", [], {}])
    @pytest.mark.parametrize(
        ("sender", "participants", "own"),
        [
            (CUSTOMER, [ACCOUNT, CUSTOMER], False),
            (CUSTOMER, [int(CUSTOMER), int(ACCOUNT)], False),
            (None, [ACCOUNT, CUSTOMER], False),
            (CUSTOMER, [CUSTOMER], False),
            (ACCOUNT, [ACCOUNT, CUSTOMER], True),
        ],
    )
    def test_without_a_conversation_the_participants_tell_it(
        self, conversation: object, sender: object, participants: list[object], own: bool
    ) -> None:
        body = lookup(dm_conversation_id=conversation, sender_id=sender, participant_ids=participants)
        (event,) = page_events(body, ACCOUNT)
        assert (event.readable, event.own, event.customer_id) == (True, own, CUSTOMER)

    @pytest.mark.parametrize(
        "changes",
        [
            {"dm_conversation_id": None},
            {"dm_conversation_id": None, "sender_id": None},
            {"dm_conversation_id": None, "participant_ids": "333"},
            {"text": ["hi"]},
        ],
    )
    def test_a_customers_message_that_cannot_be_read_becomes_a_dead_letter(self, changes: dict[str, Any]) -> None:
        """Without conversation and participants it may be of a group, so no agent may answer it as a Direct Message."""
        (event,) = page_events(lookup(**changes), ACCOUNT)
        assert event.id == "1900000000000000003", "told apart from other messages at the next poll"
        inbox, counted = Inbox(), list[tuple[str, str]]()
        take_in_activities([event], inbox, lambda *outcome: counted.append(outcome), by="poll", looked_up=True)
        assert counted == [(DM, "accepted")]
        (entry,) = inbox.items
        assert isinstance(entry, Entry)
        with pytest.raises(Permanent) as failure:
            decode(entry.payload, Direction.IN, lambda envelope, flavour: load(envelope))
        assert failure.value.reason == "unreadable_event"

    def test_a_text_that_is_a_number_is_taken_in(self) -> None:
        (event,) = page_events(lookup(text=42), ACCOUNT)
        message = load(event.envelope)
        assert isinstance(message, DmReceived)
        assert message.text == "42"

    def test_an_own_message_goes_to_the_other_of_the_two(self) -> None:
        (event,) = page_events(lookup(sender_id=ACCOUNT, text="ours"), ACCOUNT)
        assert (event.own, event.customer_id, event.text) == (True, CUSTOMER, "ours")

    def test_without_a_sender_the_message_is_the_customers(self) -> None:
        (event,) = page_events(lookup(sender_id=None), ACCOUNT)
        assert (event.own, event.customer_id) == (False, CUSTOMER)

    def test_ids_that_come_as_numbers_keep_every_digit(self) -> None:
        (event,) = page_events(lookup(id=1900000000000000003, sender_id=int(CUSTOMER)), ACCOUNT)
        assert event.id == "1900000000000000003"

    def test_without_a_moment_the_id_tells_it(self) -> None:
        (event,) = page_events(lookup(created_at=None), ACCOUNT)
        assert event.created_ms == (1900000000000000003 >> 22) + 1288834974657

    def test_a_video_has_its_variants_and_the_text_loses_its_link(self) -> None:
        body = lookup(
            text="look https://t.co/AbC123xyZ0",
            attachments={"media_keys": ["7_1900000000000000004"]},
            entities={
                "urls": [
                    {
                        "url": "https://t.co/AbC123xyZ0",
                        "expanded_url": "https://x.com/messages/media/1900000000000000003",
                    }
                ]
            },
        )
        variant = {"bit_rate": 832000, "content_type": "video/mp4", "url": "https://video.twimg.com/dm_video/1/a.mp4"}
        body["includes"]["media"] = [
            {
                "media_key": "7_1900000000000000004",
                "type": "video",
                "preview_image_url": "https://pbs.twimg.com/p.jpg",
                "duration_ms": 1000,
                "variants": [variant],
            }
        ]
        message = load(page_events(body, ACCOUNT)[0].envelope)
        assert isinstance(message, DmReceived)
        assert message.media is not None
        assert (message.media.id, message.media.kind) == ("1900000000000000004", "video")
        assert message.media.link == "https://t.co/AbC123xyZ0"
        assert [(v.url, v.bitrate) for v in message.media.variants] == [(variant["url"], 832000)]

    def test_a_file_that_is_not_described_is_still_attached(self) -> None:
        message = load(page_events(lookup(attachments={"media_keys": ["3_9"]}), ACCOUNT)[0].envelope)
        assert isinstance(message, DmReceived)
        assert message.media is not None
        assert (message.media.kind, message.media.url) == ("attachment", "")

    def test_any_field_may_be_missing_or_of_another_type(self) -> None:
        whole = lookup(attachments={"media_keys": ["3_9"]}, entities={"urls": [{"url": "https://t.co/a"}]})
        for name in list(whole["data"][0]):
            for value in (None, [], {}, 7, "x", [None], {"urls": None}, {"media_keys": [None]}):
                body = copy.deepcopy(whole)
                body["data"][0][name] = value
                events = page_events(body, ACCOUNT)
                if name not in ("id", "event_type"):
                    assert len(events) == 1, (name, value)
        for includes in (None, [], {"media": None, "users": {}}, {"media": [None], "users": [None, {"id": None}]}):
            assert len(page_events({**whole, "includes": includes}, ACCOUNT)) == 1
        for data in (None, {}, "x", 5, [None, 7]):
            assert page_events({"data": data}, ACCOUNT) == []
