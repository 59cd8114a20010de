"""What each kind of message gives to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import ActOnPost, MarkRead, Plan, PostPlan, ShowTyping, Skip

Outcome = Plan | PostPlan | ActOnPost | ShowTyping | MarkRead | Skip


@dataclass(frozen=True)
class Kind:
    """types: the CIM body types it handles, in capitals.

    to_plan: returns what to do at X, given the message, the address under which customers reach the file engine (None
    if there is none), and what the account's X API can carry. Raises UnsupportedKind if nothing in the message can be
    sent.
    """

    types: tuple[str, ...]
    to_plan: Callable[[CimMessage, str | None, Capabilities], Outcome]


def from_customers_side(message: CimMessage) -> bool:
    """Return whether a notification or report is our own, sent back to us."""
    return message.header.sender_type in ("CONNECTOR", "CUSTOMER")
