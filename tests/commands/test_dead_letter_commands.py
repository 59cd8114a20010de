"""What `twitter-connector dead-letters` prints: one short line for each letter, and one line for a replay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import redis

from tests.brokers import Broker
from tests.commands.printed import printed, result_of
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.effects import dead_letter_json

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LETTER = DeadLetter(
    id="8d3fd806-e865-441c-a93a-c5d8e6322e94",
    direction=Direction.IN,
    account_id="732739706",
    customer_id="210375291",
    lane="210375291",
    message_id="8d3fd806-e865-441c-a93a-c5d8e6322e94",
    entry_id="dm:1",
    reason="ccm_refused",
    detail="CCM did not accept the message. " * 12,
    tries=4,
    accepted_at=AT,
    failed_at=AT,
    payload="{}",
)


@pytest.fixture(autouse=True)
def letters(inspector: redis.Redis, services: Services) -> None:
    for number, customer in enumerate(["210375291", "210375291", "318692762"]):
        one = replace(
            LETTER, id=f"{LETTER.id[:-1]}{number}", entry_id=f"dm:{number}", customer_id=customer, lane=customer
        )
        inspector.hset(keys.DEAD_LETTER, one.id, dead_letter_json(one))
        inspector.zadd(keys.DEAD, {one.id: number})


def test_a_list_has_a_short_line_for_each_letter_below_a_heading(broker_process: Broker) -> None:
    heading, *lines = printed(broker_process, "dead-letters", "list")
    assert heading.split() == ["ID", "FAILED_AT", "DIRECTION", "ACCOUNT_ID", "CUSTOMER_ID", "REASON"]
    assert len(lines) == 3
    assert all(len(line) <= 130 for line in [heading, *lines])


def test_a_customers_letters_are_listed_and_replayed_alone_with_one_line(broker_process: Broker) -> None:
    assert len(printed(broker_process, "dead-letters", "list", "--customer", "210375291")) == 3
    assert printed(broker_process, "dead-letters", "replay", "--customer", "210375291") == ["2 replayed."]
    assert printed(broker_process, "dead-letters", "replay", "--all") == ["1 replayed."]
    assert printed(broker_process, "dead-letters", "list") == []


@pytest.mark.parametrize("command", ["show", "replay", "discard"])
def test_a_letter_that_does_not_exist_is_an_error_that_says_where_to_look(broker_process: Broker, command: str) -> None:
    failed = result_of(broker_process, "dead-letters", command, "nope")
    assert failed.exit_code == 1
    assert "`twitter-connector dead-letters list`" in failed.stderr
