"""Account Activity payloads: cut into activities with what their lanes need, and read in full later."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twitter_connector.cim.envelope import dump_message
from twitter_connector.errors import Permanent
from twitter_connector.messages.to_cim import to_cim
from twitter_connector.model.event import (
    DM,
    READ,
    TYPING,
    AccessRevoked,
    CustomerTyping,
    DmEchoed,
    DmRead,
    DmReceived,
    RawEvent,
    UnknownActivity,
    order_of,
)
from twitter_connector.model.message import CimMessage, MediaPart
from twitter_connector.model.plan import Skip
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.twitter.account_activity import load, raw_events

PAYLOADS = Path(__file__).parents[1] / "payloads" / "activity"
PAIRS = sorted(path.name.removesuffix(".in.json") for path in PAYLOADS.glob("*.in.json"))
ACCOUNT, CUSTOMER = "2975699229", "1205290247124217856"


def came_in(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.in.json").read_bytes())
    return found


def must_come_out(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.out.json").read_bytes())
    return found


def only(payload: dict[str, Any], path_account: str = ACCOUNT) -> RawEvent:
    (raw_event,) = raw_events(payload, path_account)
    return raw_event


def text_dm(**changes: Any) -> dict[str, Any]:
    """Return the captured text message with changes to its event; None takes a field away."""
    payload = came_in("text")
    event = payload[DM][0]
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = event
        for parent in parents:
            inner = inner[parent]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return payload


class TestPairs:
    def test_every_payload_has_its_other_half(self) -> None:
        assert len(PAIRS) >= 20
        assert {p.name.removesuffix(".out.json") for p in PAYLOADS.glob("*.out.json")} == set(PAIRS)

    @pytest.mark.parametrize("name", PAIRS)
    def test_a_payload_is_split_into_the_expected_events(self, name: str) -> None:
        pairs = zip_all(must_come_out(name)["raw_events"], came_in(name))
        found = [{k: list(v) if isinstance(v := getattr(p, k), tuple) else v for k in e} for e, p in pairs]
        assert found == must_come_out(name)["raw_events"]

    @pytest.mark.parametrize("name", [n for n in PAIRS if "activity" in must_come_out(n)])
    def test_an_event_is_read_as_the_expected_activity(self, name: str) -> None:
        expected = must_come_out(name)["activity"]
        activity = load(only(came_in(name)).envelope)
        found: dict[str, Any] = {"kind": type(activity).__name__}
        for key in expected.keys() - {"kind"}:
            if key == "created_ms":
                found[key] = epoch_ms(activity.created_at)  # type: ignore[union-attr]
            elif key == "links":
                found[key] = [[link.short, link.expanded] for link in activity.links]  # type: ignore[union-attr]
            elif key in ("sender", "reader"):
                person = getattr(activity, key)
                found[key] = [person.name, person.screen_name]
                assert person.id == CUSTOMER or name not in ("text", "link")
            else:
                found[key] = getattr(activity, key)
        assert found == expected

    @pytest.mark.parametrize("name", [n for n in PAIRS if "cim" in must_come_out(n)])
    def test_a_customers_text_becomes_the_expected_cim_message(self, name: str) -> None:
        messages = to_cim(load(only(came_in(name)).envelope))
        assert not isinstance(messages, Skip)
        assert [dump_message(m) for m in messages] == must_come_out(name)["cim"]  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", PAIRS)
    def test_a_stored_event_reads_the_same_as_the_received_one(self, name: str) -> None:
        for raw_event in raw_events(came_in(name), ACCOUNT):
            kept = json.loads(json.dumps(raw_event.envelope))
            assert load(kept) == load(raw_event.envelope)
            # Nothing is kept of a profile but its names.
            for person in kept.get("users", {}).values():
                assert set(person) <= {"id", "name", "screen_name"}


def zip_all(expected: list[dict[str, Any]], payload: dict[str, Any]) -> list[tuple[dict[str, Any], RawEvent]]:
    found = list(raw_events(payload, "1"))
    assert len(found) == len(expected)
    return list(zip(expected, found, strict=True))


class TestCutting:
    def test_several_events_in_one_body_come_one_by_one(self) -> None:
        payload = {**came_in("text"), **came_in("mark_read"), **came_in("follow")}
        second = came_in("link")[DM][0]
        payload[DM].append(second)
        payload[TYPING] = came_in("typing")[TYPING] * 2
        found = list(raw_events(payload, ACCOUNT))
        assert [p.family for p in found] == [DM, DM, READ, "follow_events", TYPING, TYPING]
        assert [p.id for p in found[:2]] == ["1206724334791753732", "1209004344399429636"]
        # Each stands for itself: the envelope of one holds nothing of the others.
        assert [len(p.envelope[p.family]) for p in found if p.envelope] == [1, 1, 1, 1, 1]

    def test_an_event_that_is_not_in_a_list_is_read_all_the_same(self) -> None:
        payload = came_in("text")
        payload[DM] = payload[DM][0]
        raw_event = only(payload)
        assert (raw_event.id, raw_event.readable) == ("1206724334791753732", True)
        assert isinstance(load(raw_event.envelope), DmReceived)

    def test_the_account_of_the_path_stands_in_where_none_is_named(self) -> None:
        payload = came_in("text")
        del payload["for_user_id"]
        assert only(payload, ACCOUNT).account_id == ACCOUNT

    @pytest.mark.parametrize("odd", ["", None, "abc", "1" * 21, {}, [], True, 1.5, "١٢٣"])
    def test_an_account_that_is_no_id_is_not_believed(self, odd: object) -> None:
        payload = came_in("text")
        payload["for_user_id"] = odd
        assert only(payload, ACCOUNT).account_id == ACCOUNT

    def test_ids_as_numbers_beyond_53_bits_lose_nothing(self) -> None:
        raw = json.dumps(text_dm()).replace('"1206724334791753732"', "1206724334791753733")
        raw = raw.replace('"1205290247124217856"', "9007199254740993", 1)
        raw_event = only(json.loads(raw))
        assert raw_event.id == "1206724334791753733"
        activity = load(raw_event.envelope)
        assert isinstance(activity, DmReceived)
        assert activity.event_id == "1206724334791753733"
        assert activity.customer_id == raw_event.customer_id

    def test_own_messages_are_told_by_their_sender(self) -> None:
        echo, received = only(came_in("echo_web")), only(came_in("text"))
        assert (echo.own, echo.customer_id) == (True, CUSTOMER)
        assert (received.own, received.customer_id) == (False, CUSTOMER)
        assert isinstance(load(echo.envelope), DmEchoed)

    def test_an_app_id_on_a_customers_message_does_not_make_it_ours(self) -> None:
        activity = load(only(text_dm(message_create__source_app_id="3033300")).envelope)
        assert isinstance(activity, DmReceived)
        assert activity.source_app_id == "3033300"

    def test_users_nested_among_the_apps_do_no_harm(self) -> None:
        payload = came_in("text")
        payload["apps"], payload["users"] = {"1": {"id": "1"}, **payload["users"]}, {}
        activity = load(only(payload).envelope)
        assert isinstance(activity, DmReceived)
        assert (activity.sender.id, activity.sender.name) == (CUSTOMER, "")

    def test_typing_for_somebody_who_is_neither_of_the_two_goes_to_the_recipient(self) -> None:
        payload = came_in("typing")
        payload["for_user_id"] = "4337869213"
        raw_event = only(payload)
        assert (raw_event.account_id, raw_event.customer_id, raw_event.own) == (ACCOUNT, CUSTOMER, False)
        activity = load(raw_event.envelope)
        assert isinstance(activity, CustomerTyping)
        assert (activity.account_id, activity.customer_id) == (ACCOUNT, CUSTOMER)

    def test_the_account_reading_is_not_the_customer_reading(self) -> None:
        payload = came_in("mark_read")
        event = payload[READ][0]
        event["sender_id"], event["target"]["recipient_id"] = ACCOUNT, CUSTOMER
        raw_event = only(payload)
        assert (raw_event.own, raw_event.customer_id) == (True, CUSTOMER)

    @pytest.mark.parametrize(
        "payload",
        [
            text_dm(id=None),
            text_dm(id="not an id"),
            text_dm(id="1" * 21),
            text_dm(id=True),
            text_dm(message_create=None),
            text_dm(message_create__sender_id=None),
            text_dm(message_create__sender_id="1:2"),
            text_dm(message_create__target=None),
            text_dm(message_create__target={"recipient_id": "x\ny"}),
            {"for_user_id": ACCOUNT, DM: ["text"]},
            {"for_user_id": ACCOUNT, DM: [None]},
            {"for_user_id": ACCOUNT, DM: 7},
            {"for_user_id": ACCOUNT, READ: [{"sender_id": CUSTOMER, "target": {"recipient_id": ACCOUNT}}]},
            {"for_user_id": ACCOUNT, TYPING: [{}]},
        ],
        ids=lambda p: json.dumps(p.get(DM, p))[-40:],
    )
    def test_an_event_without_ids_is_kept_as_unreadable_under_an_id_of_its_own(self, payload: dict[str, Any]) -> None:
        raw_event = only(payload)
        assert not raw_event.readable
        assert raw_event.account_id == ACCOUNT
        assert len(raw_event.id) == 64
        # The same body again is the same event; another body is another event.
        assert only(copy.deepcopy(payload)).id == raw_event.id != only({"for_user_id": ACCOUNT, DM: ["other"]}).id
        with pytest.raises(Permanent) as caught:
            load(raw_event.envelope)
        assert caught.value.reason == "unreadable_event"

    def test_half_a_surrogate_pair_does_not_stop_an_event(self) -> None:
        body = json.dumps(text_dm(message_create__message_data__text="a \ud83d b")).encode()
        raw_event = only(json.loads(body))
        kept = json.dumps(raw_event.envelope)
        kept.encode()
        activity = load(json.loads(kept))
        assert isinstance(activity, DmReceived)
        assert activity.text == "a \ud83d b"
        assert only(json.loads(json.dumps({"for_user_id": ACCOUNT, DM: ["\ud800"]}))).id

    def test_unknown_families_are_events_without_content(self) -> None:
        found = list(raw_events({"for_user_id": ACCOUNT, "brand_new_events": [{"secret": 1}], "other": None}, "1"))
        assert [(p.family, p.account_id, dict(p.envelope)) for p in found] == [
            ("brand_new_events", ACCOUNT, {}),
            ("other", ACCOUNT, {}),
        ]
        assert load({}) == UnknownActivity("")

    def test_a_revocation_names_the_account_itself(self) -> None:
        raw_event = only(came_in("revoke"), "1")
        assert (raw_event.family, raw_event.account_id) == ("revoke", "63046977")
        assert load(raw_event.envelope) == AccessRevoked("63046977", "13090192")

    @pytest.mark.parametrize("event", [{}, {"revoke": None}, {"revoke": {}}, {"revoke": {"source": "x"}}, "x", []])
    def test_a_user_event_of_another_shape_is_survived(self, event: Any) -> None:
        for raw_event in raw_events({"user_event": event}, ACCOUNT):
            assert raw_event.account_id == ACCOUNT


class TestOrder:
    def test_messages_are_sorted_by_their_ids_as_numbers(self) -> None:
        ids = ["9", "10", "9007199254740992", "9007199254740993", "1206724334791753732", "99999999999999999999"]
        orders = [order_of(only(text_dm(id=i))) for i in ids]
        assert orders == sorted(orders)
        assert len(set(orders)) == len(ids)

    def test_a_read_mark_is_sorted_by_its_moment_among_messages(self) -> None:
        # Read after the message of 1576540444626 and before that of 1576540475925.
        before, read, after = (only(came_in(n)) for n in ("echo_web", "mark_read", "text"))
        assert order_of(before) < order_of(read) < order_of(after)

    @given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
    def test_text_order_is_number_order(self, one: int, other: int) -> None:
        first, second = (order_of(RawEvent(DM, "1", "2", str(n))) for n in (one, other))
        assert (first < second) == (one < other)


class TestReading:
    def test_a_missing_moment_is_read_from_the_id(self) -> None:
        activity = load(only(text_dm(created_timestamp=None)).envelope)
        assert isinstance(activity, DmReceived)
        assert epoch_ms(activity.created_at) == 1576540475925

    def test_missing_entities_and_texts_are_empty(self) -> None:
        activity = load(only(text_dm(message_create__message_data={})).envelope)
        assert isinstance(activity, DmReceived)
        assert (activity.text, activity.links, activity.media, activity.answer) == ("", (), None, None)

    @pytest.mark.parametrize(
        ("urls", "links"),
        [
            (None, []),
            ([{"url": "https://t.co/a", "expanded_url": None}], [("https://t.co/a", "https://t.co/a")]),
            ([{"url": None, "expanded_url": "https://example.com/"}], []),
        ],
    )
    def test_a_link_that_is_not_told_costs_no_message(self, urls: Any, links: list[tuple[str, str]]) -> None:
        activity = load(only(text_dm(message_create__message_data__entities={"urls": urls})).envelope)
        assert isinstance(activity, DmReceived)
        assert activity.text
        assert [(link.short, link.expanded) for link in activity.links] == links

    def test_a_quick_reply_answer_carries_our_metadata(self) -> None:
        answer = {"type": "options", "metadata": "external_id_2"}
        activity = load(only(text_dm(message_create__message_data__quick_reply_response=answer)).envelope)
        assert isinstance(activity, DmReceived)
        assert activity.answer is not None
        assert activity.answer.metadata == "external_id_2"
        bare = load(only(text_dm(message_create__message_data__quick_reply_response={"type": "options"})).envelope)
        assert isinstance(bare, DmReceived)
        assert bare.answer is not None
        assert bare.answer.metadata is None

    @pytest.mark.parametrize(
        "pair", [[-122.443893, 37.771718], ["-122.443893", "37.771718"], [-122.443893, 37.771718, 16.0]]
    )
    def test_a_shared_coordinate_is_longitude_first(self, pair: list[Any]) -> None:
        point = {"type": "Point", "coordinates": pair}
        location = {"type": "shared_coordinate", "shared_coordinate": {"coordinates": point}}
        attachment = {"type": "location", "location": location}
        activity = load(only(text_dm(message_create__message_data__attachment=attachment)).envelope)
        assert isinstance(activity, DmReceived)
        assert activity.place is not None
        assert (activity.place.latitude, activity.place.longitude) == (37.771718, -122.443893)

    def test_a_read_mark_names_what_was_read(self) -> None:
        activity = load(only(came_in("mark_read")).envelope)
        assert isinstance(activity, DmRead)
        assert (activity.account_id, activity.customer_id) == (ACCOUNT, CUSTOMER)

    @pytest.mark.parametrize("stamp", ["99999999999999999999", 10**30, -(10**18), "soon", 1e300, [], {}, True, ""])
    def test_an_absurd_moment_is_replaced_by_the_one_inside_the_id(self, stamp: object) -> None:
        raw_event = only(text_dm(created_timestamp=stamp))
        activity = load(raw_event.envelope)
        assert isinstance(activity, DmReceived)
        assert epoch_ms(activity.created_at) == raw_event.created_ms == 1576540475925

    def test_an_error_names_the_place_and_quotes_nothing(self) -> None:
        payload = text_dm(message_create__message_data__text=["planted words"])
        with pytest.raises(Permanent) as caught:
            load(only(payload).envelope)
        assert "message_create.message_data.text" in caught.value.detail
        assert "planted" not in str(caught.value)

    def test_a_repr_shows_no_text(self) -> None:
        raw_event = only(text_dm(message_create__message_data__text="planted words"))
        assert "planted" not in repr(raw_event)
        assert "planted" not in repr(load(raw_event.envelope))


class Unreadable(Exception):
    """The one way in which an event may be refused."""


def read_or_refuse(raw_event: RawEvent) -> None:
    try:
        load(raw_event.envelope)
    except Permanent as error:
        raise (Unreadable if error.reason == "unreadable_event" else AssertionError)(error.reason) from error


ODDITIES: list[Any] = [None, True, 0, -1, 10**25, 1e300, "", "x", [], {}, [1], {"a": 1}, [None], "\ud800", "12"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, v in inner for p in [(*path, key), *places(v, (*path, key))]]


def with_location(location: Any) -> dict[str, Any]:
    return text_dm(message_create__message_data__attachment={"type": "location", "location": location})


BASES = [came_in(name) for name in PAIRS] + [
    with_location({"type": "shared_coordinate", "shared_coordinate": {"coordinates": {"coordinates": [1.0, 2.0]}}}),
    with_location({"type": "shared_place", "shared_place": {"place": {"id": "1", "attributes": {"x": "y"}}}}),
]


# Without these an event says nothing; every other field may be missing, null or of any type.
NEEDED = {
    DM: {
        ("id",),
        ("message_create",),
        ("message_create", "sender_id"),
        ("message_create", "target"),
        ("message_create", "target", "recipient_id"),
        ("message_create", "message_data"),
        ("message_create", "message_data", "text"),
    },
    READ: {("sender_id",), ("target",), ("target", "recipient_id"), ("last_read_event_id",)},
    TYPING: {("sender_id",), ("target",), ("target", "recipient_id")},
}
FIXTURES = sorted(path for path in PAYLOADS.parent.rglob("*.json") if path.parent.name in ("activity", "x-events"))


def events_in(value: Any) -> list[dict[str, Any]]:
    """Return the bodies of webhooks in a file: the whole file, or what the documents show of one event."""
    if isinstance(value, dict) and any(family in value for family in (DM, TYPING, READ)):
        return [value]
    if isinstance(value, dict) and "message_create" in value:
        create = {"sender_id": CUSTOMER, **value["message_create"]}
        account = create["target"]["recipient_id"]
        return [{"for_user_id": account, DM: [{"id": "1206724334791753732", **value, "message_create": create}]}]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [event for entry in inner for event in events_in(entry)]


def changed(payload: dict[str, Any], path: tuple[Any, ...], instead: Any) -> dict[str, Any]:
    payload = copy.deepcopy(payload)
    inner: Any = payload
    for key in path[:-1]:
        inner = inner[key]
    if instead is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = copy.deepcopy(instead)
    return payload


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_optional_field_may_be_missing_null_or_of_any_type(path: Path) -> None:
    for payload in events_in(json.loads(path.read_bytes())):
        family = next(f for f in (DM, TYPING, READ) if f in payload)
        whole = load(only(payload).envelope)
        for place in places(payload):
            # An event that is gone is no event; an account's own id is read from the path then.
            if place == (family,) or (place[0] == family and (place[2:] in NEEDED[family] or place[2:] == ())):
                continue
            for instead in (..., *ODDITIES):
                for raw_event in raw_events(changed(payload, place, instead), only(payload).account_id):
                    if raw_event.family == "x" or not raw_event.envelope:
                        continue
                    assert raw_event.readable, (place, instead)
                    activity = load(raw_event.envelope)
                    if place[0] == "for_user_id" and isinstance(whole, DmEchoed):
                        continue
                    assert type(activity) is type(whole), (place, instead)
                    if isinstance(activity, DmReceived):
                        assert activity.text == whole.text  # type: ignore[union-attr]
                        made = to_cim(activity)
                        assert not isinstance(made, Skip)
                        assert made
                        for message in made:
                            if not isinstance(message, MediaPart):
                                json.dumps(dump_message(message)).encode()


@pytest.mark.parametrize("media", [None, [], "x", 7, {}, {"media_url_https": None, "type": None}])
def test_an_attached_file_that_cannot_be_read_becomes_a_note_to_the_agent(media: Any) -> None:
    attachment = {"type": "media", "media": media}
    made = to_cim(load(only(text_dm(message_create__message_data__attachment=attachment)).envelope))
    assert isinstance(made, tuple)
    text, note = made
    assert isinstance(text, CimMessage)
    assert isinstance(note, CimMessage)
    assert text.body["markdownText"] == came_in("text")[DM][0]["message_create"]["message_data"]["text"]
    assert note.body["markdownText"].startswith("[The customer sent an attachment that cannot be shown here. ")


@pytest.mark.parametrize("location", [None, [], "x", 7, {}, {"shared_coordinate": None}])
def test_a_shared_place_that_cannot_be_read_becomes_a_note_to_the_agent(location: Any) -> None:
    attachment = {"type": "location", "location": location}
    made = to_cim(load(only(text_dm(message_create__message_data__attachment=attachment)).envelope))
    assert isinstance(made, tuple)
    assert isinstance(made[1], CimMessage)
    assert made[1].body["markdownText"].startswith("[The customer shared a place ")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_odd_in_a_payload_it_is_read_or_refused_by_name(data: st.DataObject) -> None:
    payload = copy.deepcopy(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(payload) or [()]))
        if path:
            inner: Any = payload
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(ODDITIES)))
    for raw_event in raw_events(payload, ACCOUNT):
        json.dumps(raw_event.envelope).encode()
        if raw_event.customer_id:
            order_of(raw_event)
        with suppress(Unreadable):
            read_or_refuse(raw_event)
