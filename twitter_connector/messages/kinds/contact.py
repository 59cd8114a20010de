"""CONTACT: a card, as lines of text that need no language."""

from __future__ import annotations

from collections.abc import Iterator

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import Fields, items_in, mapping_in, mappings_in, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan

from ..kind import Kind
from ..markdown import plain_text
from ..text import one_line
from .text import lines_steps, written_text

_ADDRESS = ("street", "zip", "city", "state", "country")
_ORGANISATION = ("company", "department", "title")


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return the cards, one below the other. Raises UnsupportedKind if they are empty."""
    cards = ["\n".join(_lines(contact)) for contact in mappings_in(message.body, "contacts")]
    text = "\n\n".join(part for part in (plain_text(written_text(message)).strip(), *cards) if part)
    if not text:
        raise UnsupportedKind(
            "empty_contact",
            "The contact is empty, so there is nothing to send to the customer. Send its name and number as text.",
        )
    return Plan(lines_steps(text))


def _lines(contact: Fields) -> Iterator[str]:
    name = one_line(text_in(mapping_in(contact, "name"), "formattedName", "formatted_name") or text_in(contact, "name"))
    if name:
        yield f"👤 {name}"
    for phone in items_in(contact, "phones"):
        yield from _line("📞", phone, ("phone",), kind_in="additionalPhoneDetails")
    more = mapping_in(contact, "additionalContactDetails")
    for email in items_in(more, "emails"):
        yield from _line("✉️", email, ("email",))
    yield from _line("🏢", more.get("org"), _ORGANISATION)
    for address in items_in(more, "addresses"):
        yield from _line("🏠", address, _ADDRESS)
    for url in items_in(more, "urls"):
        yield from _line("🔗", url, ("url",))
    for messenger in items_in(more, "ims"):
        yield from _line("💬", messenger, ("service", "user_id", "userId"))
    yield from _line("🎂", more.get("birthday"), ())


def _line(sign: str, value: object, names: tuple[str, ...], kind_in: str = "") -> Iterator[str]:
    """Yield one line or none: the value or the first of its fields that has text, and its type."""
    entry = value if isinstance(value, dict) else {"": value}
    parts = [one_line(text_in(entry, name)) for name in (names if isinstance(value, dict) else ("",))]
    words = ", ".join(part for part in parts if part)
    kind = one_line(text_in(mapping_in(entry, kind_in), "type") or text_in(entry, "type"))
    if words:
        yield f"{sign} {words}" + (f" ({kind.lower()})" if kind else "")


KIND = Kind(("CONTACT",), to_plan)
