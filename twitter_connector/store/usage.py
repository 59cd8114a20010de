"""Counts what accounts use of X, by kind and UTC day. Each resource counts once a day, as X bills it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.usage import Usage, day_number

log = logging.getLogger(__name__)

_COUNT = source(__package__, "count_resources")


class UsageCounts:
    """The counts of all accounts. Events and sends are counted where they are stored: in the scripts of the lanes, and
    in the send ledger."""

    def __init__(self, client: redis.Redis, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock

    def note(self, account_id: str, kind: str, resource_ids: Iterable[str]) -> None:
        """Count the resources that a look-up returned. Never raises: the look-up worked, even if the broker is away."""
        ids = list(resource_ids)
        if not ids:
            return
        day, account = day_number(self._clock().date()), quote(account_id, safe="")
        billed = keys.BILLED.format(account=account, day=day, kind=kind)
        counts = usage_key(account_id, day)
        try:
            with store_errors():
                self._client.eval(_COUNT, 2, billed, counts, kind, keys.BILLED_SECONDS, keys.USAGE_SECONDS, *ids)
        except StoreUnavailable as error:
            log.info("usage_not_stored", extra={"account": account_id, "reason": error.reason})

    def today(self, account_id: str) -> Usage:
        """Return what an account has used today. Raises StoreUnavailable."""
        return self.days(account_id, 1)[0]

    def days(self, account_id: str, count: int) -> list[Usage]:
        """Return the usage of the last days, today first. Days without usage are included. Raises StoreUnavailable."""
        today = self._clock().date()
        days = [today - timedelta(days=n) for n in range(count)]
        pipe: Any = self._client.pipeline(transaction=False)
        for day in days:
            pipe.hgetall(usage_key(account_id, day_number(day)))
        with store_errors():
            rows = pipe.execute()
        return [Usage(day, counts_in(row)) for day, row in zip(days, rows, strict=True)]


def usage_key(account_id: str, day: int) -> str:
    """Return the name of the key that has the counts of an account and day."""
    return keys.USAGE.format(account=quote(account_id, safe=""), day=day)


def counts_in(row: dict[str, str]) -> dict[str, int]:
    """Return the units by kind of a stored row."""
    return {kind: int(units) for kind, units in row.items()}
