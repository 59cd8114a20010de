"""What comes every few seconds or every minute leaves the append-only file alone: each write in it is synced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import redis

from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.timestamps import epoch_ms


def written(inspector: redis.Redis, work: Callable[[], object]) -> int:
    """Return by how many bytes the append-only file grows meanwhile."""
    before = _size(inspector)
    work()
    return _size(inspector) - before


def _size(inspector: redis.Redis) -> int:
    # While the server syncs the file, what it is to write waits in a buffer, for up to two seconds.
    info = cast(dict[str, int], inspector.info("persistence"))
    return int(info["aof_current_size"]) + int(info["aof_buffer_length"])


def test_a_heartbeat_is_not_written(services: Services, inspector: redis.Redis) -> None:
    assert written(inspector, lambda: services.heartbeats.beat("one", ["inbound"], difference=660.0)) == 0
    assert services.heartbeats.workers() == ["one"]
    assert inspector.hgetall(keys.CLOCKS) == {"one": "660"}
    assert written(inspector, lambda: services.heartbeats.forget("one")) > 0, (
        "this one is written, so the test can fail"
    )


def test_a_lock_that_may_be_forgotten_is_not_written(services: Services, inspector: redis.Redis) -> None:
    def take(*, durable: bool) -> None:
        with services.locks.alone("chore", durable=durable) as mine, services.locks.alone("chore") as theirs:
            assert (mine, theirs) == (True, False)

    assert written(inspector, lambda: take(durable=False)) == 0
    assert not inspector.exists(keys.LOCK.format(chore="chore"))
    assert written(inspector, lambda: take(durable=True)) > 0


def test_the_accounts_that_are_alive_are_noted(services: Services, inspector: redis.Redis) -> None:
    now = services.clock()
    moments = {"7": epoch_ms(now), "8": epoch_ms(now + timedelta(seconds=1))}
    services.accounts.note_alive(moments)
    assert {a: services.accounts.account_status(a) for a in moments} == {
        a: {"alive_at": at} for a, at in moments.items()
    }
