"""Lists the conversations that wait, for people. Reads only; the scripts of the lanes change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.timestamps import moment
from twitter_connector.model.work import Direction


@dataclass(frozen=True)
class WaitingConversation:
    """A lane with work. accepted_at: when its next message was accepted. tries: of this message, all failed.

    entry_id: of this message. due_at: when it is tried next. messages: how many wait in the lane.
    """

    direction: Direction
    account_id: str
    lane: str
    messages: int
    accepted_at: datetime
    tries: int
    due_at: datetime
    entry_id: str


class WaitingConversations:
    """Reads lanes from the broker. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def first(self, account_id: str, direction: Direction, most: int) -> list[WaitingConversation]:
        """Return the conversations of an account that were accepted first, at most `most` of those due first."""
        with store_errors():
            due: list[tuple[str, float]] = self._client.zrange(  # type: ignore[assignment]
                _due(direction, account_id), 0, most - 1, withscores=True
            )
        found = self._read(account_id, direction, due)
        return sorted(found, key=lambda conversation: conversation.accepted_at)

    def one(self, account_id: str, direction: Direction, lane: str) -> WaitingConversation | None:
        """Return a conversation of an account, or None if nothing of it waits."""
        name = quote(lane, safe="~")
        with store_errors():
            due = self._client.zscore(_due(direction, account_id), name)
        return next(iter(self._read(account_id, direction, [] if due is None else [(name, float(due))])), None)

    def _read(
        self, account_id: str, direction: Direction, due: Sequence[tuple[str, float]]
    ) -> list[WaitingConversation]:
        """due: lanes as they are stored, each with the moment at which it is due (epoch ms)."""
        account = quote(account_id, safe="")
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            for lane, _ in due:
                names = {"direction": direction, "account": account, "lane": lane}
                pipe.zrange(keys.QUEUE.format(**names), 0, 0)
                pipe.zcard(keys.QUEUE.format(**names))
            heads = pipe.execute()
            members = [head[0] if head else "" for head in heads[::2]]
            for (lane, _), member in zip(due, members, strict=True):
                names = {"direction": direction, "account": account, "lane": lane}
                pipe.hget(keys.MESSAGES.format(**names), member)
                pipe.hget(keys.STATE.format(**names), f"a:{member}")
            rows = pipe.execute()
        conversations = []
        lanes = zip(due, members, heads[1::2], rows[::2], rows[1::2], strict=True)
        for (lane, at), member, count, message, tries in lanes:
            if message:  # otherwise the lane was finished between the two looks
                accepted = moment(int(message.partition(" ")[0]))
                lane_id, number, due_at = unquote(lane), int(tries or 0), moment(int(at))
                entry_id = str(member).partition("|")[2]
                conversations.append(
                    WaitingConversation(direction, account_id, lane_id, count, accepted, number, due_at, entry_id)
                )
        return conversations


def _due(direction: Direction, account_id: str) -> str:
    return keys.DUE.format(direction=direction, account=quote(account_id, safe=""))
