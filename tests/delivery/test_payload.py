"""What lanes store says what it is, and what 0.1.0 stored is read too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, IN, OUT, FakeDeliveries, read_event
from twitter_connector.cim.envelope import load_message
from twitter_connector.delivery.intake import decode, message_entry, report_entry, with_quote
from twitter_connector.errors import Permanent, Retryable
from twitter_connector.model.event import Activity, DmReceived, UnknownActivity
from twitter_connector.model.work import AgentMessage, Direction, Entry, Report, TwitterEvent


def message(body: dict[str, Any] | None = None) -> Any:
    header = {"channelData": {"channelCustomerIdentifier": ADA, "serviceIdentifier": ACME}}
    return load_message({"id": "m-1", "header": header, "body": body or {"type": "PLAIN", "markdownText": "Hello"}})


def stored_event(fakes: FakeDeliveries) -> str:
    fakes.customer_writes("17", "Hi")
    (payload,) = fakes.lanes.payloads(IN)
    return payload


def test_an_event_names_its_flavour_and_keeps_the_key_of_0_1_0(fakes: FakeDeliveries) -> None:
    payload = stored_event(fakes)
    tags = json.loads(payload)
    envelope = tags.pop("activity")
    assert tags == {"v": 1, "kind": "event", "flavour": "v1"}
    assert envelope["direct_message_events"][0]["id"] == "17"
    work = decode(payload, IN, read_event)
    assert isinstance(work, TwitterEvent)
    assert isinstance(work.activity, DmReceived)
    assert decode(json.dumps({"activity": envelope}), IN, read_event) == work


@pytest.mark.parametrize(("stored", "flavour"), [({"flavour": "v2"}, "v2"), ({}, "v1")])
def test_an_event_is_read_by_the_flavour_that_stored_it(stored: dict[str, str], flavour: str) -> None:
    read: list[tuple[Mapping[str, Any], str]] = []

    def noting(envelope: Mapping[str, Any], flavour: str) -> Activity:
        read.append((envelope, flavour))
        return UnknownActivity("noted")

    decode(json.dumps({"activity": {"id": "17"}, "v": 1, "kind": "event", **stored}), IN, noting)
    assert read == [({"id": "17"}, flavour)]


def test_a_message_names_no_flavour_and_keeps_the_key_of_0_1_0() -> None:
    entry = message_entry(message())
    assert isinstance(entry, Entry)
    tags = json.loads(entry.payload)
    cim = tags.pop("message")
    assert tags == {"v": 1, "kind": "message"}
    assert decode(entry.payload, OUT, read_event) == AgentMessage(message())
    assert decode(json.dumps({"message": cim}), OUT, read_event) == AgentMessage(message())
    assert decode(json.dumps({"message": cim, "quote": "Q"}), OUT, read_event) == AgentMessage(message(), "Q")


def test_a_report_is_told_apart_from_a_message_also_as_0_1_0_stored_it() -> None:
    entry = report_entry(message({"type": "DELIVERYNOTIFICATION", "messageId": "x", "status": "READ"}))
    tags = json.loads(entry.payload)
    cim = tags.pop("message")
    assert tags == {"v": 1, "kind": "report"}
    assert decode(entry.payload, IN, read_event) == Report(cim)
    assert decode(json.dumps({"message": cim}), IN, read_event) == Report(cim)


def test_a_quote_is_added_to_whatever_is_stored() -> None:
    entry = message_entry(message())
    assert decode(with_quote(entry.payload, ""), OUT, read_event) == AgentMessage(message(), "")
    assert json.loads(with_quote(entry.payload, "Q")) == {**json.loads(entry.payload), "quote": "Q"}


@pytest.mark.parametrize("direction", Direction)
def test_what_another_version_stored_is_never_guessed_at(direction: Direction) -> None:
    with pytest.raises(Retryable, match="entry_of_later_version"):
        decode('{"v": 2, "kind": "message", "message": {}}', direction, read_event)
    with pytest.raises(Permanent, match="unreadable_entry"):
        decode('{"v": 1, "kind": "hologram"}', direction, read_event)
