"""Send dead letters again: through their lane, behind what waits there, under the same id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from twitter_connector.model.work import DeadLetter, Entry

from .ports import LanesPort

log = logging.getLogger(__name__)


class DeadLettersPort(Protocol):
    def discard(self, letter_id: str) -> bool: ...


def replay(
    letters: Iterable[DeadLetter],
    lanes: LanesPort,
    dead_letters: DeadLettersPort,
    ring: Callable[[str], None],
) -> int:
    """Put each letter back at the end of its lane and take it off the list. Return how many.

    The lane comes first: cut off in between, the letter is still listed, and replaying it again is the same entry
    under the same id, which the other side takes once.
    """
    count = 0
    for letter in letters:
        entry = Entry(
            letter.direction, letter.account_id, letter.lane, letter.entry_id, letter.payload, order="", again=True
        )
        _, bells = lanes.accept([entry])
        dead_letters.discard(letter.id)
        for direction in bells:
            ring(direction)
        log.info("replayed", extra={"dead_letter": letter.id, "account": letter.account_id, "was": letter.reason})
        count += 1
    return count
