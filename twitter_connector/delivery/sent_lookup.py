"""Lists an account's latest messages once for all conversations that look for an uncertain send.

X lets an account list its messages 15 times in 15 minutes. After an outage hundreds of conversations may look for a
send at the same moment; one list answers them all. The lists are kept in this process only, for some seconds.
https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from twitter_connector.errors import RateLimited, Retryable, ServiceUnavailable
from twitter_connector.messages.text import fingerprint
from twitter_connector.model.event import DmEchoed
from twitter_connector.model.lookup import SentList
from twitter_connector.model.timestamps import epoch_ms

# Of the 15 lists in 15 minutes, so many may follow each other closely; the others are spread over the time.
CLOSE_TOGETHER = 8
BETWEEN_CLOSE = timedelta(seconds=3)
BETWEEN_SPREAD = timedelta(seconds=120)
WINDOW = timedelta(minutes=15)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


# X's clock and ours may differ. A message that is older than its send by more than this is another one.
CLOCK_MARGIN = timedelta(seconds=10)

# When to look for an uncertain send. X shows a message within a second or two; the second look is for a bad moment.
LOOKS_AFTER = (timedelta(seconds=3), timedelta(seconds=12))
# The wait before a look grows to about three minutes.
SENDS_DOUBLED = 6
# After "over capacity" it grows from the fourth send on, and more slowly: such a message is hardly ever delivered.
OVER_CAPACITY_SENDS, OVER_CAPACITY_GROWTH = 3, 1.5

Sent_co = TypeVar("Sent_co", covariant=True)
# Id, fingerprint of the text, and moment (epoch ms) of a message that the account sent.
SentDm = tuple[str, str, int]


class Shown(list[SentDm]):
    """What X shows of the messages to one customer. reaches: see SentList."""

    reaches: datetime | None = None


def to_customer(dms: Sequence[DmEchoed], customer_id: str) -> Shown:
    """Return the messages to one customer."""
    own = [dm for dm in dms if dm.customer_id == customer_id]
    shown = Shown((dm.event_id, fingerprint(dm.text, dm.links), epoch_ms(dm.created_at)) for dm in own)
    shown.reaches = dms.reaches if isinstance(dms, SentList) else None
    return shown


def oldest_match(seen: Sequence[SentDm], digest: str, since_ms: int, taken: Mapping[str, str]) -> str | None:
    """Return the oldest own message that fits and that is not the outcome of another send."""
    fitting = [i for i, of, at in seen if of == digest and at >= since_ms and i not in taken]
    return min(fitting, key=int, default=None)


class ListsSent(Protocol[Sent_co]):
    """What lists an account's own messages or posts."""

    def sent_since(self, since: datetime) -> Sequence[Sent_co]: ...


@dataclass
class _Known(Generic[Sent_co]):
    """One account's last list, the time it covers, and when lists were asked for.

    needed: the earliest moment that a list must begin at for those who were refused one since the last list.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: datetime = _LONG_AGO
    since: datetime = _LONG_AGO
    dms: Sequence[Sent_co] = ()
    asked: deque[datetime] = field(default_factory=deque)
    refused_until: datetime = _LONG_AGO
    needed: datetime | None = None

    def next_at(self, now: datetime) -> datetime:
        """Return when the next list may be asked for."""
        while self.asked and not timedelta() <= now - self.asked[0] < WINDOW:
            self.asked.popleft()
        if not self.asked:
            return self.refused_until
        between = BETWEEN_CLOSE if len(self.asked) < CLOSE_TOGETHER else BETWEEN_SPREAD
        return max(self.refused_until, self.asked[-1] + between)


class SentLookups(Generic[Sent_co]):
    """The lists of all accounts this process sends for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: defaultdict[str, _Known[Sent_co]] = defaultdict(_Known)

    def sent(
        self, account_id: str, twitter: ListsSent[Sent_co], since: datetime, made_after: datetime, now: datetime
    ) -> Sequence[Sent_co]:
        """Return the messages that the account has sent since a moment, from a list that is newer than `made_after`.

        Raises Retryable(cannot_look) with `until` if no new list may be asked for yet, and what `sent_since` raises.
        """
        with self._lock:
            known = self._known[account_id]
        # A lane that waits here usually finds its message in the list that is being made.
        with known.lock:
            # A list whose moment lies far in the future was made before the clock was put back. It may be older than
            # the send. One that another lane made meanwhile is a little younger than `now`.
            if known.since <= since and made_after <= known.at <= now + CLOCK_MARGIN:
                return known.dms
            # One list for all who wait for it: otherwise each would wait for a list that begins early enough for it.
            since = min(since, known.needed or since)
            next_at = known.next_at(now)
            if now < next_at:
                known.needed = since
                raise Retryable("cannot_look", "X limits how often sent messages may be listed.", until=next_at)
            known.asked.append(now)
            try:
                dms = twitter.sent_since(since)
            except RateLimited as error:
                known.refused_until = error.until or now + BETWEEN_SPREAD
                raise
            except ServiceUnavailable as error:
                # The lanes that wait for this list must not ask one after another, each for the whole deadline.
                known.refused_until = error.until or now + BETWEEN_CLOSE
                raise
            known.at, known.since, known.dms, known.needed = now, since, dms, None
            return dms


def wait_before_look(sends: int, *, busy: bool) -> timedelta:
    """Return how long to wait before looking for a send. It grows with each failed one: X is probably overloaded."""
    growth, quick = (OVER_CAPACITY_GROWTH, OVER_CAPACITY_SENDS) if busy else (2, 1)
    return LOOKS_AFTER[0] * growth ** min(max(sends - quick, 0), SENDS_DOUBLED)
