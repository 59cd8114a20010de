"""How the accounts of one app share the messages that X lets the app send in 24 hours.

https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class AppDay:
    """X's present window for an app: so many messages of `limit` remain until `reset`. began: when it was first seen.
    sent: messages in this window by account."""

    limit: int
    remaining: int
    began: datetime
    reset: datetime
    sent: Mapping[str, int] = field(default_factory=dict)

    def free_at(self, account_id: str, accounts: Collection[str], now: datetime) -> datetime:
        """Return when an account may send its next message: now, or a moment up to the end of the window.

        Each of the app's accounts has an equal share. Within its share an account never waits. Beyond it, an account
        leaves for each other one the unused part of its share, times the part of the window that is left.
        """
        share = self.limit // max(1, len(accounts))
        if now >= self.reset or len(accounts) < 2 or self.sent.get(account_id, 0) < share:
            return now
        unused = sum(max(0, share - self.sent.get(other, 0)) for other in accounts if other != account_id)
        if self.remaining < 1:
            return self.reset
        if not unused:
            return now
        # The others' parts get smaller as time passes. This is the moment when one message more than them remains.
        free_at = self.reset - (self.reset - self.began) * ((self.remaining - 1) / unused)
        return max(now, free_at)
