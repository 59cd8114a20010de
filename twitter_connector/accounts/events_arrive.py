"""Judges from the account status whether X's events reach us at once, the account's own messages among them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from twitter_connector.model.account import POLL, STREAM, Account
from twitter_connector.model.timestamps import moment

# The webhook of every account is checked at least every ten minutes.
STATUS_VALID = timedelta(minutes=30)
_MOMENTS = ("last_event_at", "last_crc_at", "checked_at")
# Field of the account's status: 0 if X accepted no subscription to the account's own messages.
ECHOES = "echoes"
# Field of the account's status: when its stream brought a line last, in epoch ms; 0 if the stream is closed.
STREAM_ALIVE_AT = "stream_alive_at"
# An open stream brings a line at least every 20 s. https://docs.x.com/x-api/activity/introduction
STREAM_ALIVE = timedelta(seconds=25)


def events_arrive(account: Account, account_status: Mapping[str, int], now: datetime) -> bool:
    """Return True if the account's events come by webhook or stream, and nothing says that they do not come now.

    A webhook's last event, challenge or check is recent, and no check found it broken. A stream is open.
    """
    if account.sends_only or account.attention or account.inbound == POLL or not account_status.get(ECHOES, 1):
        return False
    if account.inbound == STREAM:
        return now - moment(account_status.get(STREAM_ALIVE_AT, 0)) < STREAM_ALIVE
    if not account_status.get("webhook_valid", 1):
        return False
    moments = [moment(account_status[name]) for name in _MOMENTS if account_status.get(name)]
    if account.registered_at is not None:
        moments.append(account.registered_at)
    return bool(moments) and now - max(moments) < STATUS_VALID
