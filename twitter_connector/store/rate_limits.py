"""Stores the calls that X still allows each account at each endpoint, as X's responses say."""

from __future__ import annotations

import json
import logging

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable

log = logging.getLogger(__name__)


class RateLimits:
    """Positions in X's 15-minute windows, shown to people. They decide nothing: only a 429 does."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def note(self, account_id: str, endpoint: str, limit: int, remaining: int, reset: int) -> None:
        """Store a position. reset: epoch seconds. Never raises: the call to X worked, even if the broker is away."""
        key = keys.BUDGETS.format(account=account_id)
        try:
            with store_errors():
                pipe = self._client.pipeline(transaction=False)
                pipe.hset(key, endpoint, json.dumps([limit, remaining, reset]))
                pipe.expire(key, keys.BUDGETS_SECONDS)
                pipe.execute()
        except StoreUnavailable as error:
            log.info("rate_limit_not_stored", extra={"reason": error.reason})
