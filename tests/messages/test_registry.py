"""Every CIM type is answered in exactly one way, has its pair and its row; the tests name what is missing."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages import kinds
from twitter_connector.messages.kind import Kind
from twitter_connector.messages.registry import BY_TYPE, IGNORED, KINDS, UNSUPPORTED
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.plan import Skip

# The body types of CIM's object model, and LIST, which bots send.
CIM_TYPES = (
    *("PLAIN", "IMAGE", "VIDEO", "AUDIO", "FILE", "MULTIMEDIA", "STICKER", "URL", "LOCATION", "CONTACT", "BUTTON"),
    *("CAROUSEL", "TEMPLATE", "COMMENT", "DELIVERYNOTIFICATION", "DELETEDNOTIFICATION", "NOTIFICATION", "WRAPUP"),
    *("CUSTOM", "ACTION", "RECEIPT", "EMAIL", "VOICE", "FORM_DATA", "STRUCTUREDMESSAGE", "LIST"),
)
TABLE = Path(__file__).parents[2] / "docs" / "message-kinds.md"


@pytest.mark.parametrize("type_", CIM_TYPES)
def test_a_cim_type_is_handled_ignored_or_refused_and_nothing_else(type_: str) -> None:
    assert [type_ in BY_TYPE, type_ in IGNORED, type_ in UNSUPPORTED].count(True) == 1


def test_no_type_belongs_to_two_kinds() -> None:
    types = [type_ for kind in KINDS for type_ in kind.types]
    assert sorted(types) == sorted(set(types))


def test_every_kind_that_is_written_is_registered() -> None:
    found = [
        value
        for module in pkgutil.iter_modules(kinds.__path__)
        for value in vars(importlib.import_module(f"{kinds.__name__}.{module.name}")).values()
        if isinstance(value, Kind)
    ]
    assert [kind for kind in found if kind not in KINDS] == []


@pytest.mark.parametrize("type_", sorted(BY_TYPE))
def test_a_handled_type_has_a_payload_pair(type_: str) -> None:
    having = [name for name in t.pair_names("outbound") if t.payload(f"{name}.in")["body"]["type"].upper() == type_]
    assert having, f"add tests/payloads/outbound_{type_.lower()}.in.json and its .out.json"


@pytest.mark.parametrize("type_", sorted([*BY_TYPE, *IGNORED, *UNSUPPORTED]))
def test_a_type_has_a_row_in_the_table_of_message_kinds(type_: str) -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").upper().splitlines() if line.startswith("| ")]
    assert [row for row in rows if f"`{type_}`" in row.split("|")[1]], f"add a row for {type_} to {TABLE.name}"


@pytest.mark.parametrize("type_", sorted(IGNORED))
def test_an_ignored_type_is_skipped_under_its_own_name(type_: str) -> None:
    assert to_plan(t.cim({"type": type_})) == Skip(f"ignored_{type_.lower()}")


@pytest.mark.parametrize("type_", ["structuredMessage", "StructuredMessage", "wrapup", "Wrapup"])
def test_types_are_known_in_every_case_of_letters(type_: str) -> None:
    assert to_plan(t.cim({"type": type_})) == Skip(f"ignored_{type_.lower()}")


@pytest.mark.parametrize("type_", [*sorted(UNSUPPORTED), "HOLOGRAM"])
def test_a_refused_type_is_refused_with_a_sentence_that_says_what_to_do(type_: str) -> None:
    with pytest.raises(UnsupportedKind) as refusal:
        to_plan(t.cim({"type": type_, "markdownText": "Secret words"}))
    assert refusal.value.reason == "unsupported_kind"
    assert "text" in refusal.value.detail
    assert "Secret" not in refusal.value.detail


@pytest.mark.parametrize("mark", [True, "true", "TRUE", " True ", 1])
@pytest.mark.parametrize("type_", sorted(BY_TYPE))
def test_a_whisper_is_never_sent_whatever_its_type(type_: str, mark: object) -> None:
    assert to_plan(t.cim({"type": type_, "markdownText": "psst", "isWhisper": mark})) == Skip("whisper")


@pytest.mark.parametrize("mark", [False, "false", "", None, 0, {}])
def test_any_other_mark_is_no_whisper(mark: object) -> None:
    assert not isinstance(to_plan(t.cim({"type": "PLAIN", "markdownText": "hello", "isWhisper": mark})), Skip)
