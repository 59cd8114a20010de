"""A list of dead letters is whole although others come and go while it is read."""

from __future__ import annotations

import json

import pytest
import redis

from tests.brokers import broker_process, inspector
from twitter_connector.broker import keys
from twitter_connector.queue.dead_letters import DeadLetters

__all__ = ["broker_process", "inspector"]

COUNT = 450


def store(client: redis.Redis, number: int, failed_ms: int) -> None:
    row = {
        "id": f"letter {number}",
        "direction": "in",
        "account_id": "1",
        "customer_id": "2",
        "lane": "2",
        "message_id": "",
        "entry_id": "e",
        "reason": "ccm_refused",
        "detail": "",
        "tries": 1,
        "accepted_at": failed_ms,
        "failed_at": failed_ms,
        "payload": "{}",
    }
    client.hset(keys.DEAD_LETTER, f"letter {number}", json.dumps(row))
    client.zadd(keys.DEAD, {f"letter {number}": failed_ms})


@pytest.fixture
def letters(inspector: redis.Redis) -> DeadLetters:
    for number in range(COUNT):
        # Those in the middle failed in the same millisecond.
        store(inspector, number, 1_000 + (number if not 100 <= number < 350 else 100))
    return DeadLetters(inspector)


@pytest.mark.parametrize("read", [1, 150, 300])
def test_none_is_left_out_if_some_that_were_read_are_discarded(letters: DeadLetters, read: int) -> None:
    expected = [letter.id for letter in letters.newest()]
    assert len(set(expected)) == COUNT
    listed = []
    for letter in letters.newest():
        listed.append(letter.id)
        if len(listed) == read:
            assert all(letters.discard(gone) for gone in listed)
    assert listed[-1] == expected[-1]
    # Those of the batch in hand may still be listed. None that is there is missing.
    assert {letter.id for letter in letters.newest()} <= set(listed)


def test_none_is_listed_twice_if_others_come(letters: DeadLetters, inspector: redis.Redis) -> None:
    listed = []
    for number, letter in enumerate(letters.newest()):
        listed.append(letter.id)
        if number % 100 == 0:
            store(inspector, COUNT + number, 1_000 + COUNT + number)
    assert sorted(listed) == sorted(f"letter {number}" for number in range(COUNT))
