"""Public posts against the sandbox, over real HTTP: what is published is found again, a duplicate is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tree import Control

from tests.brokers import settings_in
from tests.contracts.sandbox_x import ADA, BEFORE, account_at, running_sandbox
from twitter_connector.errors import Permanent
from twitter_connector.messages.kinds.comment import post_fingerprint, shown_fingerprint
from twitter_connector.model.account import V1, V2
from twitter_connector.model.plan import SendPost
from twitter_connector.model.post import POST
from twitter_connector.model.posts import Posts
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.flavours import Flavours


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(params=[V1, V2])
def customer_post(request: pytest.FixtureRequest, control: Control, tmp_path: Path) -> tuple[Posts, Any]:
    """Return the posts of an account, and the post of a customer that mentions it."""
    x = account_at(control, request.param, tmp_path)
    urls = dict.fromkeys(("TWITTER_API_URL", "TWITTER_UPLOAD_URL", "X_API_URL"), control.url)
    http = HttpClient(trust_env=False)
    flavours = Flavours(http, settings_in(tmp_path, **urls), lambda: datetime.now(UTC), lambda *_: None)
    name = flavours.registration(x.account).who_am_i()[1]
    mention = control.post("customer/posts", customer_id=ADA, text=f"@{name} where is it? https://example.com/?a&b")
    return flavours.posts(x.account), mention


def test_an_answer_is_found_on_the_timeline_with_the_text_that_was_sent(customer_post: tuple[Posts, Any]) -> None:
    posts, mention = customer_post
    text = "On its way: https://example.com/track?id=1 & soon 😀"
    sent = posts.send(SendPost(text, in_reply_to=mention["id"]))
    own = {post.id: post for post in posts.sent_since(datetime.now(UTC) - BEFORE * 30)}[sent]
    assert own.in_reply_to == mention["id"]
    assert shown_fingerprint(own.text, own.links) == post_fingerprint(text)
    posts.delete(sent)
    assert sent not in {post.id for post in posts.sent_since(datetime.now(UTC) - BEFORE * 30)}
    posts.delete(sent)


def test_mentions_are_read_from_an_id_on(customer_post: tuple[Posts, Any]) -> None:
    posts, mention = customer_post
    (event,) = [event for event in posts.mentions("1") if event.id == mention["id"]]
    assert (event.customer_id, event.addressed) == (ADA, ("mentions",))
    (stored,) = event.envelope[POST]
    assert (stored["id"], stored["thread_id"]) == (mention["id"], mention["id"])
    assert posts.mentions(mention["id"]) == []


def test_an_equal_answer_is_refused_as_a_duplicate(customer_post: tuple[Posts, Any]) -> None:
    posts, mention = customer_post
    posts.send(SendPost("Thank you!", in_reply_to=mention["id"]))
    with pytest.raises(Permanent) as caught:
        posts.send(SendPost("Thank you!", in_reply_to=mention["id"]))
    assert caught.value.reason == "duplicate_post"
