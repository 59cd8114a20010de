"""The queue wakes its own workers: no caller can forget to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from tests.brokers import Broker, broker_process, inspector
from tests.fakes import FakePlatform, account_registration
from tests.tree import eventually
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.bootstrap import Services, build_services
from twitter_connector.model.account import V1
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.wakeups import QUEUES
from twitter_connector.startup import now

__all__ = ["broker_process", "inspector"]

OUT = Direction.OUT
ACCOUNT = "732739706"
HOUR = timedelta(hours=1)


@pytest.fixture
def services(broker_process: Broker, inspector: redis.Redis) -> Iterator[Services]:
    """The services of a process with real wake-ups: they publish Celery tasks."""
    made = build_services(broker_process.settings)
    yield made
    made.redis.close()


def reply(number: int) -> Entry:
    return Entry(OUT, ACCOUNT, "210375291", f"reply {number}", "{}")


def tasks(inspector: redis.Redis, direction: Direction) -> int:
    return int(inspector.llen("tc-celery:" + QUEUES[direction]))  # type: ignore[arg-type]


def test_a_registration_that_resumes_a_paused_account_wakes_a_worker_within_a_tenth_of_a_second(
    services: Services, inspector: redis.Redis
) -> None:
    platform = FakePlatform()
    registration = account_registration(services.accounts, services.lanes, platform, now)
    url = f"https://cx.example.com/webhook/twitter/{ACCOUNT}"
    wanted = Registration(ACCOUNT, platform.token(ACCOUNT), url, V1, {"environment": "prod"})
    registration.register(wanted)
    # The first wake-up of a process connects; that is not measured here.
    services.wakeups.wake(Direction.IN)
    eventually(lambda: tasks(inspector, Direction.IN))

    def taken(number: int) -> float:
        """Pause the account, end the pause by a registration, and return the seconds until a worker is woken."""
        # The account is paused: what arrives for it now wakes nobody.
        services.lanes.pause(OUT, ACCOUNT, epoch_ms(now() + HOUR), "credentials_rejected", "")
        services.lanes.accept([reply(number)])
        assert services.lanes.claim(OUT) is None
        assert not tasks(inspector, OUT)
        started = time.monotonic()
        registration.register(wanted)
        services.lanes.accept([reply(number + 1)])
        while not tasks(inspector, OUT):
            assert time.monotonic() - started < 5, "no worker was woken"
            time.sleep(0.001)
        seconds = time.monotonic() - started
        # As the worker that was woken does.
        inspector.delete("tc-celery:" + QUEUES[OUT])
        services.lanes.wakeup_received(OUT)
        while lease := services.lanes.claim(OUT):
            services.lanes.settle(lease, keep=False)
        return seconds

    # Other tests run beside this one, and one of them may have the processor for so long.
    assert statistics.median(taken(number) for number in range(0, 10, 2)) < 0.1
