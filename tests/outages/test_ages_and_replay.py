"""What waits too long is given up and said so; what was given up can be listed, sent again, or forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from tree import Tree, can_look_at_processes, eventually, running_tree

from tests.brokers import RecordedWakeups
from tests.integration.conversations import Account, Conversation, Json, cim_id
from twitter_connector.broker import keys
from twitter_connector.broker.connection import connect
from twitter_connector.broker.line import Line
from twitter_connector.config import Settings, broker_socket
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.wakeups import UPKEEP_QUEUE, UPKEEP_TASK, celery_app

pytestmark = pytest.mark.integration

PLANTED = "words-nobody-may-read"
MOST = 40
NOBODY = "00000000-0000-5000-8000-000000000000"


@pytest.fixture(scope="module")
def hasty() -> Iterator[Tree]:
    """A service in which four seconds are too long."""
    if not can_look_at_processes():
        pytest.skip("the processes of the service are found through /proc, which this system does not have")
    with running_tree(INBOUND_MAX_AGE="4s", OUTBOUND_MAX_AGE="4s", DEAD_LETTERS_MAX=str(MOST)) as tree:
        yield tree
        assert PLANTED not in tree.output()


@pytest.fixture
def client(hasty: Tree) -> Iterator[redis.Redis]:
    with connect(f"unix://{broker_socket(hasty.var_dir)}", patient=True) as client:
        yield client


@dataclass
class Aged:
    """An account, and conversations in each of which one message has become too old."""

    account: Account
    inbound: list[Conversation]
    events: list[str]
    outbound: list[Conversation]
    replies: list[str]


@pytest.fixture(scope="module")
def aged(hasty: Tree) -> Aged:
    account = Account.registered(hasty)
    sandbox = hasty.sandbox
    inbound, outbound = account.customers(5), account.customers(4)
    faults = [sandbox.fault(family="ccm", customer_id=chat.customer_id, status=503) for chat in inbound]
    # In force until the end: several may be on their way before the first refusal pauses the account.
    limited = sandbox.fault(
        family="twitter",
        path="events/new",
        account_id=account.id,
        status=429,
        headers={"x-rate-limit-reset": "{now+5}"},
        body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    )
    events = [str(chat.customer_says(f"too late {PLANTED}")["id"]) for chat in inbound]
    replies = [str(chat.agent_says(f"too late {PLANTED}")["id"]) for chat in outbound]
    everything = len(inbound) + len(outbound)
    eventually(lambda: len(listed(hasty, account_id=account.id)) >= everything, 40, what="dead letters of all")
    for fault in [*faults, limited]:
        sandbox.lift(fault)
    return Aged(account, inbound, events, outbound, replies)


def asked(tree: Tree, method: str, where: str = "", **more: Any) -> Any:
    """Return the service's answer about dead letters; whatever it says, it quotes nobody."""
    answer = tree.http.request(method, f"{tree.url}/dead-letters{where}", timeout=20, **more)
    assert PLANTED not in answer.text
    return answer


def listed(tree: Tree, **query: Any) -> list[Json]:
    answer = asked(tree, "GET", params=query)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def letter_of(chat: Conversation) -> Json:
    """Return the one dead letter of a conversation."""
    tree, account_id = chat.account.tree, chat.account.id
    (letter,) = listed(tree, account_id=account_id, customer_id=chat.customer_id)
    return letter


def said_by(tree: Tree, *arguments: str, status: int = 0) -> str:
    """Return what `twitter-connector dead-letters` prints, on both outputs; it quotes nobody either."""
    done = tree.cli("dead-letters", *arguments)
    assert done.returncode == status, done.stderr
    assert PLANTED not in done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def invented(number: int, account_id: str) -> DeadLetter:
    """Return a dead letter that never was a message."""
    # Later than anything that was really given up.
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5, seconds=number)
    letter_id = f"{account_id}-{number}"
    detail = "An invented one."
    one = DeadLetter(
        letter_id, Direction.IN, account_id, "1", "1", letter_id, letter_id, "invented", detail, 1, at, at, PLANTED
    )
    return replace(one, direction=Direction.OUT) if number % 2 else one


# Too old


def test_an_event_that_waited_too_long_is_kept_with_that_reason(aged: Aged) -> None:
    for chat, event_id in zip(aged.inbound, aged.events, strict=True):
        letter = letter_of(chat)
        assert (letter["reason"], letter["direction"]) == ("too_old", "inbound")
        assert letter["message_id"] == cim_id(aged.account.id, event_id)
        waited = datetime.fromisoformat(letter["failed_at"]) - datetime.fromisoformat(letter["accepted_at"])
        assert timedelta(seconds=4) < waited < timedelta(seconds=40)
        assert chat.ccm_texts() == []


def test_a_reply_that_waited_too_long_is_kept_and_ccm_hears_that_it_failed(aged: Aged) -> None:
    for chat, message_id in zip(aged.outbound, aged.replies, strict=True):
        letter = letter_of(chat)
        assert (letter["reason"], letter["direction"], letter["message_id"]) == ("too_old", "outbound", message_id)
        report = chat.await_report(message_id)
        assert report["status"] == "FAILED"
        assert "waited longer than" in report["markdownText"]
        assert chat.twitter_texts() == []


