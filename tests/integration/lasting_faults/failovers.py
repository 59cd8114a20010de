"""The broker's primary is killed again and again, and Sentinel makes its replica the primary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from tests.sentinel_group import Group
from tests.tree import eventually

from .repeated import repeated

_SECONDS = 12.0
_ELECTION_SECONDS = 30.0


@contextmanager
def failovers(group: Group, steady: Lock, done: Counter[str]) -> Iterator[None]:
    """Kill the primary every twelve seconds, each time once the former one follows the new one.

    steady: while it is taken, the clock is not stepped. Sentinel chooses no replica that was without its primary for
    many seconds by its own clock, so a step of an hour at this moment would leave the group without a primary.
    """

    def fail_over() -> None:
        eventually(group.replicating, _ELECTION_SECONDS, what="a replica in step")
        former = group.primary()
        assert former is not None
        with steady:
            former.kill()
            eventually(group.primary, _ELECTION_SECONDS, what="a new primary")
        group.follow(former)
        done["failover"] += 1

    with repeated(fail_over, _SECONDS):
        yield
    eventually(group.replicating, _ELECTION_SECONDS, what="a replica in step")
