"""The message log: the ids, the state and the moments of each message. Never a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .timestamps import iso

if TYPE_CHECKING:
    from .work import Direction

WAITING, DELIVERED, READ, FAILED, DEAD_LETTERED = "waiting", "delivered", "read", "failed", "dead_lettered"
STATES = (WAITING, DELIVERED, READ, FAILED, DEAD_LETTERED)
RECEIVED, REPEATED, TRIED, REPLAYED = "received", "repeated", "tried", "replayed"
EVENTS = (RECEIVED, REPEATED, TRIED, DELIVERED, READ, DEAD_LETTERED, REPLAYED)


@dataclass(frozen=True)
class Arrival:
    """How a message arrived. An entry with an arrival gets an item in the message log.

    by: webhook, poll, stream, backfill or ccm; replay for a dead letter that is older than the log. happened_ms: when
    it was written, in epoch ms, as X or CCM says; 0 if that is not known. kind: the CIM type; "" if not known yet.
    """

    by: str
    happened_ms: int = 0
    kind: str = ""


@dataclass(frozen=True)
class LogLine:
    """Adds a line to the journey of a message, if the message log has the message.

    entry_id: the id of the message's entry. tries: how often delivery was tried; 0 to leave it out. x_ids, cim_ids:
    what it became at X or CIM. The message is found by these ids and the dead letter's from now on. at_ms: when it
    happened; 0 for now. if_new: only if the item before it is new.
    """

    direction: Direction
    account_id: str
    entry_id: str
    event: str
    tries: int = 0
    reason: str = ""
    kind: str = ""
    x_ids: tuple[str, ...] = ()
    cim_ids: tuple[str, ...] = ()
    dead_letter_id: str = ""
    at_ms: int = 0
    if_new: bool = False


@dataclass(frozen=True)
class NotLogged:
    """Removes a message from the message log: it turned out to be none for the other side."""

    direction: Direction
    account_id: str
    customer_id: str
    entry_id: str


@dataclass(frozen=True)
class NameSeen:
    """The screen name of a customer, so that the message log can be searched by it."""

    account_id: str
    customer_id: str
    screen_name: str


LogEffect = LogLine | NotLogged | NameSeen


@dataclass(frozen=True)
class JourneyStep:
    """One line of a message's journey. detail: a few words, or ""."""

    at: datetime
    event: str
    detail: str

    def shown(self) -> dict[str, str]:
        return {"at": iso(self.at), "event": self.event, "detail": self.detail}


@dataclass(frozen=True)
class LoggedMessage:
    """What the log has of one message. Values that are not known are "" or None.

    direction: inbound or outbound. reason: why the last try failed. tries: how often delivery was tried.
    """

    direction: str
    account_id: str
    customer_id: str
    kind: str
    state: str
    x_ids: tuple[str, ...]
    cim_ids: tuple[str, ...]
    dead_letter_id: str
    reason: str
    tries: int
    happened_at: datetime
    received_at: datetime
    updated_at: datetime
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    journey: Sequence[JourneyStep]

    def shown(self) -> dict[str, object]:
        """Return the item as `GET /messages` shows it: without the moments that are not reached, and no journey."""
        moments = {
            name: iso(at)
            for name in ("happened_at", "received_at", "updated_at", "delivered_at", "read_at", "failed_at")
            if (at := getattr(self, name)) is not None
        }
        return {
            "direction": self.direction,
            "kind": self.kind or None,
            "state": self.state,
            "account_id": self.account_id,
            "customer_id": self.customer_id,
            "x_ids": list(self.x_ids),
            "cim_ids": list(self.cim_ids),
            "dead_letter_id": self.dead_letter_id or None,
            "reason": self.reason or None,
            "tries": self.tries,
            **moments,
        }

    def with_journey(self) -> dict[str, object]:
        """Return the item with its journey, oldest step first."""
        return {**self.shown(), "journey": [step.shown() for step in self.journey]}
