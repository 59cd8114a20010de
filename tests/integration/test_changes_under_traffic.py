"""An account changes its API, or the way in which its events come, while people write: nothing is lost or doubled,
and everything stays in order."""

import time
from collections.abc import Iterator

import pytest
from tree import Tree, eventually

from tests.integration.chaos_counts import FAULTS, details, settled, total
from tests.integration.conversations import Account
from tests.integration.crowd import Talk
from tests.integration.media_files import settings
from tests.integration.test_v2 import register, registered
from tests.integration.traffic import traffic

# From each way to each other one.
CHANGES = ["xaa", "aaa", "xaa", "stream", "xaa", "poll", "aaa", "stream", "aaa", "poll", "stream", "poll", "xaa"]
# X allows 15 lists in 15 minutes, and each change reads one or more. Here it allows 60 in 18 seconds, so that an
# account is polled once in a second.
FAST = {"window_scale": 0.02, "limits": {"v2/dm/send": None, "v2/dm/events": 60}, "daily_limits": False}
PAUSE = 0.15
SETTLE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def fast(tree: Tree) -> Iterator[None]:
    with settings(tree, **FAST):
        yield


def nothing_went_wrong(tree: Tree, account: Account, talks: list[Talk]) -> None:
    counts = total(settled(tree, [account], talks, [], SETTLE_SECONDS))
    assert {name: counts[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0), (
        f"{dict(counts)}\n{details(tree, talks)}"
    )
    assert counts["repeats"] == 0


def some_messages(talks: list[Talk], count: int = 2) -> None:
    """Wait until CCM has so many more messages of each customer."""
    before = {talk.chat.customer_id: len(talk.chat.ccm_texts()) for talk in talks}
    for talk in talks:
        wanted = before[talk.chat.customer_id] + count
        eventually(lambda talk=talk, wanted=wanted: len(talk.chat.ccm_texts()) >= wanted, 30, what="messages at CCM")  # type: ignore[misc]


def test_every_change_of_the_way_in_under_traffic(tree: Tree) -> None:
    account = registered(tree, CHANGES[0])
    with traffic(account.customers(2), PAUSE) as talks:
        some_messages(talks)
        for inbound in CHANGES[1:]:
            answer = register(account, inbound)
            assert answer.status_code == 200, answer.text
            some_messages(talks)
    nothing_went_wrong(tree, account, talks)


def test_an_account_moves_from_v1_to_v2_under_traffic(tree: Tree) -> None:
    account = Account.registered(tree)
    with traffic(account.customers(3), PAUSE) as talks:
        some_messages(talks)
        # Replies are waiting for X when the account moves.
        sends = tree.sandbox.fault(
            family="twitter",
            path="events/new",
            account_id=account.id,
            status=429,
            headers={"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+600}"},
        )
        eventually(lambda: account.shown()["pauses"].get("outbound"), 20, what="a pause")
        time.sleep(5 * PAUSE)
        sent_by_v1 = {talk.chat.customer_id: len(talk.chat.twitter_texts()) for talk in talks}
        moved = account.register(ENVIRONMENT_NAME="")
        assert moved.status_code == 200, moved.text
        hits = tree.sandbox.hits(sends)
        some_messages(talks, 5)
    nothing_went_wrong(tree, account, talks)
    assert tree.sandbox.hits(sends) == hits, "after the move nothing goes out by v1.1"
    assert account.shown()["api"] == "v2"
    for talk in talks:
        assert len(talk.outbound) - sent_by_v1[talk.chat.customer_id] >= 5
    tree.sandbox.lift(sends)
