"""Whole payloads, in pairs: what came in, what must come out. And both sides agree that what comes out is sound."""

from __future__ import annotations

import json

import pytest

from sandbox.ccm.validation import complaints
from sandbox.twitter.validation import read_draft
from tests.messages import message_builders as t
from twitter_connector.cim.envelope import load_message
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.plan import Plan


@pytest.mark.parametrize("name", t.pair_names("outbound"))
def test_a_cim_message_becomes_the_expected_plan(name: str) -> None:
    assert t.translated_outbound(name) == t.payload(f"{name}.out")


@pytest.mark.parametrize("name", t.pair_names("inbound"))
def test_an_event_becomes_the_expected_cim_messages(name: str) -> None:
    assert t.translated_inbound(name) == t.payload(f"{name}.out")


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_every_half_of_a_pair_has_its_other_half(direction: str) -> None:
    answers = {path.name.removesuffix(".out.json") for path in t.PAYLOADS.glob(f"{direction}_*.out.json")}
    assert answers == set(t.pair_names(direction))
    assert answers


@pytest.mark.parametrize("name", t.pair_names("outbound"))
def test_twitter_would_take_every_message_of_a_plan(name: str) -> None:
    for step in t.translated_outbound(name).get("steps", ()):
        media = {"attachment": {"type": "media", "media": {"id": "1"}}} if "media" in step else {}
        data = {"text": step["text"], **step.get("extras", {}), **media}
        create = {"target": {"recipient_id": "210375291"}, "message_data": data}
        assert read_draft({"event": {"type": "message_create", "message_create": create}}).recipient_id == "210375291"


@pytest.mark.parametrize("name", t.pair_names("inbound"))
def test_cim_would_take_every_message_an_event_becomes(name: str) -> None:
    for message in t.translated_inbound(name):
        assert list(complaints(message)) == []


@pytest.mark.parametrize("name", t.pair_names("inbound"))
def test_the_same_event_always_yields_the_same_messages(name: str) -> None:
    assert t.translated_inbound(name) == t.translated_inbound(name)


@pytest.mark.parametrize("name", t.pair_names("inbound"))
def test_the_messages_of_one_event_have_ids_of_their_own(name: str) -> None:
    ids = [message["id"] for message in t.translated_inbound(name)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", t.pair_names("outbound"))
def test_no_plan_shows_in_its_repr_what_people_wrote(name: str) -> None:
    message = load_message(t.payload(f"{name}.in"))
    outcome = t.translated_outbound(name)
    if "steps" not in outcome:
        return
    shown = repr(to_plan(message, public_base=t.PUBLIC_BASE))
    written = [step["text"] for step in outcome["steps"]] + [
        c["title"] for c in outcome.get("asked", {}).get("choices", [])
    ]
    assert not [text for text in written if text and text in shown]


def test_a_plan_without_extras_is_plain_data() -> None:
    made = to_plan(load_message(t.payload("outbound_plain.in")))
    assert isinstance(made, Plan)
    assert json.loads(json.dumps(t.as_json(made))) == t.payload("outbound_plain.out")
