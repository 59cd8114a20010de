"""Does what can be done after the broker lost data: reads messages back from X, and fetches accounts from CCM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import takewhile

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import epoch_ms

from .backfill import open_gap_at
from .ports import AccountStatusPort

log = logging.getLogger(__name__)

# Field of the account's status: since when the failover that last opened a gap may have lost data, in epoch ms.
FAILOVER = "failover_since"


def open_gaps(accounts: Iterable[Account], status: AccountStatusPort, since: datetime) -> None:
    """Have the messages since a moment read back from X, for each account."""
    for account in accounts:
        open_gap_at(status, account, since)


def open_gaps_after(failovers: Sequence[datetime], accounts: Iterable[Account], status: AccountStatusPort) -> None:
    """Have the messages read back from X that only a lost primary may have had, once for each failover and account.

    failovers: since when each of them may have lost data, newest first. The mark of the last one is stored with the
    gap: a worker that ends, or the next failover, cannot leave one without the other.
    """
    for account in accounts:
        mark = status.account_status(account.id).get(FAILOVER)
        # Not by order: the time of the service may have been an hour ahead at one of them.
        if new := list(takewhile(lambda since: epoch_ms(since) != mark, failovers)):  # noqa: B023 - used at once
            open_gap_at(status, account, min(new), **{FAILOVER: epoch_ms(new[0])})


def fetch_missing(account_ids: Iterable[str], fetch: Callable[[str], Account]) -> None:
    """Fetch missing accounts from CCM. An account that CCM does not have stays missing, and is logged."""
    for account_id in account_ids:
        try:
            fetch(account_id)
        except ConnectorError as error:
            facts = {"account": account_id, "reason": error.reason, "detail": error.detail}
            log.warning("account_not_restored", extra=facts)
