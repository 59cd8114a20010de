"""Reads a sorted set whose scores are moments, the newest first, while its members come and go."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from twitter_connector.broker.connection import store_errors

Place = tuple[int, str]


def newest_first(
    client: redis.Redis, key: str, batch: int, *, least: str = "-inf", most: str = "+inf"
) -> Iterator[list[Place]]:
    """Yield (moment, member) in batches, the latest first, each once. least, most: the moments' bounds, both included.

    No member that is there all the time is left out. Ranks would not do: they move with each member that comes or goes.
    """
    read: set[Place] = set()  # those of the moment at which the next batch begins
    while True:
        size = batch + len(read)
        with store_errors():
            rows: list[tuple[str, float]] = client.zrevrangebyscore(  # type: ignore[assignment]
                key, most, least, start=0, num=size, withscores=True
            )
        places = [(int(score), member) for member, score in rows]
        yield [place for place in places if place not in read]
        if len(rows) < size:
            return
        last = places[-1][0]
        read = {place for place in places if place[0] == last}
        most = str(last)
