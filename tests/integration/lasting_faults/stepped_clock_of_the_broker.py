"""The broker's clock is put back and forward. The other processes keep the machine's."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from tests.stepped_clock import SteppedClock

from .repeated import repeated

_SECONDS = 3.0
_STEPS = (-3600.0, -30.0, 30.0, 3600.0)


@contextmanager
def stepped_clock_of_the_broker(clock: SteppedClock, seed: int, steady: Lock, done: Counter[str]) -> Iterator[None]:
    """Step the clock by half a minute or an hour every three seconds, but not while `steady` is taken.

    It is right again after the block.
    """
    chance = random.Random(seed)
    offset = 0.0

    def step() -> None:
        nonlocal offset
        # Never further away than an hour: messages are given up after a day.
        by = chance.choice([step for step in _STEPS if abs(offset + step) <= 3600])
        offset += by
        with steady:
            clock.set(offset)
        done[f"broker's clock by {by:g} s"] += 1

    try:
        with repeated(step, _SECONDS):
            yield
    finally:
        with steady:
            clock.set(0.0)
