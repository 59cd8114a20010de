"""One snapshot says everything about all accounts, in as many round trips for a hundred as for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis

from tests.brokers import broker_process, inspector, services
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry
from twitter_connector.web.accounts import list_accounts
from twitter_connector.web.metrics import StatusCollector

__all__ = ["broker_process", "inspector", "services"]

IN, OUT = Direction.IN, Direction.OUT
ACCOUNT = Account(
    "1000",
    Credentials("key", "secret", "token", "token-secret"),
    "https://cx.example.com/webhook/twitter/1000",
    {"environment": "prod"},
)


def accounts(services: Services, number: int) -> list[str]:
    ids = [str(1000 + n) for n in range(number)]
    for account_id in ids:
        services.accounts.save(replace(ACCOUNT, id=account_id))
    return ids


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], int]:
    """Return how often something sends to the broker."""

    def counted(act: Callable[[], Any]) -> int:
        sent = 0
        send = redis.connection.AbstractConnection.send_packed_command

        def counting(self: Any, *args: Any, **more: Any) -> Any:
            nonlocal sent
            sent += 1
            return send(self, *args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(redis.connection.AbstractConnection, "send_packed_command", counting)
            act()
        return sent

    return counted


def test_a_snapshot_says_what_every_account_waits_for(services: Services, inspector: redis.Redis) -> None:
    accounts(services, 2)
    services.accounts.note("1000", last_event_at=5, webhook_valid=1)
    services.lanes.accept([Entry(IN, "1000", "ada", "1", "p"), Entry(OUT, "1000", "ada", "2", "p")])
    services.lanes.pause(OUT, "1000", 4_000_000_000_000, "rate_limited", "X's limit is reached.")
    for _ in range(services.lanes.timings.strikes):
        services.lanes.unreached(IN, "1000")
    services.rate_limits.note("1000", "dm/new", 15, 3, 1_800_000_000)
    until = epoch_ms(services.clock()) + 600_000
    services.lanes.endpoint_pauses.pause("1000", "upload", until, "user_not_enrolled", "Enrol the app.")
    services.lanes.endpoint_pauses.pause("1000", "list", until - 700_000, "rate_limited", "Over.")
    services.heartbeats.beat("worker-1", ["inbound"])

    snapshot = services.status.snapshot(["1000", "1001"], ["inbound", "outbound"])
    one, other = snapshot.accounts["1000"], snapshot.accounts["1001"]
    assert (snapshot.workers, snapshot.unserved, snapshot.dead_letters) == (("worker-1",), ("outbound",), 0)
    assert one.status["webhook_valid"] == 1
    assert one.waiting == {IN: 1, OUT: 1}
    assert 0 <= one.lag[OUT] < 60
    assert (one.pauses[OUT]["reason"], one.pauses[OUT]["until"]) == ("rate_limited", "4000000000000")
    assert snapshot.now_ms < one.probes[IN] <= snapshot.now_ms + services.lanes.timings.first_probe
    assert one.limits == {"dm/new": {"limit": 15, "remaining": 3, "reset": 1_800_000_000}}
    pause = {"until": str(until), "reason": "user_not_enrolled", "detail": "Enrol the app."}
    assert (one.endpoint_pauses, other.endpoint_pauses) == ({"upload": pause}, {})
    assert (one.attention, other.attention) == ("Enrol the app.", "")
    assert (other.status, other.waiting, other.pauses, other.probes, other.limits) == ({}, {IN: 0, OUT: 0}, {}, {}, {})


def test_a_lane_that_waits_for_its_next_try_has_no_lag(services: Services, inspector: redis.Redis) -> None:
    accounts(services, 1)
    services.lanes.accept([Entry(OUT, "1000", "ada", "1", "p")])
    lease = services.lanes.claim(OUT)
    assert lease is not None
    services.lanes.postpone(lease, 60_000, spend=True)
    account = services.status.snapshot(["1000"]).accounts["1000"]
    assert account.waiting[OUT] == 1
    assert account.lag[OUT] == 0


@pytest.mark.parametrize("number", [1, 100])
def test_everybody_who_shows_accounts_needs_few_round_trips(
    services: Services, inspector: redis.Redis, round_trips: Callable[[Callable[[], Any]], int], number: int
) -> None:
    from flask import Flask

    ids = accounts(services, number)
    app = Flask("test")
    app.extensions["services"] = services

    def account_route() -> None:
        with app.test_request_context():
            assert len(list_accounts.__wrapped__().get_json()["items"]) == number  # type: ignore[attr-defined]

    assert round_trips(lambda: services.status.snapshot(ids)) == 1
    assert round_trips(account_route) <= 3
    assert round_trips(lambda: list(StatusCollector(services).collect())) <= 3
