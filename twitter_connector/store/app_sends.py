"""Counts how many messages each account of an app has sent in X's present window of 24 hours."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.app_day import AppDay
from twitter_connector.model.timestamps import epoch_ms, moment

log = logging.getLogger(__name__)

_NOTE = source(__package__, "note_app_send")
_OF = "of:"


class AppSends:
    """The windows of all apps, by a digest of the app's key (Account.app)."""

    def __init__(self, client: redis.Redis, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock

    def note(self, app: str, account_id: str, limit: int, remaining: int, reset: datetime) -> None:
        """Count one message, and store what X's answer said of the app's limit. Never raises: the message is sent."""
        arguments = (_OF + account_id, limit, remaining, epoch_ms(reset), epoch_ms(self._clock()))
        try:
            with store_errors():
                self._client.eval(_NOTE, 1, keys.APP_SENDS.format(app=app), *arguments)
        except StoreUnavailable as error:
            log.info("app_send_not_stored", extra={"account": account_id, "reason": error.reason})

    def day(self, app: str) -> AppDay | None:
        """Return the app's present window; None if X has named none. Raises StoreUnavailable."""
        with store_errors():
            row: dict[str, str] = self._client.hgetall(keys.APP_SENDS.format(app=app))  # type: ignore[assignment]
        if not row or moment(int(row["reset"])) <= self._clock():
            return None
        return AppDay(
            limit=int(row["limit"]),
            remaining=int(row["remaining"]),
            began=moment(int(row["began"])),
            reset=moment(int(row["reset"])),
            sent={name.removeprefix(_OF): int(count) for name, count in row.items() if name.startswith(_OF)},
        )
