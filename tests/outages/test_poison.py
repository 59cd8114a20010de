"""A message our own code cannot bear is given up by name; what waits behind it arrives, and no log quotes it.

Nothing of the service is replaced: what no code expects is written into the lanes, behind the doors that refuse it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tree import Tree, eventually

from tests.brokers import RecordedWakeups
from tests.integration.conversations import Account, Json
from twitter_connector.broker.connection import connect
from twitter_connector.broker.line import Line
from twitter_connector.config import broker_socket
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.lanes import Lanes

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
def lanes(tree: Tree) -> Iterator[Lanes]:
    with connect(f"unix://{broker_socket(tree.var_dir)}", patient=True) as client:
        yield Lanes(client, Line(client, patient=True), RecordedWakeups())


def letters_of(account: Account) -> list[Json]:
    """Return the account's dead letters; nothing they show may quote what was given up."""
    answer = account.tree.http.get(f"{account.tree.url}/dead-letters", params={"account_id": account.id}, timeout=10)
    assert answer.status_code == 200, answer.text
    assert PLANTED not in answer.text
    found: list[Json] = answer.json()["items"]
    return found


def test_an_entry_that_our_own_code_fails_on_is_dead_lettered_and_the_lane_goes_on(tree: Tree, lanes: Lanes) -> None:
    account = Account.registered(tree)
    chats = account.customers(len(POISONS))
    for number, (chat, (direction, payload, _)) in enumerate(zip(chats, POISONS, strict=True)):
        # Before whatever Twitter or CCM may bring.
        poison = Entry(direction, account.id, chat.customer_id, f"poison {number}", payload, order="0")
        assert lanes.accept([poison]) == [True]
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
    _the_log_tells_where_it_went_wrong(tree, account)


def _the_log_tells_where_it_went_wrong(tree: Tree, account: Account) -> None:
    lines = [json.loads(line) for line in tree.output().splitlines() if account.id in line]
    for number, (direction, _, reason) in enumerate(POISONS):
        faults = [x for x in lines if (x.get("entry"), x["event"]) == (f"poison {number}", "internal_error")]
        # One for each try, and one where it could not even be given up as usual.
        assert len(faults) >= 4 if reason == OURS else len(faults) <= 1, (number, faults)
        for fault in faults:
            assert (fault["level"], fault["direction"]) == ("error", direction.word)
            assert "intake.py:" in fault["trace"]
            assert fault["error"].isidentifier()
