"""The inbound door: Twitter to CIM."""

from __future__ import annotations

from twitter_connector.model.work import Direction
from twitter_connector.queue.wakeups import CONSUME_TASKS

from .app import app, runtime


@app.task(name=CONSUME_TASKS[Direction.IN])  # type: ignore[untyped-decorator]
def drain_inbound() -> None:
    """Serve the inbound lanes that are due, oldest event first in each."""
    runtime().consume(Direction.IN)
