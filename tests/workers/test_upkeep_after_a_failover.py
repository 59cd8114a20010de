"""After a failover, messages of customers that only the lost primary had are read back, whatever the counters show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from tests.brokers import Broker, broker_process, inspector, services_of
from tests.web.web_requests import ACCOUNT
from twitter_connector.accounts.broker_loss import open_gaps_after
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import epoch_ms
from workers.upkeep import open_gaps_of_failovers

__all__ = ["broker_process", "inspector"]

LAG = timedelta(seconds=30)


@pytest.fixture
def services(broker_process: Broker, inspector: redis.Redis) -> Iterator[Services]:
    """The services of a worker that connects when a replica that lagged has become the primary."""
    with broker_process.client() as client:
        now = services_of(broker_process.settings).clock()
        client.lpush(keys.FAILOVERS, f"{epoch_ms(now - LAG)} {epoch_ms(now)}")
        made = services_of(broker_process.settings)
        made.accounts.save(ACCOUNT)
        made.lanes.accept([])
        yield made
        made.redis.close()


def gap(services: Services) -> int:
    return services.accounts.account_status(ACCOUNT.id).get("gap_since", 0)


def test_each_account_gets_a_gap_once(services: Services) -> None:
    open_gaps_of_failovers(services)
    (failover,) = services.failovers.known()
    assert gap(services) == epoch_ms(failover.since)
    services.accounts.note(ACCOUNT.id, gap_since=0)
    open_gaps_of_failovers(services)
    assert gap(services) == 0, "it was read back"


def test_a_later_failover_opens_a_gap_though_its_moment_is_earlier(services: Services) -> None:
    first, (known,) = services.clock() + timedelta(hours=1), services.failovers.known()
    open_gaps_after([first], [ACCOUNT], services.accounts)
    services.accounts.note(ACCOUNT.id, gap_since=0)
    open_gaps_after([known.since, first], [ACCOUNT], services.accounts)
    assert gap(services) == epoch_ms(known.since)


def test_a_gap_that_could_not_be_opened_is_opened_by_the_next_round(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("broker_unavailable", "The next primary is lost too.")

    with monkeypatch.context() as lost:
        lost.setattr(services.accounts, "note", away)
        with pytest.raises(StoreUnavailable):
            open_gaps_of_failovers(services)
    open_gaps_of_failovers(services)
    assert gap(services) != 0


def test_a_broker_that_never_failed_over_opens_no_gap(broker_process: Broker, inspector: redis.Redis) -> None:
    made = services_of(broker_process.settings)
    made.accounts.save(ACCOUNT)
    made.lanes.accept([])
    open_gaps_of_failovers(made)
    assert gap(made) == 0
    made.redis.close()
