"""The work in the lanes: entries, the effects that go with them, and the lease of a lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .chat import ChatCounted, ChatNoticed, RoadTaken
from .event import Activity, Person
from .message import CimMessage
from .message_log import Arrival, LogEffect
from .timestamps import iso
from .usage import DM_RECEIVED, POST_READ


class Direction(StrEnum):
    """The direction of a lane. IN: X to CIM, reports included. OUT: CIM to X."""

    IN = "in"
    OUT = "out"

    @property
    def word(self) -> str:
        """The direction as metrics and messages name it."""
        return "inbound" if self is Direction.IN else "outbound"


# The suffix of lanes with public comments, which never wait behind Direct Messages.
COMMENTS = "~comments"
# A wake-up is for a direction or for typing indicators. The value is 0.1.0's.
TYPING_INDICATOR = "flash"


@dataclass(frozen=True)
class Entry:
    """One unit of work for a lane.

    lane: the customer's id, or a variant of it for work that must not wait behind the customer's messages.
    id: equal for repeats of the same work. order: text that sorts the entries of the lane; "" for the order of
    acceptance. again: accept it although its id was seen before (a replay). looked_up: it came by look-up and not as an
    event, which X bills as a message read. arrival: what the message log notes of it; None for work that is no message.
    """

    direction: Direction
    account_id: str
    lane: str
    id: str
    payload: str = field(repr=False)
    order: str = ""
    again: bool = False
    looked_up: bool = False
    arrival: Arrival | None = None

    @property
    def billed(self) -> str:
        """The kind of usage that X bills for its delivery as an event; "" for none."""
        if self.direction is not Direction.IN or self.order == "" or self.looked_up:
            return ""
        if COMMENTS in self.lane:
            return POST_READ if self.id.startswith("post:") else ""
        return "" if "~" in self.lane else DM_RECEIVED


@dataclass(frozen=True)
class EchoSeen:
    """A message of the account itself that X reported. Kept for an hour, to settle uncertain sends."""

    account_id: str
    customer_id: str
    event_id: str
    created_ms: int
    digest: str = field(repr=False)


@dataclass(frozen=True)
class TypingIndicator:
    """A typing indicator. Tried once, never in a lane; at most one in three seconds for each conversation."""

    direction: Direction
    account_id: str
    customer_id: str
    payload: str = field(repr=False)


@dataclass(frozen=True)
class Link:
    """The X event that a CIM message was made from. Stored for read marks and replies."""

    account_id: str
    message_id: str
    event_id: str


@dataclass(frozen=True)
class InThread:
    """A post that is known here, and the first post of its thread."""

    account_id: str
    post_id: str
    thread_id: str


@dataclass(frozen=True)
class LastComment:
    """A comment of a customer. The newest one is answered if an agent's message names none."""

    account_id: str
    customer_id: str
    post_id: str
    created_ms: int


@dataclass(frozen=True)
class QuestionClosed:
    """Closes the open question: after another message, a typed number does not answer it any more.

    question: its CIM id. One that was asked after the customer wrote stays open. None: whichever is open.
    """

    account_id: str
    customer_id: str
    question: str | None = None


@dataclass(frozen=True)
class QuoteForgotten:
    """Deletes the stored quote of a reply that was sent or given up."""

    account_id: str
    message_id: str


@dataclass(frozen=True)
class StepSent:
    """Records X's id of what a step of a message became, and counts it as sent. A fact, whoever has the lane by now.

    customer_id: under which the send ledger has it. kind: of usage. last: no further step of the message follows.
    """

    account_id: str
    customer_id: str
    message_id: str
    number: int
    x_id: str
    kind: str
    last: bool = True


@dataclass(frozen=True)
class ReadUpTo:
    """How far the customer has read, for messages whose sends X has not answered yet. at_ms: when."""

    account_id: str
    customer_id: str
    dm_id: str
    at_ms: int


@dataclass(frozen=True)
class CustomerNamed:
    """The names of a customer, from an event. Stored for a day, for events that have none."""

    account_id: str
    customer: Person = field(repr=False)


@dataclass(frozen=True)
class Used:
    """One unit of what X bills. id: of the resource, which counts once."""

    account_id: str
    kind: str
    id: str


@dataclass(frozen=True)
class DeadLetter:
    """An entry that was given up, with its reason and everything needed to send it again."""

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
        """Return all fields except the payload, which must not be shown."""
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


Effect = (
    Entry
    | EchoSeen
    | TypingIndicator
    | Link
    | InThread
    | LastComment
    | QuestionClosed
    | QuoteForgotten
    | StepSent
    | ReadUpTo
    | CustomerNamed
    | Used
    | DeadLetter
    | ChatNoticed
    | ChatCounted
    | RoadTaken
    | LogEffect
)


@dataclass(frozen=True)
class TwitterEvent:
    """An entry that X sent."""

    activity: Activity


@dataclass(frozen=True)
class AgentMessage:
    """An entry that CCM sent for a customer. quote: the quote above a reply, if it is known already; "" for
    none."""

    message: CimMessage
    quote: str | None = None


@dataclass(frozen=True)
class Report:
    """An entry that we created for CCM: a delivery notification.

    x_id: of DELIVERED, X's id of the last Direct Message of what was delivered; "" if there is none that can be read.
    """

    message: Mapping[str, Any] = field(repr=False)
    x_id: str = ""


Work = TwitterEvent | AgentMessage | Report


@dataclass(frozen=True)
class Lease:
    """The head of a lane, leased to one worker. token: a fencing token, invalid once another worker has the lane.

    claims: how often this message was handed out without an outcome. tries: how often it failed and waits again.
    more: other lanes were due at that moment too. since: when the lease was requested, in seconds of this process's
    monotonic clock. lost: the broker has the entry and not its message. question: CIM's id of the customer's open
    numbered question, "" for none. ledger: the fields of a reply's send ledger. road: the way by which the customer
    wrote last, as store/roads.py stores it, "" for none; chat_keys: whether the account has keys of X Chat. read_up_to:
    how far the customer has read, as queue/send_ledger.py stores it, "" for nothing. All were read with the entry;
    None if they were not.
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
    question: str | None = field(default=None, compare=False)
    ledger: Mapping[str, str] | None = field(default=None, repr=False, compare=False)
    road: str | None = field(default=None, compare=False)
    chat_keys: bool | None = field(default=None, compare=False)
    read_up_to: str | None = field(default=None, compare=False)

    @property
    def entry_id(self) -> str:
        return self.member.partition("|")[2]

    @property
    def customer_id(self) -> str:
        return self.lane.partition("~")[0]
