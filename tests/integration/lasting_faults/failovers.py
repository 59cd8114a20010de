"""The broker's primary is killed again and again, and Sentinel makes its replica the primary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from tests.sentinel_group import Group
from tests.tree import eventually

from .repeated import repeated

_SECONDS = 12.0
_ELECTION_SECONDS = 30.0
# A server looks once a second how long it has heard nothing by its clock. After a step it drops its replica then.
_LINKS_KNOWN_SECONDS = 1.5


@contextmanager
def failovers(group: Group, steady: Lock, done: Counter[str]) -> Iterator[None]:
    """Kill the primary every twelve seconds, each time once the former one follows the new one.

    steady: while it is taken, the clocks are not stepped. Sentinel chooses no replica that was without its primary for
    many seconds by its own clock, so a step of an hour at this moment would leave the group without a primary. And what
    the replica of a dropped link lacks would be lost with the primary.
    """

    def fail_over() -> None:
        with steady:
            time.sleep(_LINKS_KNOWN_SECONDS)
            eventually(group.replicating, _ELECTION_SECONDS, what="a replica in step")
            former, following = group.primary(), group.replica()
            assert former is not None
            former.kill()
            # Sentinels that are not done yet would make a former primary that is back the primary again.
            eventually(lambda: group.agreed_on(following), _ELECTION_SECONDS, what="a new primary")
        group.follow(former)
        done["failover"] += 1

    with repeated(fail_over, _SECONDS):
        yield
    eventually(group.replicating, _ELECTION_SECONDS, what="a replica in step")
