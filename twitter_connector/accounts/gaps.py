"""From which moment on an account's messages have to be read back: noted when something may have been missed, and kept
until it has been read. Without the note, the first event after an outage would hide the gap before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import SNOWFLAKE_EPOCH_MS, epoch_ms, moment

# The sign under which it is noted, in epoch ms; 0 where nothing is missing.
GAP = "gap_since"
# The id up to which the poller has stored every message, and when it looks again, in epoch ms.
POLL_MARK, NEXT_POLL = "poll_mark", "next_poll_at"


class AccountStatusPort(Protocol):
    """See store/accounts.py."""

    def account_status(self, account_id: str) -> dict[str, int]: ...
    def note(self, account_id: str, **account_status: int) -> None: ...


def known_until(account: Account, account_status: Mapping[str, int], now: datetime) -> datetime:
    """Return the moment up to which the customers' messages are known for certain: that of an open gap, or else of the
    last message or sign of life, or where none ever came, of the registration."""
    if account_status.get(GAP):
        return moment(account_status[GAP])
    if not account_status.get("last_dm"):
        return account.registered_at or now
    last_dm = (account_status["last_dm"] >> 22) + SNOWFLAKE_EPOCH_MS
    return moment(min(last_dm, account_status.get("alive_at", last_dm)))


def open_gap(port: AccountStatusPort, account: Account, account_status: Mapping[str, int], now: datetime) -> None:
    """Note that messages may be missing, and have the account looked at soon.

    signs: as they were before messages could come again; what has come since must not hide what came before.
    """
    if not account.sends_only:
        since = epoch_ms(known_until(account, account_status, now))
        port.note(account.id, **{GAP: since, "next_check_at": 0, NEXT_POLL: 0})


def open_gap_at(port: AccountStatusPort, account: Account, since: datetime) -> None:
    """Note that messages may be missing since a moment, and have the account looked at soon."""
    if not account.sends_only:
        earliest = min(epoch_ms(since), port.account_status(account.id).get(GAP) or epoch_ms(since))
        port.note(account.id, **{GAP: earliest, "next_check_at": 0})