# Looking


@pytest.mark.parametrize(
    ("wanted", "inbound", "outbound"),
    [
        ({"direction": "inbound"}, 5, 0),
        ({"direction": "outbound"}, 0, 4),
        ({"reason": "too_old"}, 5, 4),
        ({"reason": "too_old", "direction": "outbound"}, 0, 4),
        ({"reason": "ccm_refused"}, 0, 0),
    ],
)
def test_filters_choose(aged: Aged, wanted: dict[str, str], inbound: int, outbound: int) -> None:
    tree = aged.account.tree
    found = listed(tree, account_id=aged.account.id, **wanted)
    assert [letter["direction"] for letter in found].count("inbound") == inbound
    assert [letter["direction"] for letter in found].count("outbound") == outbound
    assert listed(tree, account_id="1", **wanted) == []


def test_pages_follow_one_another_until_the_last(hasty: Tree, client: redis.Redis) -> None:
    account_id = "700000001"
    Lanes(client, Line(client, patient=True), RecordedWakeups()).accept([invented(n, account_id) for n in range(7)])
    seen: list[str] = []
    after: dict[str, str] = {}
    for count in (3, 3, 1):
        page = asked(hasty, "GET", params={"account_id": account_id, "limit": 3, **after}).json()
        assert len(page["items"]) == count
        seen += [letter["id"] for letter in page["items"]]
        assert (page["next"] is None) == (len(seen) == 7)
        # What a page follows may have been replayed or discarded meanwhile.
        assert asked(hasty, "DELETE", f"/{seen[-1]}").status_code == 204
        after = {"after": page["next"]}
    assert seen == [f"{account_id}-{n}" for n in reversed(range(7))], "the newest first, each once"
    # A page that is exactly full is the last one where nothing follows.
    assert asked(hasty, "GET", params={"account_id": account_id, "limit": 4}).json()["next"] is None
    left = [letter for letter in seen if letter not in (seen[2], seen[5], seen[6])]
    after = {"after": left[0]}
    assert [x["id"] for x in listed(hasty, account_id=account_id, **after)] == left[1:], "an id does, too"
    assert asked(hasty, "GET", params={"after": NOBODY}).status_code == 400
    found = json.loads(said_by(hasty, "list", "--account", account_id, "--limit", "2", "--json"))
    assert [letter["id"] for letter in found] == left[:2]


