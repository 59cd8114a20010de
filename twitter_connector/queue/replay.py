"""Replays dead letters: each returns to the end of its lane, with the same id."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from twitter_connector.model.message_log import Arrival
from twitter_connector.model.work import DeadLetter, Entry

from .lanes import Lanes

log = logging.getLogger(__name__)


def replay(letters: Iterable[DeadLetter], lanes: Lanes) -> int:
    """Move each letter from the list to the end of its lane. Return the number of letters that were on the list.

    Each move is one atomic step: of two concurrent replays only one moves a letter, and a letter that fails again at
    once returns to the list.
    """
    count = 0
    for letter in letters:
        is_message = "~" not in letter.lane and not letter.entry_id.startswith("report:")
        entry = Entry(
            letter.direction,
            letter.account_id,
            letter.lane,
            letter.entry_id,
            letter.payload,
            order="",
            again=True,
            arrival=Arrival("replay") if is_message else None,
        )
        if not lanes.revive(letter.id, entry):
            continue
        log.info("replayed", extra=_facts(letter))
        count += 1
    return count


def _facts(letter: DeadLetter) -> dict[str, str]:
    return {
        "dead_letter": letter.id,
        "account": letter.account_id,
        "customer": letter.customer_id,
        "was": letter.reason,
    }
