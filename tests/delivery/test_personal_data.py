"""Erasing one person: nothing that names her is left but what the command says, and everybody else keeps theirs."""

from __future__ import annotations

from typing import Any

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, failing
from twitter_connector.errors import Permanent, Retryable
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.queue.message_log import LogFilter
from twitter_connector.queue.personal_data import Erased, PersonalData


def contents(fakes: FakeDeliveries) -> dict[str, str]:
    """Return every key with its value as text."""
    client = fakes.lanes.client
    readers: dict[str, Any] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {key: repr(readers[client.type(key)](key)) for key in client.keys("*")}


def erase(fakes: FakeDeliveries, customer: str = ADA) -> Erased:
    return PersonalData(fakes.lanes.client).erase(ACME, customer)


def conversation(fakes: FakeDeliveries, customer: str, start: int) -> list[str]:
    """Let a customer and an agent write, a message each way be given up, and return all ids of it."""
    event_ids = [first_id_at(fakes.clock.ms + start + number) for number in range(2)]
    cim_ids = [f"m-{start}-{number}" for number in range(2)]
    fakes.customer_writes(event_ids[0], "Hi", customer=customer)
    fakes.send(cim_ids[0], customer=customer, body={"type": "PLAIN", "markdownText": "long " * 4000})
    fakes.serve(IN, OUT)
    fakes.echo(fakes.twitter.sent[-1].id, "long", customer=customer)
    read = {"sender_id": customer, "target": {"recipient_id": ACME}, "last_read_event_id": fakes.twitter.sent[-1].id}
    mark = {**read, "created_timestamp": str(fakes.clock.ms)}
    fakes.receive({"for_user_id": ACME, "direct_message_mark_read_events": [mark]})
    fakes.serve(IN)
    fakes.cim.failures = [failing(Permanent, "ccm_refused")]
    fakes.customer_writes(event_ids[1], "Hi", customer=customer)
    fakes.serve(IN)
    fakes.twitter.failures = [failing(Permanent, "customer_refused")]
    fakes.send(cim_ids[1], customer=customer)
    fakes.serve(OUT)
    sent = [dm.id for dm in fakes.twitter.sent if dm.recipient_id == customer]
    letters = [letter.id for letter in fakes.dead_lettered() if letter.customer_id == customer]
    fakes.serve(IN)
    return [customer, *event_ids, *cim_ids, *sent, *letters, *(message_id(ACME, i) for i in event_ids)]


def test_nothing_of_the_person_is_left_but_marks_of_ids(fakes: FakeDeliveries) -> None:
    hers, others = conversation(fakes, ADA, 0), conversation(fakes, GRACE, 100)
    before = contents(fakes)
    assert any(ADA in key + value for key, value in before.items())
    erased = erase(fakes)
    assert (erased.messages, erased.dead_letters, erased.names, erased.waiting) == (4, 2, 1, 0)
    assert erased.keys > 0
    after = contents(fakes)
    left = [key for key, value in after.items() for one in hers if one in key or one in value]
    # The status has the id of the account's last event, and one key the id of its last own message.
    assert [key for key in left if not key.startswith(("tc:seen:", "tc:signs:", f"tc:echo:{ACME}"))] == []
    assert [key for key in left if ADA in key or ADA in after[key]] == []
    for one in others:
        assert [key for key in before if one in key] == [key for key in before if one in key and key in after], one
    assert {m.customer_id for m in fakes.message_log.page(LogFilter(), 100)[0]} == {GRACE}
    assert erase(fakes).nothing


def test_messages_that_wait_stay_and_are_delivered(fakes: FakeDeliveries) -> None:
    event_id = first_id_at(fakes.clock.ms)
    fakes.cim.failures = [failing(Retryable, "ccm_unavailable")]
    fakes.customer_writes(event_id, "Hi")
    fakes.serve(IN)
    assert erase(fakes).waiting == 1
    assert fakes.message_log.find(event_id) is None
    fakes.later(60, IN)
    assert fakes.written() == ["Hi"]
    assert fakes.message_log.find(event_id) is None
