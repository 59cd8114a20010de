"""What is stored of public posts beside the lanes: their threads, and the newest comment of each customer."""

from __future__ import annotations

from urllib.parse import quote

from twitter_connector.broker import keys
from twitter_connector.model.work import InThread, LastComment

from .change import Change

_LASTS_MS = keys.COMMENT_SECONDS * 1000


def post_change(item: InThread | LastComment) -> Change:
    """Return the change of one key for an effect about posts."""
    account = quote(item.account_id, safe="")
    if isinstance(item, InThread):
        key = keys.THREAD.format(account=account, post=quote(item.post_id, safe=""))
        return Change("set", key, value=item.thread_id, lifetime_ms=_LASTS_MS)
    key = keys.LAST_COMMENT.format(account=account, customer=quote(item.customer_id, safe=""))
    return Change("zadd", key, item.post_id, item.created_ms, lifetime_ms=_LASTS_MS, most=1)
