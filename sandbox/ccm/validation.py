"""Checks a message from a connector against CIM's mandatory fields."""

from collections.abc import Iterator
from typing import Any

_SENDER_TYPES = {"AGENT", "BOT", "CUSTOMER", "APP", "CONNECTOR", "SYSTEM"}
_VALUE_TYPES = {
    "Alphanum100",
    "AlphanumSpecial200",
    "String2000",
    "String50",
    "String100",
    "PositiveNumber",
    "IP",
    "Number",
    "PhoneNumber",
    "URL",
    "Boolean",
    "Email",
    "Password",
    "StringList",
    "WebChannelData",
}
_STATUSES = {"DELIVERED", "READ", "CONNECTED", "FAILED"}
_ITEM_TYPES = {"TEXT", "IMAGE", "VIDEO", "LIKE", "UNLIKE", "DELETE", "HIDE", "PRIVATE_REPLY"}
_MEDIA_TYPES = {"IMAGE", "VIDEO", "AUDIO", "FILE", "MULTIMEDIA"}


def complaints(message: Any) -> Iterator[str]:
    """Yield one text for each field that is missing or malformed; nothing for a message CCM accepts."""
    if not isinstance(message, dict):
        yield "the message is not an object"
        return
    header, body = message.get("header"), message.get("body")
    if isinstance(header, dict):
        yield from _header(header)
    else:
        yield "header: must not be null"
    if isinstance(body, dict):
        yield from _body(body)
    else:
        yield "body: must not be null"


def _header(header: dict[str, Any]) -> Iterator[str]:
    sender = _mapping(header.get("sender"))
    if _blank(sender.get("id")):
        yield "header.sender.id: must not be blank"
    if sender.get("type") not in _SENDER_TYPES:
        yield "header.sender.type: must be one of the sender types"
    channel = _mapping(header.get("channelData"))
    for name in ("channelCustomerIdentifier", "serviceIdentifier"):
        if _blank(channel.get(name)):
            yield f"header.channelData.{name}: must not be blank"
    for attribute in channel.get("additionalAttributes") or ():
        if _mapping(attribute).get("type") not in _VALUE_TYPES:
            yield "header.channelData.additionalAttributes.type: unknown value type"
    # CCM parses these into classes, so text is an error.
    for name in ("language", "securityInfo", "entities"):
        if not isinstance(header.get(name), dict | None):
            yield f"header.{name}: cannot be parsed"
    if not isinstance(header.get("timestamp"), int | str | None):
        yield "header.timestamp: cannot be parsed"


def _body(body: dict[str, Any]) -> Iterator[str]:
    kind = body.get("type")
    if _blank(kind):
        yield "body.type: must not be blank"
    if not isinstance(body.get("markdownText"), str):
        yield "body.markdownText: must not be null"
    if kind in _MEDIA_TYPES and _blank(_mapping(body.get("attachment")).get("mediaUrl")):
        yield "body.attachment.mediaUrl: must not be blank"
    if kind in {"URL", "STICKER"} and _blank(body.get("mediaUrl")):
        yield "body.mediaUrl: must not be blank"
    if kind == "LOCATION":
        place = _mapping(body.get("location"))
        if any(type(place.get(name)) not in {int, float} for name in ("latitude", "longitude")):
            yield "body.location: latitude and longitude must be numbers"
    if kind == "DELIVERYNOTIFICATION" and body.get("status") not in _STATUSES:
        yield "body.status: unknown delivery status"
    if kind in {"DELIVERYNOTIFICATION", "DELETEDNOTIFICATION"} and _blank(body.get("messageId")):
        yield "body.messageId: must not be blank"
    if kind == "COMMENT":
        yield from _comment(body)
    if kind == "NOTIFICATION" and _blank(body.get("notificationType")):
        yield "body.notificationType: must not be null"
    buttons = body.get("buttons") or () if kind == "BUTTON" else ()
    if any(_blank(_mapping(button).get(name)) for button in buttons for name in ("title", "payload", "type")):
        yield "body.buttons: title, payload and type must not be blank"


def _comment(body: dict[str, Any]) -> Iterator[str]:
    if _blank(body.get("postId")):
        yield "body.postId: must not be blank"
    if body.get("itemType") not in _ITEM_TYPES:
        yield "body.itemType: must be one of the item types"
    attachment = body.get("attachment")
    needed = body.get("itemType") in {"IMAGE", "VIDEO"} or attachment is not None
    if needed and _blank(_mapping(attachment).get("mediaUrl")):
        yield "body.attachment.mediaUrl: must not be blank"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _blank(value: Any) -> bool:
    return not isinstance(value, str) or not value.strip()
