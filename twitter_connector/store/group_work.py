"""The progress of work on a group of dead letters, for the page that shows it in any replica."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors

# Work that reports nothing for so long has ended with its process.
SILENT_SECONDS = 30


@dataclass(frozen=True)
class Progress:
    """How far some work is. verb: what is done. group: which dead letters, in words. total: their number at the start.

    seen: how many have had their turn. changed: for how many it was done; the others were gone already. problem: what
    stopped it; "" for nothing.
    """

    id: str
    verb: str
    group: str
    total: int
    seen: int
    changed: int
    ended: bool
    problem: str

    @property
    def percent(self) -> int:
        return 100 * self.seen // self.total if self.total else 100


class GroupWork:
    """Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def begin(self, verb: str, group: str, total: int) -> str:
        """Store that work begins. Return its id."""
        work_id = secrets.token_urlsafe(12)
        self._store(work_id, verb=verb, group=group, total=total, seen=0, changed=0, ended=0, problem="")
        return work_id

    def step(self, work_id: str, seen: int, changed: int) -> None:
        """Store how far the work is."""
        self._store(work_id, seen=seen, changed=changed)

    def end(self, work_id: str, seen: int, changed: int, problem: str = "") -> None:
        """Store that the work has ended."""
        self._store(work_id, seen=seen, changed=changed, ended=1, problem=problem)

    def of(self, work_id: str) -> Progress | None:
        """Return how far some work is; None if it is not known any more."""
        with store_errors():
            row: dict[str, str] = self._client.hgetall(keys.GROUP_WORK.format(id=work_id))  # type: ignore[assignment]
        if not row:
            return None
        total, seen, changed = (int(row[name]) for name in ("total", "seen", "changed"))
        ended, problem = row["ended"] == "1", row["problem"]
        if not ended and time.time() - int(row["at"]) > SILENT_SECONDS:
            ended, problem = True, "The process that did it has ended. Start it again: what was done stays done."
        return Progress(work_id, row["verb"], row["group"], total, seen, changed, ended, problem)

    def _store(self, work_id: str, **fields: str | int) -> None:
        key = keys.GROUP_WORK.format(id=work_id)
        fields["at"] = int(time.time())
        with store_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(key, mapping=fields)  # type: ignore[arg-type]
            pipe.expire(key, keys.GROUP_WORK_SECONDS)
            pipe.execute()
