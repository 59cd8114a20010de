"""NOTIFICATION and DELIVERYNOTIFICATION: who types, and who has read. Signs of the moment, not messages."""

from __future__ import annotations

from typing import Any

from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MarkRead, ShowTyping, Skip

from ..body_fields import spelling, text_of
from ..kind import Kind

# What the platform's parts tell each other; counted by name, while anything else is counted together, so that a
# number of our own choosing cannot grow with what somebody sends.
INTERNAL = (
    "ADVISOR_SUBSCRIBED",
    "AGENT_RESERVED",
    "AGENT_SUBSCRIBED",
    "AGENT_UNSUBSCRIBED",
    "CHANNEL_SESSION_DATA_UPDATED",
    "CHANNEL_SESSION_ENDED",
    "CHANNEL_SESSION_EXPIRED",
    "CHANNEL_SESSION_STARTED",
    "INFO",
    "NO_AGENT_AVAILABLE",
    "PARTICIPANT_ROLE_CHANGED",
    "ROOM_MEMBER_STATUS_CHANGED",
    "SYSTEM_ERROR",
    "TASK_ENQUEUED",
    "TASK_STATE_CHANGED",
    "TYPING_STOPPED",
    "WARNING",
)
_REASONS = {spelling(name): f"ignored_notification_{name.lower()}" for name in INTERNAL}
# A sign that comes from the customer's side is our own, on its way round.
_CUSTOMERS_SIDE = ("CONNECTOR", "CUSTOMER")


def notification_to_plan(
    message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING
) -> ShowTyping | Skip:
    """Return the typing indicator for TYPING_STARTED; everything else is not for the customer."""
    name = spelling(message.body.get("notificationType"))
    if name != "typingstarted":
        return Skip(_REASONS.get(name, "ignored_notification"))
    if message.header.sender_type in _CUSTOMERS_SIDE:
        return Skip("ignored_notification_own")
    return ShowTyping()


def delivery_to_plan(
    message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING
) -> MarkRead | Skip:
    """Return what an agent has read; everything else is a report about a report."""
    if spelling(message.body.get("status")) != "read" or message.header.sender_type in _CUSTOMERS_SIDE:
        return Skip("ignored_deliverynotification")
    message_id = text_of(message.body, "messageId")
    return MarkRead(message_id) if message_id else Skip("read_names_no_message")


def typing_body() -> dict[str, Any]:
    """Return the body that tells the desk that the customer is typing."""
    return {"type": "NOTIFICATION", "markdownText": "", "notificationType": "TYPING_STARTED", "notificationData": {}}


TYPING = Kind(("NOTIFICATION",), notification_to_plan)
READ = Kind(("DELIVERYNOTIFICATION",), delivery_to_plan)
