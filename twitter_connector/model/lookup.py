"""Pages of an account's messages, newest first, as X API v2 returns them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .event import DmEchoed, RawEvent


@dataclass(frozen=True)
class Budget:
    """What X still allows at one endpoint. remaining: calls until `reset`, of `limit` in a window."""

    limit: int
    remaining: int
    reset: datetime


class SentList(list[DmEchoed]):
    """The account's own messages that X listed, newest first.

    reaches: if X had more than is read at once, the moment from which on the list is whole; None if it is whole.
    """

    def __init__(self, own: Iterable[DmEchoed] = (), reaches: datetime | None = None) -> None:
        super().__init__(own)
        self.reaches = reaches


@dataclass(frozen=True)
class Page:
    """One page of a look-up. events: newest first. next_token: of the next, older page; "" on the last.

    whole: False if X says that it left out messages of this page. budget: None if X does not tell it.
    """

    events: tuple[RawEvent, ...]
    next_token: str
    whole: bool
    budget: Budget | None = None


class Lookups(Protocol):
    """The pages of one account's messages. Raises an error of one of the families."""

    def page(self, size: int, token: str = "") -> Page:
        """Return one page. size: 1 to 100. token: `next_token` of the page before; "" for the newest."""
