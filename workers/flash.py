"""The door for signs that are worth nothing a few seconds later."""

from __future__ import annotations

from twitter_connector.model.work import FLASH
from twitter_connector.queue.wakeups import DRAIN_TASKS

from .app import app, runtime


@app.task(name=DRAIN_TASKS[FLASH])  # type: ignore[untyped-decorator]
def pass_on() -> None:
    """Pass on who is typing."""
    runtime().flash()
