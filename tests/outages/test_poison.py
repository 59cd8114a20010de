"""A message our own code cannot bear is given up by name; what waits behind it arrives, and no log quotes it.

Nothing of the service is replaced: what no code expects is written into the lanes, behind the doors that refuse it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis
from tree import Tree, eventually

from tests.integration.scene import Account, Json
from twitter_connector.config import broker_socket
from twitter_connector.model.work import Direction, Entry
from twitter_connector.store.connection import Line, connect
from twitter_connector.store.lanes import Lanes

pytestmark = pytest.mark.integration

IN, OUT = Direction.IN, Direction.OUT
PLANTED = "words-nobody-may-read"
OURS = "internal_error"
# Some fail wherever they are read, when they are given up too; others in the middle of being understood.
POISONS = [
    (IN, PLANTED, OURS),
    (IN, json.dumps([PLANTED]), OURS),
    (IN, json.dumps({"neither": PLANTED}), OURS),
    (IN, json.dumps({"message": PLANTED}), "ccm_refused"),
    (IN, json.dumps({"activity": {"for_user_id": "1", "direct_message_events": PLANTED}}), "unreadable_event"),
    (OUT, PLANTED, OURS),
    (OUT, json.dumps({"neither": PLANTED}), OURS),
    (OUT, json.dumps({"message": [PLANTED]}), OURS),
    (OUT, json.dumps({"message": {"id": "1", "header": PLANTED, "body": {"type": PLANTED}}}), OURS),
]


@pytest.fixture
def client(tree: Tree) -> Iterator[redis.Redis]:
    with connect(f"unix://{broker_socket(tree.var_dir)}", patient=True) as client:
        yield client


def letters_of(account: Account) -> list[Json]:
    """Return the account's dead letters; nothing they show may quote what was given up."""
    answer = account.tree.http.get(f"{account.tree.url}/dead-letters", params={"account_id": account.id}, timeout=10)
    assert answer.status_code == 200, answer.text
    assert PLANTED not in answer.text
    found: list[Json] = answer.json()["items"]
    return found


def test_what_our_own_code_cannot_bear_is_buried_and_the_lane_goes_on(tree: Tree, client: redis.Redis) -> None:
    account = Account.registered(tree)
    lanes = Lanes(client, Line(client, patient=True))
    chats = account.customers(len(POISONS))
    for number, (chat, (direction, payload, _)) in enumerate(zip(chats, POISONS, strict=True)):
        # Before whatever Twitter or CCM may bring.
        poison = Entry(direction, account.id, chat.customer_id, f"poison {number}", payload, order="0")
        assert lanes.accept([poison])[0] == [True]
        (chat.customer_says if direction is IN else chat.agent_says)("behind it")
    # Four tries within four seconds, and a busy machine.
    eventually(lambda: len(letters_of(account)) >= len(POISONS), 30, what="dead letters")
    letters = letters_of(account)
    reasons = {chat.customer_id: reason for chat, (_, _, reason) in zip(chats, POISONS, strict=True)}
    assert {letter["customer_id"]: letter["reason"] for letter in letters} == reasons
    assert len(letters) == len(POISONS)
    for chat, (direction, _, _) in zip(chats, POISONS, strict=True):
        if direction is IN:
            chat.await_ccm(["behind it"])
        else:
            chat.await_twitter(["behind it"])
    assert PLANTED not in tree.output()


def test_the_log_tells_where_in_the_code_it_went_wrong(tree: Tree, client: redis.Redis) -> None:
    account = Account.registered(tree)
    chat = account.customer()
    payload = json.dumps({"activity": {"for_user_id": account.id, "direct_message_events": []}, "neither": PLANTED})
    assert Lanes(client, Line(client, patient=True)).accept(
        [Entry(IN, account.id, chat.customer_id, "poison of the log", payload)]
    )[0] == [True]
    (letter,) = eventually(lambda: letters_of(account), 30, what="a dead letter")
    assert letter["tries"] > 1
    lines = [json.loads(line) for line in tree.output().splitlines() if "poison of the log" in line]
    faults = [line for line in lines if line["event"] == "internal_error"]
    assert len(faults) == letter["tries"], lines
    for fault in faults:
        assert (fault["level"], fault["account"], fault["direction"]) == ("error", account.id, "inbound")
        assert "inbound.py:" in fault["trace"]
        assert fault["error"] == "IndexError", fault
    assert PLANTED not in json.dumps(lines)
