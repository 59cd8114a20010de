"""Payload pairs and short ways to make messages and activities, for the tests of translate/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twitter_connector import errors
from twitter_connector.cim.envelope import dump_message, load_message
from twitter_connector.messages.kind import Outcome
from twitter_connector.messages.to_cim import media_message, media_note, to_cim
from twitter_connector.messages.to_twitter import to_plan
from twitter_connector.model.event import Activity, DmReceived, Link, Person
from twitter_connector.model.message import CimMessage, Header, MediaPart, StoredFile
from twitter_connector.model.plan import ActOnPost, Asked, Choice, MarkRead, Plan, PostPlan, SendDm, ShowTyping, Skip
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.twitter.account_activity import load, raw_events
from twitter_connector.twitter.v1.messages import message_data

PAYLOADS = Path(__file__).parents[1] / "payloads"
PUBLIC_BASE = "https://cx.example.com/file-engine"
AT = datetime(2024, 1, 26, 12, 59, 44, 134000, tzinfo=UTC)
QUESTION_ID = "e0745f9e-2ec9-4049-af07-3f09b3b0d5ec"


def pair_names(direction: str) -> list[str]:
    """Return the names of all pairs of a direction; each has a file `.in.json` and one `.out.json`."""
    return sorted(path.name.removesuffix(".in.json") for path in PAYLOADS.glob(f"{direction}_*.in.json"))


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def _beside(name: str, what: str) -> Any:
    path = PAYLOADS / f"{name}.{what}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def translated_outbound(name: str) -> Any:
    """Return what the outbound message of this pair becomes, as JSON."""
    try:
        return as_json(to_plan(load_message(payload(f"{name}.in")), public_base=PUBLIC_BASE))
    except errors.UnsupportedKind as error:
        return {"failed": error.reason, "detail": error.detail}


def translated_inbound(name: str) -> Any:
    """Return the CIM messages the event of this pair becomes.

    Beside the event may lie what the relay remembers (`.asked`), what the file engine answered (`.stored`), or why
    there is no file (`.refused`).
    """
    asked = _beside(name, "asked")
    made = to_cim(activity_in(payload(f"{name}.in")), asked_in(asked) if asked else None)
    if isinstance(made, Skip):
        return {"skip": made.reason}
    return [dump_message(_completed(part, name)) for part in made]


def _completed(part: CimMessage | MediaPart, name: str) -> CimMessage:
    if isinstance(part, CimMessage):
        return part
    stored, refused = _beside(name, "stored"), _beside(name, "refused")
    if refused:
        return media_note(part, getattr(errors, refused["family"])(refused["reason"], refused["detail"]))
    return media_message(part, StoredFile(**stored))


def activity_in(event: Mapping[str, Any]) -> Activity:
    """Return the one activity of a webhook payload, on the way every event takes."""
    (part,) = raw_events(event, str(event.get("for_user_id")))
    return load(part.envelope)


def asked_in(data: Mapping[str, Any]) -> Asked:
    return Asked(data["message_id"], tuple(Choice(**choice) for choice in data["choices"]), data["numbered"])


def as_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, PostPlan):
        return {"posts": [{"text": step.text} for step in outcome.steps]}
    if isinstance(outcome, ActOnPost):
        return {"act": outcome.action}
    if isinstance(outcome, Skip):
        return {"skip": outcome.reason}
    if isinstance(outcome, ShowTyping):
        return {"show_typing": True}
    if isinstance(outcome, MarkRead):
        return {"mark_read": outcome.message_id}
    found: dict[str, Any] = {"steps": [_step(step) for step in outcome.steps]}
    if outcome.asked:
        found["asked"] = {
            "message_id": outcome.asked.message_id,
            "choices": [vars(choice) for choice in outcome.asked.choices],
            "numbered": outcome.asked.numbered,
        }
    return found


def extras_of(step: SendDm) -> dict[str, Any]:
    """Return what API v1.1 sends beside the text: `quick_reply`, `ctas`, an `attachment`."""
    data = message_data(step)
    del data["text"]
    return data


def _step(step: SendDm) -> dict[str, Any]:
    found: dict[str, Any] = {"text": step.text}
    if extras_of(step):
        found["extras"] = extras_of(step)
    if step.media:
        found["media"] = vars(step.media)
    return found


def cim(body: Mapping[str, Any], message_id: str = QUESTION_ID, **header: Any) -> CimMessage:
    """Return an outbound message with this body."""
    facts = {"account_id": "732739706", "customer_id": "210375291", "sender_type": "AGENT", **header}
    return CimMessage(message_id, Header(**facts), {"markdownText": "", **body})


def plan(body: Mapping[str, Any], message_id: str = QUESTION_ID, **header: Any) -> Plan:
    """Return the plan for an outbound message with this body, where customers reach the file engine."""
    made = to_plan(cim(body, message_id, **header), public_base=PUBLIC_BASE)
    assert isinstance(made, Plan)
    return made


def button(title: str, payload_: str = "/intent", **more: Any) -> dict[str, Any]:
    return {"title": title, "payload": payload_, "type": "text", **more}


def menu(*buttons: Mapping[str, Any], text: str = "How can I help?", **more: Any) -> dict[str, Any]:
    return {"type": "BUTTON", "markdownText": text, "buttons": list(buttons), **more}


def dm(text: str = "", event_id: str = "1750853984134090753", **facts: Any) -> DmReceived:
    """Return a received message. links: pairs of short and expanded."""
    links = tuple(Link(*pair) for pair in facts.pop("links", ()))
    sender = facts.pop("sender", Person("210375291", "Ada Lovelace", "ada"))
    return DmReceived("732739706", "210375291", event_id, AT, text, links, sender=sender, **facts)


def made_of(activity: Activity, asked: Asked | None = None) -> tuple[CimMessage | MediaPart, ...]:
    made = to_cim(activity, asked)
    assert not isinstance(made, Skip)
    return made


def message_of(activity: Activity, asked: Asked | None = None) -> CimMessage:
    """Return the one CIM message that an activity becomes."""
    (made,) = made_of(activity, asked)
    assert isinstance(made, CimMessage)
    return made


def at_ms(message: CimMessage) -> int:
    assert message.header.timestamp is not None
    return epoch_ms(message.header.timestamp)
