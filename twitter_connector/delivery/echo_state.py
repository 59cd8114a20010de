"""Judges from the account's own messages that came back whether a send would have come back too, if it had arrived."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import Enum, auto

from twitter_connector.model.timestamps import epoch_ms, first_id_at

# An own message comes back within a second. X may be late for a minute; after that it does not come.
ECHO_LATE, ECHO_LOST = timedelta(seconds=10), timedelta(seconds=60)
# Echoes are kept for an hour.
ECHO_KEPT = timedelta(minutes=55)
# The echo of a message that was sent this much later is proof: X delivers events nearly in order.
LATER = timedelta(seconds=2)


class EchoState(Enum):
    """CURRENT: the send would have come back by now. LATE: wait for it. ABSENT: own messages do not come back."""

    CURRENT = auto()
    LATE = auto()
    ABSENT = auto()


def echo_state(
    own: Iterable[str], echoed: Collection[str], last_echo: int, started: datetime, now: datetime
) -> EchoState:
    """Return the state of an account's echoes for a send that began at `started`.

    own, echoed: ids of our messages to the customer, and of those that came back. last_echo: id of the account's
    message to anybody that came back last; 0 without one.
    """
    if last_echo >= int(first_id_at(epoch_ms(started + LATER))):
        return EchoState.CURRENT
    late, early = first_id_at(epoch_ms(now - ECHO_LATE)), first_id_at(epoch_ms(now - ECHO_KEPT))
    sent = [dm_id for dm_id in own if int(early) < int(dm_id) < int(late)]
    latest = max(sent, key=int, default=None)
    if latest is None or latest in echoed:
        return EchoState.CURRENT
    lost = int(latest) <= int(first_id_at(epoch_ms(now - ECHO_LOST)))
    return EchoState.ABSENT if lost else EchoState.LATE
