"""What Twitter still allows each account, endpoint by endpoint, as its answers say."""

from __future__ import annotations

import json
import logging

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable

log = logging.getLogger(__name__)


class RateLimits:
    """Positions in Twitter's 15-minute windows, for people to see. Nothing is decided by them: a 429 decides."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def note(self, account_id: str, endpoint: str, limit: int, remaining: int, reset: int) -> None:
        """Remember a position. reset: epoch seconds. A broker that is away is no reason to fail a call that worked."""
        key = keys.BUDGETS.format(account=account_id)
        try:
            with store_errors():
                pipe = self._client.pipeline(transaction=False)
                pipe.hset(key, endpoint, json.dumps([limit, remaining, reset]))
                pipe.expire(key, keys.BUDGETS_SECONDS)
                pipe.execute()
        except StoreUnavailable as error:
            log.info("rate_limit_not_stored", extra={"reason": error.reason})
