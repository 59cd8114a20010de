"""Ids and headers of the CIM messages that X's events become. The same event always gives the same ids."""

from __future__ import annotations

from uuid import UUID, uuid5

from twitter_connector.model.event import CustomerTyping, DmReceived, Person
from twitter_connector.model.message import Header
from twitter_connector.model.timestamps import epoch_ms

NAMESPACE = UUID("6f1f6d0e-3d5c-5b0a-9a86-0d4f2b7c1e55")


def message_id(account_id: str, event_id: str, part: int = 0) -> str:
    """Return the CIM id of one message of an X event. part: its number, from 0."""
    return str(uuid5(NAMESPACE, f"{account_id}:{event_id}" + (f":{part}" if part else "")))


def typing_id(activity: CustomerTyping) -> str:
    """Return the CIM id of a typing notice. X gives typing no id, so its moment is used."""
    at = epoch_ms(activity.created_at)
    return str(uuid5(NAMESPACE, f"{activity.account_id}:{activity.customer_id}:typing:{at}"))


def header_of(activity: DmReceived) -> Header:
    """Return the header of all CIM messages of this event."""
    first, last = split_name(activity.sender)
    return Header(
        account_id=activity.account_id,
        customer_id=activity.customer_id,
        first_name=first,
        last_name=last,
        timestamp=activity.created_at,
        entities=started_by(activity),
        provider_message_id=activity.event_id,
    )


def started_by(activity: DmReceived) -> dict[str, str]:
    """Return the welcome message or post that started the conversation, if X names it.

    CIM has no field of its own for it. `entities` is the one free map of its header; the values are plain text,
    because an object inside might not be one that CIM's classes expect.
    """
    prompts = {
        "initiated_via_welcome_message_id": activity.welcome_message_id,
        "initiated_via_tweet_id": activity.prompt_tweet_id,
    }
    return {name: value for name, value in prompts.items() if value}


def split_name(person: Person) -> tuple[str, str]:
    """Return (first name, last name). A single name is the first name; without a name it is the screen name."""
    first, _, last = (person.name.strip() or person.screen_name).partition(" ")
    return first, last.strip()
