"""The outbound door: CIM to Twitter."""

from __future__ import annotations

from twitter_connector.model.work import Direction
from twitter_connector.queue.wakeups import CONSUME_TASKS

from .app import app, runtime


@app.task(name=CONSUME_TASKS[Direction.OUT])  # type: ignore[untyped-decorator]
def drain_outbound() -> None:
    """Serve the outbound lanes that are due, in the order in which their messages were accepted."""
    runtime().consume(Direction.OUT)
