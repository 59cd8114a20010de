"""The Celery tasks. Each one names itself and calls one use case; none carries a message.

The task names are those of 0.1.0, so that old and new processes can wake each other.
"""

from __future__ import annotations

import logging

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import TYPING_INDICATOR, Direction
from twitter_connector.queue.wakeups import AWAY_SECONDS, BACKFILL_TASK, CONSUME_TASKS, UPKEEP_TASK, request_backfill

from .app import app, services, worker

log = logging.getLogger(__name__)


@app.task(name=CONSUME_TASKS[Direction.IN])  # type: ignore[untyped-decorator]
def consume_inbound() -> None:
    """Serve the inbound lanes that are due, oldest event first in each."""
    worker().consume(Direction.IN)


@app.task(name=CONSUME_TASKS[Direction.OUT])  # type: ignore[untyped-decorator]
def consume_outbound() -> None:
    """Serve the outbound lanes that are due, in the order in which their messages were accepted."""
    worker().consume(Direction.OUT)


@app.task(name=CONSUME_TASKS[TYPING_INDICATOR])  # type: ignore[untyped-decorator]
def pass_on_typing() -> None:
    """Pass on who is typing."""
    worker().deliver_typing()


@app.task(name=UPKEEP_TASK)  # type: ignore[untyped-decorator]
def upkeep_accounts() -> None:
    """Check the webhooks that are due, and log how many lanes wait and how many dead letters there are, if any."""
    # Here and below: the scheduler imports this module too, and needs nothing of the other.
    from .upkeep import upkeep

    try:
        upkeep(services())
    except StoreUnavailable as error:
        # The rest is done by the next one, within a minute.
        log.warning("upkeep_stopped", extra={"reason": error.reason})


@app.task(name=BACKFILL_TASK)  # type: ignore[untyped-decorator]
def backfill_gaps() -> None:
    """Read back the messages that came while the service was down."""
    from .upkeep import read_missed_messages

    try:
        read_missed_messages(services())
    except StoreUnavailable as error:
        log.warning("backfill_stopped", extra={"reason": error.reason})
        # Nobody else asks before the next start.
        request_backfill(app, AWAY_SECONDS)
