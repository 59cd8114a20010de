"""CIM's envelope and header: both shapes that arrive, the one shape that leaves, and what is refused and why."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from twitter_connector.cim.envelope import CONNECTOR_SENDER_ID, dump_message, load_dumped, load_message
from twitter_connector.errors import RecipientRefused
from twitter_connector.messages.kinds.delivery_report import delivered, failed
from twitter_connector.model.message import CimMessage, Header
from twitter_connector.model.timestamps import moment

PAYLOADS = Path(__file__).parents[1] / "payloads" / "cim"
HEADERS = "channelCustomerIdentifier", "serviceIdentifier"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    return found


def errors_of(data: object) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        load_message(data)
    found: dict[str, Any] = caught.value.normalized_messages()
    return found


class TestWhatArrives:
    def test_the_present_shape(self) -> None:
        message = load_message(sample("new_shape"))
        assert message.id == "8d3fd806-e865-441c-a93a-c5d8e6322e94"
        assert message.type == "PLAIN"
        assert message.body == {"type": "PLAIN", "markdownText": "Your order leaves *today*."}
        header = message.header
        assert (header.account_id, header.customer_id) == ("732739706", "210375291")
        assert (header.first_name, header.last_name) == ("Ada", "Lovelace")
        assert header.timestamp == moment(1706273980624)
        assert (header.sender_type, header.intent, header.entities, header.encoded) == ("AGENT", None, {}, False)

    def test_the_shape_of_former_versions(self) -> None:
        message = load_message(sample("old_shape"))
        assert message.id == "2c5a89f1-6d9b-47ee-a4f6-b4cddd487099"
        assert (message.header.account_id, message.header.customer_id) == ("732739706", "210375291")
        assert message.header.timestamp == moment(1653888665578)

    def test_the_shape_of_former_versions_without_channel_data_of_its_own(self) -> None:
        old = sample("old_shape")
        for absent in ({}, {"channelData": None}):
            header = {k: v for k, v in old["header"].items() if k != "channelData"}
            message = load_message({**old, "header": {**header, **absent}})
            assert (message.header.account_id, message.header.customer_id) == ("732739706", "210375291")

    def test_a_base64_text_is_flagged_and_left_as_it_is(self) -> None:
        message = load_message(sample("encoded"))
        assert message.header.encoded
        assert message.body["markdownText"] == "SG93IG1heSBJIGhlbHAgeW91Pw=="

    @pytest.mark.parametrize("flag", ["true", 1, None, False, {}])
    def test_only_true_is_the_flag(self, flag: object) -> None:
        data = sample("encoded")
        data["header"]["additionalData"]["isEncoded"] = flag
        assert not load_message(data).header.encoded

    def test_the_name_of_the_message_replied_to_before_it_was_renamed(self) -> None:
        data = sample("new_shape")
        del data["header"]["originalMessageId"]
        data["header"]["replyToMessageId"] = "quoted"
        assert load_message(data).header.original_message_id == "quoted"
        data["header"]["originalMessageId"] = "newer name"
        assert load_message(data).header.original_message_id == "newer name"

    def test_nothing_but_the_identifiers_has_to_be_there(self) -> None:
        bare = {
            "id": "1",
            "header": {"channelData": {"channelCustomerIdentifier": 210375291, "serviceIdentifier": "7"}},
            "body": {"type": "plain"},
        }
        message = load_message(bare)
        assert message == CimMessage("1", Header("7", "210375291", sender_type=""), {"type": "plain"})
        assert message.type == "PLAIN"

    def test_every_other_header_field_may_be_anything(self) -> None:
        odd: list[Any] = [None, "", "x", 0, -1, 1.5, True, [], {}, [None], {"a": {}}]
        fields = set(sample("new_shape")["header"]) | {"additionalData", "replyToMessageId", "channelSession"}
        for field in fields - {"channelData"}:
            for value in odd:
                data = sample("new_shape")
                data["header"][field] = value
                assert load_message(data).header.account_id == "732739706", (field, value)
        for name in ("customerFirstName", "customerLastName", "requestPriority", "additionalAttributes"):
            for value in odd:
                data = sample("new_shape")
                data["header"]["channelData"][name] = value
                assert load_message(data).header.customer_id == "210375291", (name, value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1706273980624, moment(1706273980624)),
            ("1706273980624", moment(1706273980624)),
            (" 1706273980624 ", moment(1706273980624)),
            (0, moment(0)),
            ("2024-01-26T12:59:40.624Z", moment(1706273980624)),
            ("2024-01-26T12:59:40.624+00:00", moment(1706273980624)),
            ("2024-01-26T13:59:40.624+0100", moment(1706273980624)),
            ("2024-01-26T12:59:40.624", moment(1706273980624)),
            ("2024-01-26", datetime(2024, 1, 26, tzinfo=UTC)),
            ("2024-01-26T12:59:40", datetime(2024, 1, 26, 12, 59, 40, tzinfo=UTC)),
            (253402300799999, datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
            ("", None),
            ("   ", None),
            (None, None),
            ("yesterday", None),
            (True, None),
            (1706273980.624, None),
            (-5, None),
            (253402300800000, None),
            ("253402300800000", None),
            (10**15, None),
            (10**30, None),
            ("9" * 5000, None),
            ("١٧٠٦", None),
            ([], None),
            ({}, None),
        ],
        ids=lambda v: repr(v)[:30],
    )
    def test_a_timestamp_in_any_form(self, value: object, expected: datetime | None) -> None:
        data = sample("new_shape")
        data["header"]["timestamp"] = value
        assert load_message(data).header.timestamp == expected

    def test_a_moment_read_is_an_aware_one(self) -> None:
        data = sample("new_shape")
        data["header"]["timestamp"] = "2024-01-26T13:59:40.624+01:00"
        at = load_message(data).header.timestamp
        assert at is not None
        assert at.utcoffset() == timedelta(hours=1)
        assert dump_message(load_message(data))["header"]["timestamp"] == 1706273980624

    def test_a_repr_shows_neither_text_nor_name(self) -> None:
        shown = repr(load_message(sample("new_shape")))
        assert not [word for word in ("leaves", "Ada", "Lovelace") if word in shown]


class TestWhatIsRefused:
    @pytest.mark.parametrize("data", [None, [], "text", 7, True, [{}]])
    def test_what_is_no_object(self, data: object) -> None:
        assert errors_of(data).keys() == {"_schema"}

    @pytest.mark.parametrize("field", ["id", "header", "body"])
    @pytest.mark.parametrize("value", [None, [], True, "absent"])
    def test_a_missing_part_is_named(self, field: str, value: object) -> None:
        data = sample("new_shape")
        if value == "absent":
            del data[field]
        else:
            data[field] = value
        assert field in errors_of(data)

    @pytest.mark.parametrize("name", HEADERS)
    @pytest.mark.parametrize("value", ["", "  ", None, "a b", "a\nb", "a\x00", "x" * 129, [], {}, 1.5, False, "absent"])
    def test_a_bad_identifier_is_named(self, name: str, value: object) -> None:
        data = sample("new_shape")
        channel = data["header"]["channelData"]
        if value == "absent":
            del channel[name]
        else:
            channel[name] = value
        assert name in errors_of(data)["header"]["channelData"]

    def test_everything_that_is_wrong_is_told_at_once(self) -> None:
        data = {"id": "", "header": {"channelData": {"serviceIdentifier": ""}}, "body": []}
        found = errors_of(data)
        assert found.keys() == {"id", "header", "body"}
        assert found["header"]["channelData"].keys() == set(HEADERS)

    @pytest.mark.parametrize("type_", [None, "", "  ", 7, [], "absent"])
    def test_a_body_without_a_type_is_refused(self, type_: object) -> None:
        data = sample("new_shape")
        data["body"]["type"] = type_
        if type_ == "absent":
            del data["body"]["type"]
        assert errors_of(data) == {"body": {"type": ["Missing data for required field."]}}

    def test_an_id_of_the_full_length_is_taken(self) -> None:
        data = sample("new_shape")
        data["id"] = "x" * 128
        assert load_message(data).id == "x" * 128

    def test_an_error_quotes_no_text(self) -> None:
        data = sample("new_shape")
        data["id"], data["body"]["markdownText"] = "planted id", "planted words"
        assert "planted" not in json.dumps(errors_of(data))


class TestWhatLeaves:
    def message(self) -> CimMessage:
        header = Header(
            account_id="732739706",
            customer_id="210375291",
            first_name="Ada",
            last_name="Lovelace",
            timestamp=moment(1706273984134),
            provider_message_id="1750853984134090753",
        )
        body = {"type": "PLAIN", "markdownText": "Hello, where is my order? 😀"}
        return CimMessage("5d2f9a10-6c1e-4b7a-9c33-000000010101", header, body)

    def test_a_message_equals_the_documents_sample_key_by_key(self) -> None:
        expected = sample("plain_to_ccm")
        # The sample's sender is another product; each has a fixed id of its own.
        expected["header"]["sender"]["id"] = CONNECTOR_SENDER_ID
        assert_same(dump_message(self.message()), expected)

    def test_a_sender_id_is_ours_and_a_uuid(self) -> None:
        from uuid import UUID

        assert str(UUID(CONNECTOR_SENDER_ID)) == CONNECTOR_SENDER_ID
        assert CONNECTOR_SENDER_ID not in ("460df46c-adf9-11ed-afa1-0242ac120002", sample("plain_to_ccm")["header"])

    @pytest.mark.parametrize("which", ["delivered_to_ccm", "failed_to_ccm"])
    def test_a_report_equals_the_documents_sample_key_by_key(self, which: str) -> None:
        expected = sample(which)
        about = load_message({**sample("new_shape"), "id": expected["body"]["messageId"]})
        at = moment(1706273984134)
        error = RecipientRefused("recipient_closed", expected["body"]["markdownText"], code=349)
        report = delivered(about, at) if which == "delivered_to_ccm" else failed(about, error, at)
        found = dump_message(report)
        expected["id"] = found["id"]
        expected["header"]["sender"]["id"] = CONNECTOR_SENDER_ID
        assert_same(found, expected)

    def test_a_report_of_a_scheduled_message_carries_its_schedule_back(self) -> None:
        data = sample("new_shape")
        data["header"]["schedulingMetaData"] = {"campaignId": "7"}
        report = dump_message(delivered(load_message(data), moment(1)))
        assert report["header"]["schedulingMetaData"] == {"campaignId": "7"}

    def test_a_dumped_message_reads_as_itself(self) -> None:
        for name in ("new_shape", "old_shape", "encoded"):
            message = load_message(sample(name))
            assert load_message(json.loads(json.dumps(dump_message(message)))) == message

    def test_dumping_changes_nothing_of_the_message(self) -> None:
        message = self.message()
        before = copy.deepcopy(dump_message(message))
        dump_message(message)["body"]["type"] = "changed"
        assert dump_message(message) == before

    def test_a_moment_leaves_as_whole_milliseconds(self) -> None:
        at = datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
        message = CimMessage("1", Header("7", "5", timestamp=at), {"type": "PLAIN"})
        stamp = dump_message(message)["header"]["timestamp"]
        assert (stamp, type(stamp)) == (1772442000123, int)


def assert_same(found: Any, expected: Any, path: str = "$") -> None:
    """Compare key by key, and types too: 200 is not "200", and a missing key is not null."""
    assert type(found) is type(expected), path
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        for key in expected:
            assert_same(found[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for n, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, f"{path}[{n}]")
    else:
        assert found == expected, path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.one_of(
        JSON,
        st.fixed_dictionaries(
            {
                "id": JSON | st.just("1"),
                "header": JSON
                | st.fixed_dictionaries(
                    {
                        "channelData": JSON | st.just({"channelCustomerIdentifier": "5", "serviceIdentifier": "7"}),
                        "timestamp": JSON,
                        "sender": JSON,
                        "entities": JSON,
                        "additionalData": JSON,
                    }
                ),
                "body": JSON | st.fixed_dictionaries({"type": JSON | st.just("PLAIN"), "markdownText": JSON}),
            }
        ),
    )
)
def test_any_json_is_read_or_refused_with_its_fields(data: Any) -> None:
    message = None
    with suppress(ValidationError):
        message = load_message(data)
    if message is None:
        assert errors_of(data)
    else:
        stored = json.loads(json.dumps(dump_message(message)))
        assert load_dumped(stored) == load_message(stored)


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_a_stored_message_is_read_back_without_a_second_check(name: str) -> None:
    stored = json.loads(json.dumps(dump_message(load_message(sample(name)))))
    assert load_dumped(stored) == load_message(stored)
