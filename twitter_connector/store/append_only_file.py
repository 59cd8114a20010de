"""Has the embedded broker rewrite its append-only file, so that texts that were delivered leave the disk.

An external broker belongs to somebody else, who decides when it rewrites: docs/security.md.
"""

from __future__ import annotations

import logging

import redis

from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable

from .locks import Locks

log = logging.getLogger(__name__)

# Upkeep comes once a minute, and a rewrite takes seconds: what was deleted is gone within the hour.
REWRITE_SECONDS = 30 * 60


def rewrite_if_due(client: redis.Redis, locks: Locks) -> bool:
    """Have the file rewritten if that was not begun in the last REWRITE_SECONDS. Return whether it was begun now."""
    if not locks.once("rewrite-append-only-file", REWRITE_SECONDS):
        return False
    try:
        with store_errors():
            client.bgrewriteaof()
    except StoreUnavailable as error:
        log.warning("append_only_file_not_rewritten", extra={"reason": error.reason, "detail": error.detail})
        return False
    return True
