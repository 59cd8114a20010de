"""X may stop sending events while an app has no credit. They are read back once it answers again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.brokers import broker_process, inspector, services
from tests.web.web_requests import ACCOUNT
from twitter_connector.bootstrap import Services, build_worker
from twitter_connector.model.account import INBOUND, V2
from twitter_connector.model.work import Direction
from twitter_connector.store.resealing import reseal

__all__ = ["broker_process", "inspector", "services"]


@pytest.mark.parametrize(("inbound", "gap"), [("xaa", True), ("aaa", True), ("stream", True), ("poll", False)])
def test_a_reply_that_waits_for_money_opens_a_gap(services: Services, inbound: str, gap: bool) -> None:
    reseal(services.redis, services.vault, new_form=True)  # 0.1.0's form has no place for API v2
    registered = services.clock() - timedelta(hours=1)
    services.accounts.save(replace(ACCOUNT, flavour=V2, settings={INBOUND: inbound}, registered_at=registered))
    policy = build_worker(services, "w").listeners[Direction.OUT].consumer.policy
    policy.note_wait(ACCOUNT.id, services.clock() + timedelta(hours=1))
    policy.note_wait("unknown", services.clock() + timedelta(hours=1))
    status = services.accounts.account_status(ACCOUNT.id)
    assert status["waited_until"]
    assert bool(status.get("gap_since")) == gap, "a poller knows by itself up to which message it has read"
