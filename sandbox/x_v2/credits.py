"""What an app's requests and events cost, what is left of its credit, and what X refuses without any."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.x_v2.problem_catalogue import problem
from sandbox.x_v2.problems import Problem

PRICES = {
    "dm_received": 0.010,
    "chat_received": 0.010,
    "dm_read": 0.010,
    "dm_sent": 0.015,
    "user_read": 0.010,
    "media": 0.005,
    "post_read": 0.005,
    "post_owned_read": 0.001,
    "post_sent": 0.015,
    "post_sent_link": 0.200,
    "reply_sent": 0.010,
}


@dataclass
class Bill:
    """What one app has used. `balance` is None for an app that is never refused; `refusal` names the answer without
    credit, `credits-depleted` or `usage-capped`."""

    balance: float | None = None
    refusal: str = "credits-depleted"
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)


class Credits:
    """Bills apps. Forgotten when the sandbox ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bills: dict[str, Bill] = {}

    def clear(self) -> None:
        """Forget all bills."""
        with self._lock:
            self._bills.clear()

    def set_balance(self, app_id: str, balance: float | None, refusal: str) -> None:
        """Give an app this credit in USD; None lifts the limit."""
        with self._lock:
            bill = self._bills.setdefault(app_id, Bill())
            bill.balance, bill.refusal = balance, refusal

    def refusal(self, app_id: str) -> Problem | None:
        """Return the problem that meets the app's billable requests, or None while it has credit."""
        bill = self._bills.get(app_id)
        if bill is None or bill.balance is None or bill.balance > 0:
            return None
        return problem(bill.refusal)

    def charge(self, app_id: str, kind: str, account_id: str, *resource_ids: str) -> None:
        """Bill one unit for each resource, or a single unit without any. A resource costs once per UTC day."""
        day = datetime.now(UTC).date().isoformat()
        with self._lock:
            bill = self._bills.setdefault(app_id, Bill())
            new = {(day, kind, resource) for resource in resource_ids} - bill.seen
            bill.seen |= new
            units = len(new) if resource_ids else 1
            counts = bill.counts.setdefault(account_id, {})
            counts[kind] = counts.get(kind, 0) + units
            if bill.balance is not None:
                bill.balance -= units * PRICES[kind]

    def usage(self, app_id: str, account_id: str) -> dict[str, Any]:
        """Return units by kind for an account, their price in USD, and the balance of its app."""
        with self._lock:
            bill = self._bills.get(app_id, Bill())
            counts = {kind: bill.counts.get(account_id, {}).get(kind, 0) for kind in PRICES}
        usd = sum(units * PRICES[kind] for kind, units in counts.items())
        return {**counts, "usd": f"{usd:.2f}", "balance": bill.balance}
