"""What Twitter told us -> CIM messages. Pure: the same event always yields the same messages with the same ids."""

from __future__ import annotations

from uuid import UUID, uuid5

from twitter_connector.model.activity import Activity, DmReceived, Person
from twitter_connector.model.cim import CimMessage, Header
from twitter_connector.model.plan import Skip
from twitter_connector.translate.text import readable_text

NAMESPACE = UUID("6f1f6d0e-3d5c-5b0a-9a86-0d4f2b7c1e55")


def message_id(account_id: str, event_id: str, part: int = 0) -> str:
    """Return the CIM id of one part of what a Twitter event becomes."""
    return str(uuid5(NAMESPACE, f"{account_id}:{event_id}" + (f":{part}" if part else "")))


def to_cim(activity: Activity) -> tuple[CimMessage, ...] | Skip:
    """Return the CIM messages for an activity, in their order, or why there are none."""
    if not isinstance(activity, DmReceived):
        return Skip(f"ignored_{type(activity).__name__.lower()}")
    text = readable_text(activity.text, activity.links)
    return (CimMessage(message_id(activity.account_id, activity.event_id), header_of(activity), _plain(text)),)


def header_of(activity: DmReceived) -> Header:
    first, last = split_name(activity.sender)
    return Header(
        account_id=activity.account_id,
        customer_id=activity.customer_id,
        first_name=first,
        last_name=last,
        timestamp=activity.created_at,
        provider_message_id=activity.event_id,
    )


def split_name(person: Person) -> tuple[str, str]:
    """Return first and last name; a single name is a first name. The screen name where there is no name."""
    first, _, last = (person.name.strip() or person.screen_name).partition(" ")
    return first, last.strip()


def _plain(text: str) -> dict[str, object]:
    return {"type": "PLAIN", "markdownText": text}
