"""What an account has sent lately, listed once for all conversations that have to look for a send.

Twitter lets an account list its messages 15 times in 15 minutes. After an outage hundreds of conversations may have a
send to look for at the same moment; one list answers them all. Kept in this process only: it is worth nothing later.
https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twitter_connector.errors import RateLimited, Retryable, ServiceUnavailable
from twitter_connector.model.event import DmEchoed
from twitter_connector.model.flavour import Messages

# Of the 15 lists that a window allows, so many may follow one another closely; the rest is spread over it.
CLOSE_TOGETHER = 8
BETWEEN_CLOSE = timedelta(seconds=3)
BETWEEN_SPREAD = timedelta(seconds=120)
WINDOW = timedelta(minutes=15)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class _Known:
    """What is known of one account: the last list, which moments it covers, and when lists were asked for."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: datetime = _LONG_AGO
    since: datetime = _LONG_AGO
    dms: Sequence[DmEchoed] = ()
    asked: deque[datetime] = field(default_factory=deque)
    refused_until: datetime = _LONG_AGO

    def next_at(self, now: datetime) -> datetime:
        """Return when the next list may be asked for."""
        while self.asked and not timedelta() <= now - self.asked[0] < WINDOW:
            self.asked.popleft()
        if not self.asked:
            return self.refused_until
        between = BETWEEN_CLOSE if len(self.asked) < CLOSE_TOGETHER else BETWEEN_SPREAD
        return max(self.refused_until, self.asked[-1] + between)


class SentLookups:
    """The lists of all accounts this process sends for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: defaultdict[str, _Known] = defaultdict(_Known)

    def sent(
        self, account_id: str, twitter: Messages, since: datetime, made_after: datetime, now: datetime
    ) -> Sequence[DmEchoed]:
        """Return what the account has sent since a moment, by a list that was made after another.

        Raises Retryable `cannot_look` with `until` where none may be made yet, and what Twitter's refusal raises.
        """
        with self._lock:
            known = self._known[account_id]
        # Whoever waits here is likely to find what it wants in the list that is being made.
        with known.lock:
            # A list of the future was made before the clock was put back, and may be older than the send.
            if known.since <= since and made_after <= known.at <= now:
                return known.dms
            next_at = known.next_at(now)
            if now < next_at:
                raise Retryable("cannot_look", "Twitter limits how often sent messages may be listed.", until=next_at)
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
            known.at, known.since, known.dms = now, since, dms
            return dms
