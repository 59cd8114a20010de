"""Does what can be done after the broker lost data: reads messages back from X, and fetches accounts from CCM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account

from .backfill import open_gap_at
from .ports import AccountStatusPort

log = logging.getLogger(__name__)


def open_gaps(accounts: Iterable[Account], status: AccountStatusPort, since: datetime) -> None:
    """Have the messages since a moment read back from X, for each account."""
    for account in accounts:
        open_gap_at(status, account, since)


def fetch_missing(account_ids: Iterable[str], fetch: Callable[[str], Account]) -> None:
    """Fetch missing accounts from CCM. An account that CCM does not have stays missing, and is logged."""
    for account_id in account_ids:
        try:
            fetch(account_id)
        except ConnectorError as error:
            facts = {"account": account_id, "reason": error.reason, "detail": error.detail}
            log.warning("account_not_restored", extra=facts)
