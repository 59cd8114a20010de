"""The clocks of the broker's servers are put back and forward. The other processes keep the machine's."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from tests.stepped_clock import SteppedClock

from .repeated import repeated

_SECONDS = 3.0
_STEPS = (-3600.0, -30.0, 30.0, 3600.0)


@contextmanager
def stepped_clocks_of_the_broker(
    clocks: Sequence[SteppedClock], seed: int, steady: Lock, done: Counter[str]
) -> Iterator[None]:
    """Step one of the clocks by half a minute or an hour every three seconds, but not while `steady` is taken.

    They are right again after the block.
    """
    chance = random.Random(seed)
    offsets = [0.0] * len(clocks)

    def step() -> None:
        place = chance.randrange(len(clocks))
        # Never further away than an hour: messages are given up after a day.
        by = chance.choice([step for step in _STEPS if abs(offsets[place] + step) <= 3600])
        offsets[place] += by
        with steady:
            clocks[place].set(offsets[place])
        done[f"broker's clock by {by:g} s"] += 1

    try:
        with repeated(step, _SECONDS):
            yield
    finally:
        with steady:
            for clock in clocks:
                clock.set(0.0)
