"""The changes of X Chat's keys that go with settling a message."""

from __future__ import annotations

from urllib.parse import quote

from twitter_connector.broker import keys
from twitter_connector.model.chat import ChatCounted, ChatNoticed, RoadTaken

from .change import Change


def chat_change(item: ChatNoticed | ChatCounted | RoadTaken) -> Change:
    """Return the change of one effect."""
    account = quote(item.account_id, safe="")
    if isinstance(item, ChatCounted):
        stem = keys.CHAT_COUNTS.format(account=account, day="").removesuffix(":")
        return Change("count", stem, item.outcome, lifetime_ms=keys.USAGE_SECONDS * 1000)
    customer = quote(item.customer_id, safe="")
    if isinstance(item, RoadTaken):
        # Only the latest message stays. One that comes late does not change the way back.
        key = keys.ROAD.format(account=account, customer=customer)
        return Change("zadd", key, f"{item.road}|{item.at_ms}", item.at_ms, keys.ROAD_SECONDS * 1000, 1)
    key = keys.CHAT_NOTICED.format(account=account, customer=customer)
    return Change("set", key, value=item.day, lifetime_ms=keys.CHAT_NOTICED_SECONDS * 1000)
