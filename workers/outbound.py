"""The outbound door: CIM to Twitter."""

from __future__ import annotations

from twitter_connector.dispatch import DRAIN_TASKS
from twitter_connector.model.work import Direction

from .app import app, runtime


@app.task(name=DRAIN_TASKS[Direction.OUT])  # type: ignore[untyped-decorator]
def drain_outbound() -> None:
    """Serve the outbound lanes that are due, in the order in which their messages were accepted."""
    runtime().drain(Direction.OUT)
