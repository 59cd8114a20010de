"""A change of a key beside the lanes, as lua/take.lua reads it."""

from __future__ import annotations

from itertools import chain
from typing import Literal, NamedTuple


class Change(NamedTuple):
    """One operation on one key.

    set stores a value. del removes the key, but only while it has the value, if one is given. hset and hdel change a
    field (member). zadd stores a member with a score (value; "" for now) and keeps the highest `most`. lpush stores a
    value and keeps the newest `most`; lpush_at writes the present moment and a space before the value. count adds one
    to the field (member) of the present UTC day's key, whose name is the key, a colon and the day. A tuple, because it
    is fast to create.
    """

    operation: Literal["set", "del", "hset", "hdel", "zadd", "lpush", "lpush_at", "count"]
    key: str
    member: str = ""
    value: str | int = ""
    lifetime_ms: int | str = ""
    most: int | str = ""


def applied(*changes: Change, mark: str = "", lasts_ms: int = 0) -> list[str | int]:
    """Return the changes as one item of lua/take.lua.

    mark: a key that is set for so long with the changes. If it is set already, they are left out.
    """
    return ["change", mark, lasts_ms, len(changes), *chain.from_iterable(changes)]
