"""Scheduled chores: webhooks, gaps, and what waits. Delivery of what has arrived never depends on them."""

from __future__ import annotations

import hashlib
import logging

from twitter_connector import metrics
from twitter_connector.accounts.channel_type import ensure_channel_type
from twitter_connector.bootstrap import Services, now
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.queue.wakeups import BACKFILL_TASK, UPKEEP_TASK

from .app import app, runtime

log = logging.getLogger(__name__)

CHANNEL_TYPE_SECONDS = 86400


@app.task(name=UPKEEP_TASK)  # type: ignore[untyped-decorator]
def upkeep_accounts() -> None:
    """Check the webhooks whose time has come, and report what waits and what was given up, if anything."""
    services = runtime().services
    with services.locks.alone("look_after") as alone:
        if not alone:
            return  # another replica's scheduler was first
        services.upkeep.check_due()
        services.accounts.forget_retired()
        _trim(services)
        _check_channel_type(services)
    dead = services.dead_letters.count()
    waiting = {
        account.id: {d.word: n for d, n in services.lanes.waiting(account.id).items() if n}
        for account in services.accounts.all()
    }
    waiting = {account_id: lanes for account_id, lanes in waiting.items() if lanes}
    if dead or waiting:
        log.info("work_waiting", extra={"dead_letters": dead, "lanes_waiting": waiting})


def _check_channel_type(services: Services) -> None:
    """Have CCM's channel type looked up at the first start, once a day, and when an account was registered."""
    accounts = sorted(account.id for account in services.accounts.all())
    digest = hashlib.sha256(" ".join(accounts).encode()).hexdigest()[:16]
    if services.locks.once(f"channel-type:{digest}", CHANNEL_TYPE_SECONDS):
        ensure_channel_type(services.cim)


def _trim(services: Services) -> None:
    settings = services.settings
    before = epoch_ms(now() - settings.dead_letters_max_age)
    dropped = services.dead_letters.trim(settings.dead_letters_max, before)
    if dropped:
        metrics.DROPPED.inc(dropped)
        log.error("dead_letters_dropped", extra={"count": dropped})


@app.task(name=BACKFILL_TASK)  # type: ignore[untyped-decorator]
def backfill_gaps() -> None:
    """Read back what came while the service was down."""
    services = runtime().services
    for account in services.accounts.all():
        # Also where this start ends before all is read, or where somebody else is at it: then a later round reads it.
        services.upkeep.open_gap(account)
    with services.locks.alone("fill_gaps") as alone:
        if alone:
            for account in services.accounts.all():
                services.upkeep.backfill(account)
