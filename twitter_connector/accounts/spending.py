"""What accounts cost per UTC day, and what stops when that reaches a limit: polling and look-ups, never replies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Protocol

from twitter_connector.model.account import V1, Account
from twitter_connector.model.usage import PUBLISHED_PRICES, Usage, in_usd

log = logging.getLogger(__name__)

DAY_SECONDS = 86400


class UsagePort(Protocol):
    """See store/usage.py."""

    def today(self, account_id: str) -> Usage: ...


class Limit(IntEnum):
    """The limit that an account has reached today. SOFT: it is polled less. HARD: no polling and no look-ups."""

    NONE = 0
    SOFT = 1
    HARD = 2


@dataclass(frozen=True)
class Spending:
    """usage: the counts of a day. prices: USD by kind. soft, hard: USD for each account and day; None for no limit."""

    usage: UsagePort
    prices: Mapping[str, Decimal] = field(default_factory=lambda: PUBLISHED_PRICES)
    soft: Decimal | None = None
    hard: Decimal | None = None

    def limit(self, account: Account) -> Limit:
        """Return the limit that the account has reached today. Raises StoreUnavailable."""
        if self.soft is None and self.hard is None:
            return Limit.NONE
        return self.limit_of(account, self.usage.today(account.id))

    def limit_of(self, account: Account, usage: Usage) -> Limit:
        """Return the limit that a day's usage reaches."""
        usd = usage.usd(self._prices_of(account))
        if self.hard is not None and usd >= self.hard:
            return Limit.HARD
        return Limit.SOFT if self.soft is not None and usd >= self.soft else Limit.NONE

    def shown(self, account: Account, usage: Usage) -> dict[str, str | int]:
        """Return a day's usage and its price as the routes show them."""
        return usage.shown(self._prices_of(account))

    def usd(self, account: Account, usage: Usage) -> Decimal:
        """Return the price of a day's usage."""
        return usage.usd(self._prices_of(account))

    def attention(self, account: Account, usage: Usage) -> str:
        """Return the sentence for a person about the limit that a day's usage reaches; "" if it reaches none."""
        limit = self.limit_of(account, usage)
        if limit is Limit.NONE:
            return ""
        used = f"The account has used {in_usd(self.usd(account, usage))} USD at X today"
        if limit is Limit.HARD:
            return (
                f"{used} and reached USAGE_HARD_LIMIT ({self.hard} USD). Polling and look-ups stop until 00:00 UTC; "
                "replies are sent. Raise the limit, or wait."
            )
        return (
            f"{used} and reached USAGE_SOFT_LIMIT ({self.soft} USD). It is polled less often until 00:00 UTC. Check "
            "what causes the traffic, or raise the limit."
        )

    def log_reached(self, accounts: Iterable[Account], once: Callable[[str, int], bool]) -> None:
        """Log each limit that an account has reached, once a day. once: see store/locks. Raises StoreUnavailable."""
        if self.soft is None and self.hard is None:
            return
        for account in accounts:
            usage = self.usage.today(account.id)
            limit = self.limit_of(account, usage)
            if limit and once(f"usage-limit:{account.id}:{usage.day}:{limit.name}", DAY_SECONDS):
                level = logging.ERROR if limit is Limit.HARD else logging.WARNING
                facts = {"account": account.id, "limit": limit.name.lower(), "detail": self.attention(account, usage)}
                log.log(level, "usage_limit_reached", extra=facts)

    def _prices_of(self, account: Account) -> Mapping[str, Decimal]:
        # API v1.1 is paid for by contract, not by use.
        return {} if account.flavour == V1 else self.prices
