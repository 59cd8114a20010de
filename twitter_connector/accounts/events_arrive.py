"""Judges from the account status whether X's events reach us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import moment

# The webhook of every account is checked at least every ten minutes.
STATUS_VALID = timedelta(minutes=30)
_MOMENTS = ("last_event_at", "last_crc_at", "checked_at")


def events_arrive(account: Account, account_status: Mapping[str, int], now: datetime) -> bool:
    """Return True if no check found the webhook broken and its last event, challenge or check is recent."""
    if account.sends_only or account.attention or not account_status.get("webhook_valid", 1):
        return False
    moments = [moment(account_status[name]) for name in _MOMENTS if account_status.get(name)]
    if account.registered_at is not None:
        moments.append(account.registered_at)
    return bool(moments) and now - max(moments) < STATUS_VALID
