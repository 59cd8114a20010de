"""Send dead letters again: through their lane, behind what waits there, under the same id."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from twitter_connector.model.work import DeadLetter, Entry

from .lanes import Lanes

log = logging.getLogger(__name__)


def replay(letters: Iterable[DeadLetter], lanes: Lanes) -> int:
    """Put each letter back at the end of its lane and take it off the list. Return how many were on it yet.

    Both in one step: of two who replay at once only one does, and a letter that fails again at once is listed anew.
    """
    count = 0
    for letter in letters:
        entry = Entry(
            letter.direction, letter.account_id, letter.lane, letter.entry_id, letter.payload, order="", again=True
        )
        if not lanes.revive(letter.id, entry):
            continue
        log.info("replayed", extra={"dead_letter": letter.id, "account": letter.account_id, "was": letter.reason})
        count += 1
    return count
