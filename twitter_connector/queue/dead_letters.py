"""Dead letters: entries that were given up, kept with their reason so that a person can replay them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.timestamps import moment
from twitter_connector.model.work import DeadLetter, Direction

from .hourly import counts_by_hour
from .newest_first import newest_first

_BATCH = 200
# At most so many are deleted at a time; the next round deletes more.
_TRIM = 1000


class DeadLetters:
    """The dead letters in the broker. Lanes.settle stores them, in the same atomic step that removes the entry."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def get(self, letter_id: str) -> DeadLetter | None:
        with store_errors():
            row: str | None = self._client.hget(keys.DEAD_LETTER, letter_id)  # type: ignore[assignment]
        return _load(str(row)) if row else None

    def count(self) -> int:
        with store_errors():
            return int(self._client.zcard(keys.DEAD))

    def by_hour(self, hours: int, now: datetime) -> list[int]:
        """Return how many of those that are kept failed in each of the last hours, the oldest hour first."""
        return counts_by_hour(self._client, keys.DEAD, hours, now)

    def newest(
        self,
        direction: Direction | None = None,
        account_id: str | None = None,
        reason: str | None = None,
        customer_id: str | None = None,
    ) -> Iterator[DeadLetter]:
        """Yield the dead letters that match, the latest failure first."""
        for places in newest_first(self._client, keys.DEAD, _BATCH):
            ids = [letter_id for _, letter_id in places]
            with store_errors():
                rows = self._client.hmget(keys.DEAD_LETTER, ids) if ids else []
            for row in rows:
                if row is None:
                    continue
                letter = _load(str(row))
                fits = (
                    (direction is None or letter.direction is direction)
                    and (account_id is None or letter.account_id == account_id)
                    and (reason is None or letter.reason == reason)
                    and (customer_id is None or letter.customer_id == customer_id)
                )
                if fits:
                    yield letter

    def trim(self, most: int, before_ms: int) -> int:
        """Delete those that failed before a moment, and the oldest beyond `most`. Return their number."""
        with store_errors():
            old: list[str] = self._client.zrangebyscore(keys.DEAD, "-inf", f"({before_ms}", 0, _TRIM)  # type: ignore[assignment]
            surplus = max(0, min(_TRIM, self.count() - most))
            oldest: list[str] = self._client.zrange(keys.DEAD, 0, surplus - 1) if surplus else []  # type: ignore[assignment]
            gone = list(dict.fromkeys([*old, *oldest]))
            if gone:
                pipe = self._client.pipeline(transaction=True)
                pipe.zrem(keys.DEAD, *gone)
                pipe.hdel(keys.DEAD_LETTER, *gone)
                pipe.execute()
        return len(gone)

    def discard(self, letter_id: str) -> bool:
        """Delete one. Return False if there is none with that id."""
        with store_errors(), replicated(self._client) as pipe:
            pipe.zrem(keys.DEAD, letter_id)
            pipe.hdel(keys.DEAD_LETTER, letter_id)
            removed: list[int] = pipe.execute()
        return any(removed)


def _load(row: str) -> DeadLetter:
    fields = json.loads(row)
    fields["direction"] = Direction(fields["direction"])
    fields["accepted_at"] = moment(fields["accepted_at"])
    fields["failed_at"] = moment(fields["failed_at"])
    return DeadLetter(**fields)
