"""X Chat's events: what can be read of them without keys (twitter/chat_objects.py)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from twitter_connector.errors import Permanent
from twitter_connector.model.chat import CHAT
from twitter_connector.model.event import order_of
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.twitter.chat_objects import chat_event, history_event, load, sequence_in

ACCOUNT, CUSTOMER = "1111111111111111111", "2222222222222222222"
SAMPLES = Path(__file__).parents[1] / "payloads" / "x-v2"
MOMENT = 1_784_841_183_370


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return dict(body["data"]["payload"])


def body(**changes: Any) -> dict[str, Any]:
    whole = {
        "id": "e4f4d3fc-8bbf-4928-92eb-e5058d6bb6f6",
        "created_at_msec": str(MOMENT),
        "sender_id": CUSTOMER,
        "conversation_id": f"{CUSTOMER}:{ACCOUNT}",
        "encoded_event": encoded("2080400825227100160"),
        "conversation_token": "eyJhbGciOiJIUzI1NiJ9.planted",
    }
    return {**whole, **changes}


def encoded(sequence_id: str) -> str:
    """Return the head of an event as X encodes it: its first field is the sequence id."""
    return base64.b64encode(b"\x0b\x00\x01" + len(sequence_id).to_bytes(4) + sequence_id.encode() + bytes(40)).decode()


def head(*fields: tuple[int, str]) -> str:
    return base64.b64encode(b"".join(text_field(*field) for field in fields) + bytes(20)).decode().rstrip("=")


def text_field(number: int, text: str) -> bytes:
    return b"\x0b" + number.to_bytes(2) + len(text).to_bytes(4) + text.encode()


class TestHistory:
    HEAD = ((1, "2080400825227100160"), (2, "m-1"), (3, CUSTOMER), (4, f"{ACCOUNT}:{CUSTOMER}"), (6, str(MOMENT)))

    @pytest.mark.parametrize("row", [{}, {"sender_id": int(CUSTOMER)}, {"sender_id": None, "id": "7"}])
    def test_the_head_of_an_event_says_what_its_delivery_would_have_said(self, row: dict[str, Any]) -> None:
        event = history_event({**row, "encoded_event": head(*self.HEAD)}, ACCOUNT)
        assert event is not None
        delivered = chat_event(body(id="m-1", encoded_event=head(*self.HEAD)), ACCOUNT, ACCOUNT)
        assert load(event.envelope) == load(delivered.envelope)
        assert (event.id, event.created_ms, order_of(event)) == (delivered.id, MOMENT, order_of(delivered))

    @pytest.mark.parametrize(
        "encoded_event",
        [None, "", 7, "no Base64!", head((1, "7")), head((1, "7"), (2, "")), head(*HEAD)[:44], head((9, "x"))],
    )
    def test_without_the_messages_id_it_is_no_event(self, encoded_event: object) -> None:
        assert history_event({"encoded_event": encoded_event}, ACCOUNT) is None

    def test_an_event_of_a_group_has_no_customer(self) -> None:
        event = history_event({"encoded_event": head((2, "m-1"), (3, CUSTOMER), (4, "g7"))}, ACCOUNT)
        assert event is not None
        assert event.customer_id == ""


class TestReadingIds:
    def test_the_published_event_is_read(self) -> None:
        event = chat_event(sample("xaa_chat_received"), ACCOUNT, "1")
        assert (event.account_id, event.customer_id, event.own) == (ACCOUNT, CUSTOMER, False)
        assert (event.id, event.created_ms) == ("e4f4d3fc-8bbf-4928-92eb-e5058d6bb6f6", MOMENT)
        assert order_of(event) == "00" + "2080400825227100160"

    def test_without_a_filter_the_participants_decide(self) -> None:
        published = sample("xaa_chat_received_key_change")
        event = chat_event(published, "", "1215441834412953600")
        assert (event.account_id, event.customer_id) == ("1215441834412953600", "1843439638876491776")
        assert chat_event(published, "", "7").account_id == "1215441834412953600"
        assert len(event.id) == 32, "X named no id, so the encrypted event does"

    def test_an_own_message_is_known_by_its_sender(self) -> None:
        event = chat_event(body(sender_id=ACCOUNT), ACCOUNT, ACCOUNT)
        assert (event.own, event.customer_id) == (True, CUSTOMER)

    @pytest.mark.parametrize(
        "changes", [{"conversation_id": "g1234"}, {"conversation_id": None}, {"sender_id": None}, {"sender_id": []}]
    )
    def test_a_group_and_an_event_without_a_sender_have_no_customer(self, changes: dict[str, Any]) -> None:
        event = chat_event(body(**changes), ACCOUNT, ACCOUNT)
        assert (event.customer_id, event.envelope) == ("", {})

    def test_the_conversation_token_is_not_kept(self) -> None:
        assert "planted" not in json.dumps(chat_event(body(), ACCOUNT, ACCOUNT).envelope)

    def test_the_order_is_xs_and_goes_by_the_moment_where_the_sequence_is_no_id_of_xs(self) -> None:
        small = chat_event(body(encoded_event=encoded("17")), ACCOUNT, ACCOUNT)
        assert order_of(small) == f"0{first_id_at(MOMENT):0>20}"
        named = chat_event(body(sequence_id="2080400825227100161"), ACCOUNT, ACCOUNT)
        assert order_of(named) == "002080400825227100161"

    def test_a_moment_that_is_none_does_not_leave_the_order_of_ids(self) -> None:
        orders = [order_of(chat_event(body(created_at_msec=at), ACCOUNT, ACCOUNT)) for at in ("9" * 13, "9" * 14, "x")]
        assert {len(order) for order in orders} == {21}

    @pytest.mark.parametrize(
        "text", ["", "!", "AAAA", "CwAB", "CwABAAAA", "é", base64.b64encode(b"\x0b\x00\x01\x7f").decode()]
    )
    def test_an_odd_encoded_event_has_no_sequence(self, text: str) -> None:
        assert sequence_in(text) == ""


class TestLoading:
    def test_a_stored_event_is_read_in_full_and_shows_no_ciphertext(self) -> None:
        stored = json.loads(
            json.dumps(chat_event(body(conversation_key_change_event="a2V5"), ACCOUNT, ACCOUNT).envelope)
        )
        chat = load(stored)
        assert (chat.account_id, chat.customer_id, chat.conversation_id) == (ACCOUNT, CUSTOMER, f"{ACCOUNT}:{CUSTOMER}")
        assert (chat.encoded, chat.key_change) == (body()["encoded_event"], "a2V5")
        assert chat.sequence_id == "2080400825227100160"
        assert body()["encoded_event"] not in repr(chat)

    @pytest.mark.parametrize("envelope", [{}, {"for_user_id": ACCOUNT}, {"for_user_id": ACCOUNT, CHAT: {"id": "1"}}])
    def test_an_envelope_without_ids_is_unreadable(self, envelope: dict[str, Any]) -> None:
        with pytest.raises(Permanent, match="unreadable_event"):
            load(envelope)
