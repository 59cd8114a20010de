"""Any field of a CIM message may be missing, null or of another type. The result is a plan, a skip or a sentence."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.messages import message_builders as t
from twitter_connector.cim.envelope import load_message
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.plan import MarkRead, Plan, PostPlan, ShowTyping, Skip

ODD: list[Any] = [..., None, True, -1, 10**25, 1e300, "", "x", [], {}, [None], {"a": 1}, [[1]], "\ud800"]
# Without these there is no message; a body of another type is another message.
NEEDED = {
    ("id",),
    ("header",),
    ("header", "channelData"),
    ("header", "channelData", "channelCustomerIdentifier"),
    ("header", "channelData", "serviceIdentifier"),
    ("body",),
    ("body", "type"),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    return [place for key, entry in inner for place in [(*path, key), *places(entry, (*path, key))]]


def changed(data: Any, path: tuple[Any, ...], instead: Any) -> Any:
    """Return the data with another value in one place. All that is not on the way there is shared."""
    data = copy.copy(data)
    inner = data
    for key in path[:-1]:
        inner[key] = copy.copy(inner[key])
        inner = inner[key]
    if instead is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = instead
    return data


def plan_or_sentence(data: Any) -> Plan | ShowTyping | MarkRead | Skip | str:
    try:
        return to_plan(load_message(data), public_base=t.PUBLIC_BASE)
    except UnsupportedKind as refusal:
        return refusal.detail


@pytest.mark.parametrize("name", t.pair_names("outbound"))
def test_every_optional_field_may_be_missing_null_or_of_any_type(name: str) -> None:
    data = t.payload(f"{name}.in")
    for place in places(data):
        if place in NEEDED:
            continue
        for instead in ODD:
            made = plan_or_sentence(changed(data, place, instead))
            if isinstance(made, str):
                assert made.endswith("."), (place, instead)
                continue
            assert isinstance(made, Plan | PostPlan | ShowTyping | MarkRead | Skip)
            if isinstance(made, Plan | PostPlan):
                assert made.steps, (place, instead)
                assert all(step.text.strip() or step.media for step in made.steps), (place, instead)
    # Nothing was altered that all of them share.
    assert data == t.payload(f"{name}.in")
