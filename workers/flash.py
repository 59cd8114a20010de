"""The door for signs that are worth nothing a few seconds later."""

from __future__ import annotations

from twitter_connector.dispatch import DRAIN_TASKS
from twitter_connector.model.work import FLASH

from .app import app, runtime


@app.task(name=DRAIN_TASKS[FLASH])  # type: ignore[untyped-decorator]
def pass_on() -> None:
    """Pass on who is typing."""
    runtime().flash()
