"""Public posts against the sandbox, over real HTTP: what is published is found again, a duplicate is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from requests_oauthlib import OAuth1
from tree import Control

from tests.brokers import settings_in
from tests.contracts.sandbox_x import ADA, BEFORE, X, account_at, running_sandbox
from tests.media.files import JPEG, film, gif
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
def x(request: pytest.FixtureRequest, control: Control, tmp_path: Path) -> X:
    return account_at(control, request.param, tmp_path)


@pytest.fixture
def customer_post(x: X, control: Control, tmp_path: Path) -> tuple[Posts, Any]:
    """Return the posts of an account, and the post of a customer that mentions it."""
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


@pytest.mark.parametrize(
    ("content", "mime_type", "category", "kind"),
    [
        (JPEG, "image/jpeg", "tweet_image", "photo"),
        (gif(frames=4), "image/gif", "tweet_gif", "animated_gif"),
        (film(b"avc1", b"mp4a", width=1280, height=720), "video/mp4", "tweet_video", "video"),
    ],
    ids=["picture", "gif", "video"],
)
def test_a_file_stands_under_the_comment_with_its_alternative_text(
    customer_post: tuple[Posts, Any], x: X, content: bytes, mime_type: str, category: str, kind: str
) -> None:
    posts, mention = customer_post
    media_id = x.upload(content, mime_type, category, [])
    posts.describe(media_id, "A new cup")
    sent = posts.send(SendPost("Here is a new one", in_reply_to=mention["id"], media_id=media_id))
    query = {"expansions": "attachments.media_keys", "media.fields": "alt_text"}
    keys = x.account.credentials
    auth = OAuth1(keys.api_key, keys.api_key_secret, keys.access_token, keys.access_token_secret)
    shown = x.control.http.get(f"{x.control.url}/2/tweets/{sent}", params=query, auth=auth, timeout=10).json()
    (media,) = shown["includes"]["media"]
    assert (media["type"], media["alt_text"]) == (kind, "A new cup")
    own = {post.id: post for post in posts.sent_since(datetime.now(UTC) - BEFORE * 30)}[sent]
    assert shown_fingerprint(own.text, own.links) == post_fingerprint("Here is a new one")


def test_a_customers_reply_is_hidden_liked_and_unliked(customer_post: tuple[Posts, Any], x: X) -> None:
    posts, _ = customer_post
    news = x.control.post("account/posts", account_id=x.account.id, text="We have news")["id"]
    reply = x.control.post("customer/posts", customer_id=ADA, text="Boring", in_reply_to=news)["id"]

    def shown() -> Any:
        return {post["id"]: post for post in x.control.get("posts")["posts"]}[reply]

    posts.hide(reply)
    posts.like(reply)
    assert (shown()["hidden"], shown()["liked_by"]) == (True, [x.account.id])
    posts.unlike(reply)
    assert shown()["liked_by"] == []


def test_what_may_not_be_hidden_is_refused_with_xs_words(customer_post: tuple[Posts, Any]) -> None:
    posts, mention = customer_post
    with pytest.raises(Permanent) as caught:
        posts.hide(mention["id"])
    assert caught.value.reason == "post_refused"
    assert "You can only hide replies to conversations that you started" in caught.value.detail


def test_a_post_that_does_not_summon_the_account_is_answered_with_api_v1_only(
    customer_post: tuple[Posts, Any], x: X
) -> None:
    posts, _ = customer_post
    elsewhere = x.control.post("customer/posts", customer_id=ADA, text="No mention of anybody")["id"]
    step = SendPost("We are here too", in_reply_to=elsewhere)
    if x.name == V1:
        assert posts.send(step)
        return
    with pytest.raises(Permanent) as caught:
        posts.send(step)
    assert caught.value.reason == "post_refused"


def test_x_says_whether_posts_may_be_long(customer_post: tuple[Posts, Any], x: X) -> None:
    posts, _ = customer_post
    assert posts.may_be_long() is False
    x.control.post("account/long-posts", account_id=x.account.id)
    assert posts.may_be_long() is True
