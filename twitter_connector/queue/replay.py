"""Send dead letters again: through their lane, behind what waits there, under the same id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from twitter_connector.delivery.ports import LanesPort
from twitter_connector.model.work import DeadLetter, Entry

log = logging.getLogger(__name__)


def replay(letters: Iterable[DeadLetter], lanes: LanesPort, wake: Callable[[str], None]) -> int:
    """Put each letter back at the end of its lane and take it off the list. Return how many were on it yet.

    Both in one step: of two who replay at once only one does, and a letter that fails again at once is listed anew.
    """
    count = 0
    for letter in letters:
        entry = Entry(
            letter.direction, letter.account_id, letter.lane, letter.entry_id, letter.payload, order="", again=True
        )
        listed, directions = lanes.revive(letter.id, entry)
        if not listed:
            continue
        for direction in directions:
            wake(direction)
        log.info("replayed", extra={"dead_letter": letter.id, "account": letter.account_id, "was": letter.reason})
        count += 1
    return count
