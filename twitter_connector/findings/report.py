"""All findings, in the order in which the parts depend on each other."""

from __future__ import annotations

from collections.abc import Iterator

from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import V1
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE

from . import accounts, conversations, other_sides, service
from .finding import Finding


def all_findings(svc: Services) -> Iterator[Finding]:
    """Yield one or more findings for each part. Takes some seconds: asks CCM, the file engine and X."""
    yield from service.environment(svc)
    broker = service.broker(svc)
    yield broker
    if broker.ok:
        yield from service.broker_data(svc)
        snapshot = svc.status.snapshot((), [*QUEUES.values(), UPKEEP_QUEUE])
        yield service.workers(snapshot)
        yield service.clocks(snapshot)
        yield from conversations.dead_letters(svc, snapshot.dead_letters)
    ccm = list(other_sides.ccm(svc))
    yield from ccm
    yield other_sides.file_engine(svc)
    yield from other_sides.traces(svc)
    if broker.ok:
        yield from _accounts(svc, ask_ccm=ccm[0].ok)


def _accounts(svc: Services, *, ask_ccm: bool) -> Iterator[Finding]:
    try:
        known = svc.accounts.all()
    except ConnectorError as error:  # most likely the credentials key
        yield Finding("accounts", False, "cannot be read", error.detail)
        return
    snapshot = svc.status.snapshot([account.id for account in known])
    if known:
        flavours = {account.flavour for account in known}
        yield other_sides.x(svc, svc.settings.twitter_api_url if flavours == {V1} else svc.settings.x_api_url)
        yield from conversations.waiting(svc, known, snapshot)
    for account in known:
        if ask_ccm:
            yield from accounts.channel(svc, account)
        yield from accounts.account(svc, account, snapshot.accounts[account.id], snapshot.now_ms)
