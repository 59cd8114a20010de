"""NOTIFICATION: the agent is typing, the customer is typing. All other notifications are not for the customer."""

from __future__ import annotations

from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.event import CustomerTyping
from twitter_connector.model.json_fields import spelling
from twitter_connector.model.message import CimMessage, Header
from twitter_connector.model.plan import ShowTyping, Skip

from ..kind import Kind, from_customers_side
from ..message_ids import split_name, typing_id

# Notifications between the platform's components. Each is counted by its name; all others are counted together, so that
# nobody can create metrics by sending names.
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


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> ShowTyping | Skip:
    """Return the typing indicator for TYPING_STARTED; everything else is not for the customer."""
    name = spelling(message.body.get("notificationType"))
    if name != "typingstarted":
        return Skip(_REASONS.get(name, "ignored_notification"))
    if from_customers_side(message):
        return Skip("ignored_notification_own")
    return ShowTyping()


def notice_of(activity: CustomerTyping) -> CimMessage:
    """Return the notice that the customer is typing. It has no provider's id, because X gives typing none."""
    first, last = split_name(activity.sender)
    header = Header(activity.account_id, activity.customer_id, first, last, activity.created_at)
    body = {"type": "NOTIFICATION", "markdownText": "", "notificationType": "TYPING_STARTED", "notificationData": {}}
    return CimMessage(typing_id(activity), header, body)


KIND = Kind(("NOTIFICATION",), to_plan)
