"""Files and messages of several parts on their way to Twitter: while it processes them, and when the worker dies.

They run on a service of their own with few threads, so that one which only waits would be missed.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree import Tree, can_look_at_processes, eventually, running_tree

from tests.integration.conversations import Account
from tests.integration.media_files import (
    agent_attaches,
    at_twitter,
    cards_of,
    film_of,
    requests_of,
    settings,
    spooled,
    stored,
    uploads,
)

MEGABYTE = 1_048_576


@pytest.fixture(scope="module")
def narrow() -> Iterator[Tree]:
    """A service in which three lanes are worked on at a time each way, at most two of them of one account."""
    if not can_look_at_processes():
        pytest.skip("the processes of the service are found through /proc, which this system does not have")
    with running_tree(WORKER_CONCURRENCY="8") as tree:
        yield tree


def test_nobody_sleeps_while_twitter_processes_videos(narrow: Tree) -> None:
    account = Account.registered(narrow)
    *chats, other = account.customers(3)
    with settings(narrow, processing_seconds=4.0):
        videos = [agent_attaches(chat, "VIDEO", film_of(5_000), "clip.mp4", "video/mp4", "film") for chat in chats]
        after = [chat.agent_says("after it") for chat in chats]
        eventually(lambda: len(uploads(account)) >= 6, what="INIT, APPEND and FINALIZE of both")
        begun = time.monotonic()
        said = [f"no. {n}" for n in range(5)]
        for text in said:
            other.agent_says(text)
            other.customer_says(text)
        other.await_twitter(said)
        other.await_ccm(said)
        # All the threads the account may have wait for videos, unless none of them does.
        assert time.monotonic() - begun < 3
        assert [chat.twitter_texts() for chat in chats] == [[], []]
        for chat, video, text in zip(chats, videos, after, strict=True):
            assert [chat.await_report(sent["id"])["status"] for sent in (video, text)] == ["DELIVERED"] * 2
    assert [chat.twitter_texts() for chat in chats] == [["film", "after it"]] * 2
    steps = [request["method"] for request in uploads(account)]
    assert steps[:6] == ["POST"] * 6
    # Nothing is uploaded twice, and Twitter is asked when it said that it wants to be, not more often.
    assert steps.count("POST") == 6
    assert 2 <= steps.count("GET") <= 6


def test_messages_of_several_parts_go_on_where_they_were_after_kill_9(narrow: Tree) -> None:
    long, cards, film = (Account.registered(narrow).customer() for _ in range(3))
    parts = [letter * 9_990 + "\n" for letter in "abc"]
    elements, url = cards_of(cards), stored(film, film_of(2 * MEGABYTE), "clip.mp4", "video/mp4")
    slow = [
        narrow.sandbox.fault(family="twitter", path=path, account_id=chat.account.id, skip=1, times=1, delay=1.5)
        for chat, path in ((long, "events/new"), (cards, "events/new"), (film, "media/upload"))
    ]
    sent = {
        "long": long.agent_says("".join(parts)),
        "cards": cards.agent_sends(body={"type": "CAROUSEL", "markdownText": "Shoes", "elements": elements}),
        "film": film.agent_sends(body={"type": "VIDEO", "markdownText": "film", "attachment": {"mediaUrl": url}}),
    }
    eventually(lambda: all(narrow.sandbox.hits(fault) for fault in slow), what="all second steps under way")
    assert spooled(narrow)  # the film, so that its absence below says something
    assert [len(chat.twitter_messages()) for chat in (long, cards)] == [1, 1]
    narrow.kill("worker")
    eventually(lambda: not spooled(narrow), what="the end of all temporary files")
    # The second messages do reach Twitter, which has nobody to tell: they are to be found, not to be sent again.
    for chat, name in ((long, "long"), (cards, "cards"), (film, "film")):
        assert chat.await_report(sent[name]["id"], 40)["status"] == "DELIVERED", name
    assert [text.strip("\n") for text in long.twitter_texts()] == [part.strip("\n") for part in parts]
    assert cards.twitter_texts() == ["Shoes", "Blue shoe\n1. Buy", "Red boot\n2. Buy", "Laces"]
    assert [at_twitter(film, dm) for dm in film.twitter_messages()] == [film_of(2 * MEGABYTE)]
    assert [len(requests_of(chat.account, "events/new")) for chat in (long, cards, film)] == [3, 4, 1]
    for chat in (long, cards, film):
        chat.await_round_trip("after")
        assert [report["status"] for report in chat.reports()] == ["DELIVERED"] * 2
    eventually(lambda: not spooled(narrow), what="the end of all temporary files")
    assert list(Path(narrow.var_dir, "spool").iterdir()) == []