@pytest.mark.parametrize(
    "query", [{"direction": "sideways"}, {"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"colour": "red"}]
)
def test_a_filter_that_means_nothing_is_refused(hasty: Tree, query: dict[str, str]) -> None:
    answer = asked(hasty, "GET", params=query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_one_is_shown_without_what_it_said(aged: Aged) -> None:
    tree, letter = aged.account.tree, letter_of(aged.inbound[0])
    shown = asked(tree, "GET", f"/{letter['id']}")
    assert (shown.status_code, shown.json()) == (200, letter)
    outcome = json.loads(said_by(tree, "show", letter["id"], "--json"))
    assert {name: outcome[name] for name in ("id", "reason", "message_id", "tries")} == {
        name: letter[name] for name in ("id", "reason", "message_id", "tries")
    }


def test_one_that_is_not_there_is_not_found(hasty: Tree) -> None:
    for method, where in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
        answer = asked(hasty, method, f"/{NOBODY}{where}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert NOBODY in said_by(hasty, "show", NOBODY, status=1)
    assert "Nothing was replayed" in said_by(hasty, "replay", NOBODY, status=1)


# Sending again


def test_a_replay_goes_behind_what_waits_and_twice_is_once(aged: Aged, client: redis.Redis) -> None:
    chat, event_id = aged.inbound[0], aged.events[0]
    tree = aged.account.tree
    letter = letter_of(chat)
    row = client.hget(keys.DEAD_LETTER, letter["id"])
    fault = tree.sandbox.fault(family="ccm", customer_id=chat.customer_id, status=503)
    chat.customer_says("waits")
    eventually(lambda: tree.sandbox.hits(fault), what="a try of what waits")
    answer = asked(tree, "POST", f"/{letter['id']}/replay")
    assert (answer.status_code, answer.json()) == (202, {"replayed": 1})
    assert asked(tree, "POST", f"/{letter['id']}/replay").status_code == 404
    # As after a replay that was cut off before the letter was taken off the list.
    client.hset(keys.DEAD_LETTER, letter["id"], row)  # type: ignore[arg-type]
    client.zadd(keys.DEAD, {letter["id"]: 1})
    assert asked(tree, "POST", f"/{letter['id']}/replay").status_code == 202
    tree.sandbox.lift(fault)
    # What comes from Twitter meanwhile goes before a replay, so the mark is sent after it.
    eventually(lambda: f"too late {PLANTED}" in chat.ccm_texts(), what="the replayed one at CCM")
    chat.await_round_trip("the end")
    messages = [r for r in chat.requests_to_ccm() if r["accepted"] and r["type"] == "PLAIN" and not r["repeat"]]
    said = [r["message"]["body"]["markdownText"] for r in messages]
    assert said == ["waits", f"too late {PLANTED}", "the end"]
    assert messages[1]["id"] == cim_id(aged.account.id, event_id)
    assert listed(tree, customer_id=chat.customer_id) == []


def test_a_reply_that_is_replayed_twice_is_sent_once_and_reported_delivered_once(
    aged: Aged, client: redis.Redis
) -> None:
    chat, message_id = aged.outbound[0], aged.replies[0]
    tree = aged.account.tree
    letter = letter_of(chat)
    row = client.hget(keys.DEAD_LETTER, letter["id"])
    assert "1 replayed" in said_by(tree, "replay", letter["id"])
    client.hset(keys.DEAD_LETTER, letter["id"], row)  # type: ignore[arg-type]
    client.zadd(keys.DEAD, {letter["id"]: 1})
    assert asked(tree, "POST", f"/{letter['id']}/replay").status_code == 202
    chat.await_round_trip("the end")
    assert chat.twitter_texts() == [f"too late {PLANTED}", "the end"]
    assert [report["status"] for report in chat.reports(message_id)] == ["FAILED", "DELIVERED"]
    assert listed(tree, customer_id=chat.customer_id) == []


def test_all_that_fit_a_filter_are_replayed_and_no_others(aged: Aged) -> None:
    tree, account_id = aged.account.tree, aged.account.id
    chats = aged.inbound[1:3]
    for chat in chats:
        wanted = {"customer_id": chat.customer_id, "reason": "too_old", "direction": "inbound"}
        answer = asked(tree, "POST", "/replay", json=wanted)
        assert (answer.status_code, answer.json()) == (202, {"replayed": 1, "remaining": 0})
    for chat in chats:
        chat.await_ccm([f"too late {PLANTED}"])
    assert asked(tree, "POST", "/replay", json={"account_id": "1"}).json() == {"replayed": 0, "remaining": 0}
    assert asked(tree, "POST", "/replay", json=[]).status_code == 400
    assert asked(tree, "POST", "/replay", json={"colour": "red"}).status_code == 400
    left = {letter["customer_id"] for letter in listed(tree, account_id=account_id)}
    assert {chat.customer_id for chat in aged.inbound[3:]} <= left
    assert left.isdisjoint(chat.customer_id for chat in chats)
    assert "2 replayed" in said_by(tree, "replay", "--account", account_id, "--direction", "inbound")
    for chat in aged.inbound[3:]:
        chat.await_ccm([f"too late {PLANTED}"])
    assert said_by(tree, "replay", status=1).startswith("error: name dead letters")


# Forgetting


def test_what_is_discarded_is_gone_and_was_not_sent(aged: Aged) -> None:
    tree = aged.account.tree
    first, second = aged.outbound[2:]
    for chat in (first, second):
        letter = letter_of(chat)
        if chat is first:
            assert asked(tree, "DELETE", f"/{letter['id']}").status_code == 204
            assert asked(tree, "DELETE", f"/{letter['id']}").status_code == 404
        else:
            assert "1 discarded" in said_by(tree, "discard", letter["id"])
            assert "1 did not exist" in said_by(tree, "discard", letter["id"], status=1)
        assert asked(tree, "GET", f"/{letter['id']}").status_code == 404
        chat.await_round_trip("the end")
        assert chat.twitter_texts() == ["the end"]


def test_beyond_the_bound_the_oldest_are_dropped_counted_and_logged(hasty: Tree, client: redis.Redis) -> None:
    account_id = "700000002"
    Lanes(client, Line(client, patient=True), RecordedWakeups()).accept(
        [invented(n, account_id) for n in range(1, MOST + 6)]
    )
    assert dropped(hasty) == 0
    before = client.zcard(keys.DEAD)
    settings = Settings.from_env({"VAR_DIR": str(hasty.var_dir), "CCM_URL": f"{hasty.sandbox.url}/ccm"})
    with celery_app(settings, patient=True) as app:
        # What the scheduler does once a minute.
        app.send_task(UPKEEP_TASK, queue=UPKEEP_QUEUE)
    eventually(lambda: client.zcard(keys.DEAD) == MOST, what="letters within the bound")
    assert client.hlen(keys.DEAD_LETTER) == MOST
    assert eventually(lambda: dropped(hasty), what="a count of what was dropped") == before - MOST
    (line,) = [json.loads(line) for line in hasty.output().splitlines() if '"dead_letters_dropped"' in line]
    assert (line["level"], line["count"]) == ("error", before - MOST)
    kept = [letter["id"] for letter in listed(hasty, account_id=account_id, limit=MOST)]
    assert kept == [f"{account_id}-{n}" for n in range(MOST + 5, MOST + 5 - len(kept), -1)]
    assert len(kept) >= MOST - 12, "the newest are kept"


def dropped(tree: Tree) -> int:
    """Return the counter as a scrape sees it, over all processes."""
    text = tree.http.get(f"{tree.url}/metrics", timeout=10).text
    assert PLANTED not in text
    name = "twitter_connector_dead_letters_dropped_total "
    return sum(int(float(line.split()[1])) for line in text.splitlines() if line.startswith(name))
