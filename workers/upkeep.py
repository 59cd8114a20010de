"""The regular work of the workers: webhooks, accounts a broker lost, bounds of the dead letters, missed messages."""

from __future__ import annotations

import hashlib
import logging

from twitter_connector import metrics
from twitter_connector.accounts.broker_loss import fetch_missing, open_gaps, open_gaps_after
from twitter_connector.accounts.channel_type import ensure_channel_type
from twitter_connector.bootstrap import Services, described
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.store.append_only_file import rewrite_if_due

log = logging.getLogger(__name__)

CHANNEL_TYPE_SECONDS = 86400


def upkeep(services: Services) -> None:
    """Check the webhooks that are due, and log how many lanes wait and how many dead letters there are, if any."""
    services.broker_safety.log_changes()
    _restore_after_loss(services)
    open_gaps_of_failovers(services)
    with services.locks.alone("look_after", durable=False) as alone:
        if not alone:
            return  # another replica's scheduler was first
        services.upkeep.check_due()
        services.accounts.forget_retired()
        services.spending.log_reached(services.accounts.all(), services.locks.once)
        trim_dead_letters(services)
        rewrite_append_only_file(services)
        notify(services)
        _check_channel_type(services)
    snapshot = services.status.snapshot([account.id for account in services.accounts.all()])
    counts = {
        account_id: {d.word: n for d, n in account.waiting.items() if n}
        for account_id, account in snapshot.accounts.items()
    }
    waiting = {account_id: lanes for account_id, lanes in counts.items() if lanes}
    if snapshot.dead_letters or waiting:
        log.info("work_waiting", extra={"dead_letters": snapshot.dead_letters, "lanes_waiting": waiting})


def read_missed_messages(services: Services) -> None:
    """Read back the messages that came while the service was down."""
    for account in services.accounts.all():
        # A later round reads what this one does not: it may end early, or another worker may be reading.
        services.upkeep.backfill.open_gap(account)
    with services.locks.alone("fill_gaps") as alone:
        if alone:
            for account in services.accounts.all():
                services.upkeep.backfill.read(account)


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


def open_gaps_of_failovers(services: Services) -> None:
    """Have the messages read back from X that only a lost primary may have had, once for each failover."""
    if failovers := [failover.since for failover in services.failovers.known()]:
        open_gaps_after(failovers, services.accounts.all(), services.accounts)


def notify(services: Services) -> None:
    """Tell NOTIFY_URL which accounts have begun to need a person, and which are well again."""
    if services.notifications is not None:
        accounts = services.accounts.all()
        for account, shown in zip(accounts, described(services, accounts), strict=True):
            services.notifications.notify(account, shown["attention"])


def rewrite_append_only_file(services: Services) -> bool:
    """Have the embedded broker rewrite its file if it is time. Return whether it began."""
    return services.settings.embedded_broker and rewrite_if_due(services.redis, services.locks)


def trim_dead_letters(services: Services) -> None:
    settings = services.settings
    before = epoch_ms(services.clock() - settings.dead_letters_max_age)
    dropped = services.dead_letters.trim(settings.dead_letters_max, before)
    if dropped:
        metrics.DROPPED.inc(dropped)
        log.error("dead_letters_dropped", extra={"count": dropped})
