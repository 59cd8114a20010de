"""Scheduled chores. Delivery never depends on them."""

from __future__ import annotations

import logging

from workers.app import app, runtime

log = logging.getLogger(__name__)


@app.task(name="workers.upkeep.look_after")  # type: ignore[untyped-decorator]
def look_after() -> None:
    """Report what waits and what was given up, once a minute, where there is something to report."""
    services = runtime().services
    dead = services.dead_letters.count()
    waiting = {
        account.id: {d.word: n for d, n in services.lanes.waiting(account.id).items() if n}
        for account in services.accounts.all()
    }
    waiting = {account_id: lanes for account_id, lanes in waiting.items() if lanes}
    if dead or waiting:
        log.info("standing", extra={"dead_letters": dead, "lanes_waiting": waiting})
