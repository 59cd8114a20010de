"""The changes of X Chat's keys that go with settling a message."""

from __future__ import annotations

from urllib.parse import quote

from twitter_connector.broker import keys
from twitter_connector.model.chat import ChatCounted, ChatNoticed

from .change import Change


def chat_change(item: ChatNoticed | ChatCounted) -> Change:
    """Return the change of one effect."""
    account = quote(item.account_id, safe="")
    if isinstance(item, ChatCounted):
        stem = keys.CHAT_COUNTS.format(account=account, day="").removesuffix(":")
        return Change("count", stem, item.outcome, lifetime_ms=keys.USAGE_SECONDS * 1000)
    key = keys.CHAT_NOTICED.format(account=account, customer=quote(item.customer_id, safe=""))
    return Change("set", key, value=item.day, lifetime_ms=keys.CHAT_NOTICED_SECONDS * 1000)
