"""Reads the body of `events/new` and refuses what X refuses. It checks neither user nor upload."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.twitter.errors import error, invalid, missing

TEXT_CHARACTERS = 10_000
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_AT = "event.message_create"


@dataclass(frozen=True)
class Draft:
    """A message to send."""

    recipient_id: str
    text: str
    media_id: str | None = None
    location: dict[str, Any] | None = None
    quick_reply: dict[str, Any] | None = None
    ctas: list[dict[str, Any]] | None = None


def read_draft(payload: Any) -> Draft:
    """Return the message of a body. Raises TwitterError 38, 214 or 354."""
    event = _mapping(payload, "event", "event")
    if event.get("type") != "message_create":
        raise invalid(f"event.type: {event.get('type')!r} is not one of 'message_create'")
    create = _mapping(event, "message_create", _AT)
    target = _mapping(create, "target", f"{_AT}.target")
    recipient_id = target.get("recipient_id")
    if recipient_id is None:
        raise missing("recipient_id")
    if not re.fullmatch(r"\d{1,19}", str(recipient_id)):
        raise invalid(f"{_AT}.target.recipient_id: '{recipient_id}' is not a valid Long")
    data = _mapping(create, "message_data", f"{_AT}.message_data")
    media_id, location = _attachment(data.get("attachment"))
    text = data.get("text")
    # X's documentation requires a text; an empty one is accepted with an attachment.
    if not isinstance(text, str) or (not text.strip() and media_id is None and location is None):
        raise missing("text")
    if len(text) > TEXT_CHARACTERS:
        raise error(354)
    quick_reply = _quick_reply(data["quick_reply"]) if "quick_reply" in data else None
    ctas = _ctas(data["ctas"]) if "ctas" in data else None
    return Draft(str(recipient_id), text, media_id, location, quick_reply, ctas)


def _attachment(attachment: Any) -> tuple[str | None, dict[str, Any] | None]:
    if attachment is None:
        return None, None
    at = f"{_AT}.message_data.attachment"
    kind = attachment.get("type") if isinstance(attachment, dict) else None
    if kind == "media":
        media_id = _mapping(attachment, "media", f"{at}.media").get("id")
        if not re.fullmatch(r"\d{1,19}", str(media_id)):
            raise invalid(f"{at}.media.id: '{media_id}' is not a valid Long")
        return str(media_id), None
    if kind == "location":
        location = _mapping(attachment, "location", f"{at}.location")
        if location.get("type") not in {"shared_coordinate", "shared_place"}:
            raise invalid(f"{at}.location.type: unknown type")
        return None, location
    raise invalid(f"{at}.type: {kind!r} is not one of 'media', 'location'")


def _quick_reply(quick_reply: Any) -> dict[str, Any]:
    at = f"{_AT}.message_data.quick_reply"
    if not isinstance(quick_reply, dict) or quick_reply.get("type") != "options":
        raise invalid(f"{at}.type: only 'options' is supported")
    options = quick_reply.get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= 20:
        raise invalid(f"{at}.options: size must be between 1 and 20")
    for option in options:
        _label(option, f"{at}.options.label")
        _at_most(option, "description", 72, at)
        _at_most(option, "metadata", 1000, at)
    if len({"description" in option for option in options}) > 1:
        raise invalid(f"{at}.options.description: must be on all options or on none")
    return quick_reply


def _ctas(ctas: Any) -> list[dict[str, Any]]:
    at = f"{_AT}.message_data.ctas"
    if not isinstance(ctas, list) or not 1 <= len(ctas) <= 3:
        raise invalid(f"{at}: size must be between 1 and 3")
    for cta in ctas:
        _label(cta, f"{at}.label")
        if cta.get("type") != "web_url":
            raise invalid(f"{at}.type: only 'web_url' is supported")
        parts = urlsplit(str(cta.get("url")))
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise invalid(f"{at}.url: '{cta.get('url')}' is not a valid URL")
    return ctas


def _label(button: Any, at: str) -> None:
    label = button.get("label") if isinstance(button, dict) else None
    if not isinstance(label, str) or not 1 <= len(label) <= 36:
        raise invalid(f"{at}: length must be between 1 and 36")
    if _LINK.search(label):
        raise invalid(f"{at}: must not contain a URL")


def _at_most(option: dict[str, Any], name: str, characters: int, at: str) -> None:
    value = option.get(name, "")
    if not isinstance(value, str) or len(value) > characters:
        raise invalid(f"{at}.options.{name}: length must be at most {characters}")


def _mapping(parent: Any, name: str, at: str) -> dict[str, Any]:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, dict):
        raise invalid(f"{at}: is required")
    return value
