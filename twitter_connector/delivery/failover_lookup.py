"""Looks at X for a reply whose record of sending a failover of the broker may have lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from twitter_connector.errors import Permanent, Retryable
from twitter_connector.model.timestamps import epoch_ms

from .ports import FailoverPort
from .sent_lookup import CLOCK_MARGIN, SentDm, oldest_match

log = logging.getLogger(__name__)

# X shows a message within a second or two.
SHOWN_AFTER = timedelta(seconds=3)


def found_after(
    failover: FailoverPort,
    accepted_at: datetime,
    now: datetime,
    listed: Callable[[datetime, datetime], Sequence[SentDm]],
    digest: str,
    taken: Mapping[str, str],
    ahead: timedelta = timedelta(),
) -> str | None:
    """Return the id of the message that was sent before the failover, or None if X does not show it.

    listed: returns the messages sent since a moment of X's clock, from a list made after a moment of ours. taken: ids
    of messages that other sends are known for. ahead: by how much our moments are ahead of X's clock.

    One list is enough: the last send began before the new primary took writes. Raises Retryable to look later, and what
    the list raises. Where X forbids the list, the reply is sent: a missing one is worse than a second one.
    """
    list_at = failover.until + SHOWN_AFTER
    if now < list_at:
        raise Retryable("cannot_look", "The broker failed over. Sent messages are listed first.", until=list_at)
    try:
        # It begins at the same moment for all conversations, so that one list answers all.
        dms = listed(failover.since - ahead - CLOCK_MARGIN, list_at)
    except Permanent as error:
        log.warning("sent_messages_not_listed", extra={"reason": error.reason, "detail": error.detail})
        return None
    # Nothing was sent for an entry before it was accepted.
    return oldest_match(dms, digest, epoch_ms(max(failover.since, accepted_at) - ahead - CLOCK_MARGIN), taken)
