"""The Celery tasks. Each one names itself and calls one use case; none carries a message.

The task names are those of 0.1.0, so that old and new processes can wake each other.
"""

from __future__ import annotations

import hashlib
import logging

from twitter_connector import metrics
from twitter_connector.accounts.broker_loss import fetch_missing, open_gaps
from twitter_connector.accounts.channel_type import ensure_channel_type
from twitter_connector.bootstrap import Services
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.work import TYPING_INDICATOR, Direction
from twitter_connector.queue.wakeups import BACKFILL_TASK, CONSUME_TASKS, UPKEEP_TASK

from .app import app, services, worker

log = logging.getLogger(__name__)

CHANNEL_TYPE_SECONDS = 86400


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
    svc = services()
    svc.broker_safety.log_changes()
    _restore_after_loss(svc)
    with svc.locks.alone("look_after") as alone:
        if not alone:
            return  # another replica's scheduler was first
        svc.upkeep.check_due()
        svc.accounts.forget_retired()
        _trim(svc)
        _check_channel_type(svc)
    snapshot = svc.status.snapshot([account.id for account in svc.accounts.all()])
    counts = {
        account_id: {d.word: n for d, n in account.waiting.items() if n}
        for account_id, account in snapshot.accounts.items()
    }
    waiting = {account_id: lanes for account_id, lanes in counts.items() if lanes}
    if snapshot.dead_letters or waiting:
        log.info("work_waiting", extra={"dead_letters": snapshot.dead_letters, "lanes_waiting": waiting})


def _check_channel_type(services: Services) -> None:
    """Have CCM's channel type looked up at the first start, once a day, and when an account was registered."""
    accounts = sorted(account.id for account in services.accounts.all())
    digest = hashlib.sha256(" ".join(accounts).encode()).hexdigest()[:16]
    if services.locks.once(f"channel-type:{digest}", CHANNEL_TYPE_SECONDS):
        ensure_channel_type(services.cim)


def _restore_after_loss(services: Services) -> None:
    loss = services.installation.look()
    if loss is None:
        return
    fetch_missing(loss.accounts, lambda account_id: services.send_only_account(account_id, services.clock()))
    if not loss.handled:
        open_gaps(services.accounts.all(), services.accounts, moment(loss.since))
        services.installation.handled()


def _trim(services: Services) -> None:
    settings = services.settings
    before = epoch_ms(services.clock() - settings.dead_letters_max_age)
    dropped = services.dead_letters.trim(settings.dead_letters_max, before)
    if dropped:
        metrics.DROPPED.inc(dropped)
        log.error("dead_letters_dropped", extra={"count": dropped})


@app.task(name=BACKFILL_TASK)  # type: ignore[untyped-decorator]
def backfill_gaps() -> None:
    """Read back the messages that came while the service was down."""
    svc = services()
    for account in svc.accounts.all():
        # A later round reads what this one does not: it may end early, or another worker may be reading.
        svc.upkeep.backfill.open_gap(account)
    with svc.locks.alone("fill_gaps") as alone:
        if alone:
            for account in svc.accounts.all():
                svc.upkeep.backfill.read(account)
