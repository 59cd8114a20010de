"""Whether X's events of an account reach us, as far as we know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import moment

# The webhook of every account is checked at least every ten minutes.
SIGN_LASTS = timedelta(minutes=30)
_SIGNS = ("last_event_at", "last_crc_at", "checked_at")


def events_arrive(account: Account, account_status: Mapping[str, int], now: datetime) -> bool:
    """Return whether the account's webhook works: it was not found broken, and it, or X, was heard of lately."""
    if account.sends_only or account.attention or not account_status.get("webhook_valid", 1):
        return False
    signs = [moment(account_status[name]) for name in _SIGNS if account_status.get(name)]
    if account.registered_at is not None:
        signs.append(account.registered_at)
    return bool(signs) and now - max(signs) < SIGN_LASTS
