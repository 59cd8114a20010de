"""A person has one conversation tried now, and no other. On a real broker."""

from __future__ import annotations

from datetime import timedelta

from tests.brokers import broker_process, inspector, services
from twitter_connector.bootstrap import Services
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry, Lease
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.queue.try_now import Outcome, try_now

__all__ = ["broker_process", "inspector", "services"]

IN, OUT = Direction.IN, Direction.OUT
ACME, ADA, GRACE = "732739706", "210375291", "44196397"
TEN_MINUTES_MS = 600_000


def tried(services: Services, lane: str = ADA, direction: Direction = OUT) -> Outcome:
    return try_now(services.lanes, services.ledger, services.waiting, ACME, direction, lane)


def leased(services: Services, direction: Direction = OUT) -> Lease:
    lease = services.lanes.claim(direction)
    assert lease is not None
    return lease


def wait_long(services: Services, direction: Direction = OUT) -> None:
    """Have a message of Grace and then one of Ada fail and wait for ten minutes."""
    for lane in (GRACE, ADA):
        services.lanes.accept([Entry(direction, ACME, lane, f"of-{lane}", "{}")])
        services.lanes.postpone(leased(services, direction), TEN_MINUTES_MS, spend=True)
    assert services.lanes.claim(direction) is None


def test_only_the_conversation_that_is_asked_for_is_tried(services: Services) -> None:
    wait_long(services)
    services.lanes.wakeup_received(OUT)
    services.wakeups.woken.clear()  # type: ignore[attr-defined]
    assert tried(services) is Outcome.DUE
    assert services.wakeups.woken == [OUT]  # type: ignore[attr-defined]
    assert (leased(services).lane, services.lanes.claim(OUT)) == (ADA, None)


def test_where_nobody_answers_the_conversation_is_the_one_that_probes(services: Services) -> None:
    wait_long(services, IN)
    for _ in range(services.lanes.timings.strikes):
        services.lanes.unreached(IN, ACME)
    services.lanes.accept([Entry(IN, ACME, "another", "of-another", "{}")])
    assert services.lanes.claim(IN) is None
    assert tried(services, direction=IN) is Outcome.DUE
    assert (leased(services, IN).lane, services.lanes.claim(IN)) == (ADA, None)


def test_a_pause_of_the_account_goes_on(services: Services) -> None:
    wait_long(services)
    until = epoch_ms(services.clock() + timedelta(minutes=1))
    services.lanes.pause(OUT, ACME, until, "account_locked", "Log in at x.com.")
    assert tried(services) is Outcome.PAUSED
    assert services.lanes.claim(OUT) is None


def test_a_send_without_an_answer_is_not_looked_for_too_early(services: Services) -> None:
    services.lanes.accept([Entry(OUT, ACME, ADA, "cim-1", "{}")])
    lease = leased(services)
    assert services.ledger.write(lease, "cim-1", 0, SendRecord(started_ms=1))
    services.lanes.postpone(lease, TEN_MINUTES_MS, spend=True)
    assert tried(services) is Outcome.UNCERTAIN
    assert services.lanes.claim(OUT) is None


def test_a_conversation_that_a_worker_has_is_left_to_it(services: Services) -> None:
    services.lanes.accept([Entry(OUT, ACME, ADA, "cim-1", "{}")])
    lease = leased(services)
    assert tried(services) is Outcome.AT_WORK
    assert services.lanes.renew(lease)


def test_a_conversation_that_was_tried_since_it_was_looked_at_is_left_alone(services: Services) -> None:
    wait_long(services)
    seen = services.waiting.one(ACME, OUT, ADA)
    assert seen is not None
    assert not services.lanes.try_now(OUT, ACME, ADA, seen.due_at - timedelta(milliseconds=1))
    assert services.lanes.claim(OUT) is None


def test_nothing_of_an_unknown_conversation_waits(services: Services) -> None:
    assert tried(services, "nobody") is Outcome.GONE
