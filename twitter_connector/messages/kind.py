"""What every kind of message offers to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MarkRead, Plan, ShowTyping, Skip

Outcome = Plan | ShowTyping | MarkRead | Skip


@dataclass(frozen=True)
class Kind:
    """types: the CIM body types it handles, in capitals.

    to_plan: what to do at Twitter, given the message and the address under which customers reach the file engine
    (None where there is none). Raises UnsupportedKind where this message has nothing that Twitter could carry.
    """

    types: tuple[str, ...]
    to_plan: Callable[[CimMessage, str | None], Outcome]
