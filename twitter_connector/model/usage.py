"""What an account used of X on one UTC day, and the price of it.

https://docs.x.com/x-api/getting-started/pricing
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

# The kinds of usage that X bills. dm_received: an event of a message to the account. dm_read: a message that a look-up
# returned. user_read: a profile that a look-up returned.
DM_RECEIVED, DM_READ, DM_SENT, USER_READ = "dm_received", "dm_read", "dm_sent", "user_read"
POST_READ, POST_SENT, MEDIA = "post_read", "post_sent", "media"
POST_SENT_WITH_LINK, POST_SENT_SUMMONED = "post_sent_with_link", "post_sent_summoned"

# X's list for pay-per-use, in USD.
PUBLISHED_PRICES: Mapping[str, Decimal] = {
    DM_RECEIVED: Decimal("0.010"),
    DM_READ: Decimal("0.010"),
    DM_SENT: Decimal("0.015"),
    USER_READ: Decimal("0.010"),
    POST_READ: Decimal("0.005"),
    POST_SENT: Decimal("0.015"),
    POST_SENT_WITH_LINK: Decimal("0.200"),
    POST_SENT_SUMMONED: Decimal("0.010"),
    MEDIA: Decimal("0.005"),
}
_CENT = Decimal("0.01")
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class Usage:
    """The units of each kind that an account used on a UTC day. A kind without a unit may be missing."""

    day: date
    counts: Mapping[str, int] = field(default_factory=dict)

    def usd(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Return the price in USD. A kind without a price costs nothing."""
        return sum((prices.get(kind, Decimal()) * units for kind, units in self.counts.items()), Decimal())

    def shown(self, prices: Mapping[str, Decimal]) -> dict[str, str | int]:
        """Return day, units by kind and price as the routes show them. The price is text, to the last digit."""
        kinds = {kind: self.counts.get(kind, 0) for kind in (DM_RECEIVED, DM_READ, DM_SENT, USER_READ, POST_READ)}
        posts = sum(self.counts.get(kind, 0) for kind in (POST_SENT, POST_SENT_WITH_LINK, POST_SENT_SUMMONED))
        return {"day": self.day.isoformat(), **kinds, POST_SENT: posts, "usd": in_usd(self.usd(prices))}


def in_usd(amount: Decimal) -> str:
    """Return an amount as text, with two decimal places, or more where it has more."""
    exact = amount.normalize()
    return f"{exact:f}" if exact != exact.quantize(_CENT) else f"{exact.quantize(_CENT):f}"


def day_number(day: date) -> int:
    """Return the number of days from 1970-01-01 to a day."""
    return (day - _FIRST_DAY).days
