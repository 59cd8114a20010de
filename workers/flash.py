"""The door for signs that are worth nothing a few seconds later."""

from __future__ import annotations

from twitter_connector.model.work import TYPING_INDICATOR
from twitter_connector.queue.wakeups import CONSUME_TASKS

from .app import app, runtime


@app.task(name=CONSUME_TASKS[TYPING_INDICATOR])  # type: ignore[untyped-decorator]
def pass_on() -> None:
    """Pass on who is typing."""
    runtime().deliver_typing()
