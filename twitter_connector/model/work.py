"""The work in the lanes: entries, the effects that go with them, and the lease of a lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .event import Activity
from .message import CimMessage
from .timestamps import iso


class Direction(StrEnum):
    """Which way a lane leads. IN is Twitter to CIM (reports included), OUT is CIM to Twitter."""

    IN = "in"
    OUT = "out"

    @property
    def word(self) -> str:
        """The word people and metrics use."""
        return "inbound" if self is Direction.IN else "outbound"


# A wake-up is for a direction, or for this. The value is 0.1.0's.
TYPING_INDICATOR = "flash"


@dataclass(frozen=True)
class Entry:
    """One unit of work for a lane.

    lane: the customer's id, or a variant of it for work that must not wait behind the customer's messages.
    id: the same for the same work that comes again. order: sorts the entries of the lane, as text; "" stands for the
    order of acceptance. again: accept it although its id was seen before (a replay).
    """

    direction: Direction
    account_id: str
    lane: str
    id: str
    payload: str = field(repr=False)
    order: str = ""
    again: bool = False


@dataclass(frozen=True)
class EchoSeen:
    """An own message that came back from X. Kept for an hour, to settle uncertain sends."""

    account_id: str
    customer_id: str
    event_id: str
    created_ms: int
    digest: str = field(repr=False)


@dataclass(frozen=True)
class TypingIndicator:
    """Somebody is typing. Tried once, not retried, never in a lane; at most one in three seconds per conversation."""

    direction: Direction
    account_id: str
    customer_id: str
    payload: str = field(repr=False)


@dataclass(frozen=True)
class Link:
    """Which Twitter event a CIM message came from, kept so that read marks and replies find it."""

    account_id: str
    message_id: str
    event_id: str


@dataclass(frozen=True)
class QuestionClosed:
    """Another message came between: a typed number is no longer an answer to the last numbered question."""

    account_id: str
    customer_id: str


@dataclass(frozen=True)
class QuoteForgotten:
    """A reply is out, or given up: the words it quotes need not lie in its ledger any more."""

    account_id: str
    message_id: str


@dataclass(frozen=True)
class DeadLetter:
    """What we gave up on, with everything needed to understand it and to send it again."""

    id: str
    direction: Direction
    account_id: str
    customer_id: str
    lane: str
    message_id: str
    entry_id: str
    reason: str
    detail: str
    tries: int
    accepted_at: datetime
    failed_at: datetime
    payload: str = field(repr=False)

    def shown(self) -> dict[str, str | int]:
        """Return what may be shown of it: everything but its payload."""
        return {
            "id": self.id,
            "direction": self.direction.word,
            "account_id": self.account_id,
            "customer_id": self.customer_id,
            "reason": self.reason,
            "detail": self.detail,
            "tries": self.tries,
            "accepted_at": iso(self.accepted_at),
            "failed_at": iso(self.failed_at),
            "message_id": self.message_id,
        }


Effect = Entry | EchoSeen | TypingIndicator | Link | QuestionClosed | QuoteForgotten | DeadLetter


@dataclass(frozen=True)
class TwitterEvent:
    """An entry that X sent."""

    activity: Activity


@dataclass(frozen=True)
class AgentMessage:
    """An entry that CCM sent for a customer. quote: what stands above a reply, if that was decided before; "" for
    nothing."""

    message: CimMessage
    quote: str | None = None


@dataclass(frozen=True)
class Report:
    """An entry that we made for CCM: a delivery notification, as it is posted."""

    message: Mapping[str, Any] = field(repr=False)


Work = TwitterEvent | AgentMessage | Report


@dataclass(frozen=True)
class Lease:
    """The head of a lane, leased to one worker. token: fences; it is invalid once another worker has the lane.

    claims: how often this message was handed out without an outcome. tries: how often it failed and waits again.
    more: other lanes were due at that moment too. since: when the lease was asked for, in seconds of this process's
    own steady clock. lost: the broker has the entry and not its message.
    """

    direction: Direction
    account_id: str
    lane: str
    token: str
    member: str
    payload: str = field(repr=False)
    accepted_at: datetime
    claims: int
    tries: int
    more: bool = False
    since: float = 0.0
    lost: bool = False

    @property
    def entry_id(self) -> str:
        return self.member.partition("|")[2]

    @property
    def customer_id(self) -> str:
        return self.lane.partition("~")[0]
