"""Public posts through the whole service and the sandbox: comments in, and whatever an agent does in public."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tree import Tree, eventually
from x_openapi import complaints

from tests.integration.conversations import Account, Conversation, Json, cim_id
from tests.integration.media_files import film_of, in_the_file_engine, settings, stored
from tests.integration.test_v2 import register
from tests.media.files import JPEG, gif

WAYS = ("v1.1", "xaa", "aaa", "stream")


@dataclass
class Comments(Conversation):
    """What a customer and the account's agents do in public."""

    def posts(self, text: str, **more: Any) -> str:
        """Let the customer publish; return the post's id."""
        return str(self._sandbox.post("customer/posts", customer_id=self.customer_id, text=text, **more)["id"])

    def posts_file(self, text: str, content: bytes) -> str:
        """Let the customer publish a picture; return the post's id."""
        url = f"{self._sandbox.url}/_sandbox/customer/posts"
        fields = {"customer_id": self.customer_id, "text": text}
        files = {"media_file": ("photo.jpg", content, "image/jpeg")}
        answer = self._sandbox.http.post(url, data=fields, files=files, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def account_posts(self, text: str, **more: Any) -> str:
        """Let the brand publish in X's own app; return the post's id."""
        return str(self._sandbox.post("account/posts", account_id=self.account.id, text=text, **more)["id"])

    def comments(self, count: int) -> list[Json]:
        """Wait until CCM has so many messages about the customer's posts, and return them."""
        eventually(lambda: len(self.ccm_messages()) >= count, 40, what=f"{count} comments at CCM")
        found = self.ccm_messages()
        assert len(found) == count, found
        return found

    def agent_comments(self, item: str, text: str = "", *, about: str = "", **body: Any) -> Json:
        """Let the agent act on a comment and wait for the report. about: CIM's id of it."""
        header = {"originalMessageId": about} if about else {}
        comment = {"type": "COMMENT", "itemType": item, "postId": "1", "markdownText": text, **body}
        sent = self.agent_sends(header=header, body=comment)
        return {**sent, "report": self.await_report(sent["id"], 40)}

    def published(self) -> list[Json]:
        """Return the account's posts that readers see, as the sandbox has them, oldest first."""
        found = self._sandbox.get("posts", author_id=self.account.id)["posts"]
        return [post for post in found if not post["deleted"]]


@pytest.fixture(autouse=True)
def every_request_is_in_xs_document(tree: Tree) -> Iterator[None]:
    """Compare what the connector asked X during the test with X's OpenAPI document."""
    before = len(tree.sandbox.get("requests/recorded")["requests"])
    yield
    assert complaints(tree.sandbox.get("requests/recorded")["requests"][before:]) == []


def comments_of(tree: Tree, way: str, posts: str = "all") -> Comments:
    """Register an account that takes in posts."""
    if way == "v1.1":
        account = Account.registered(tree)
        assert account.register(POSTS=posts).status_code == 200
    else:
        account = Account.new(tree, api="v2")
        account.body["POSTS"] = posts
        answer = register(account, way)
        assert answer.status_code == 200, answer.text
    return Comments(account, account.customer().customer_id)


@pytest.fixture(params=WAYS)
def public(request: pytest.FixtureRequest, tree: Tree) -> Comments:
    return comments_of(tree, request.param)


def screen_name(public: Comments) -> str:
    """Return the name by which customers mention the account."""
    return str(public.account.shown()["screen_name"])


def test_a_comment_comes_in_and_the_answer_stands_under_it(public: Comments) -> None:
    brand = screen_name(public)
    mention = public.posts_file(f"@{brand} it is broken &c", JPEG)
    text, picture = public.comments(2)
    assert (text["id"], text["body"]["markdownText"]) == (
        cim_id(public.account.id, mention),
        f"@{brand} it is broken &c",
    )
    assert (text["body"]["postId"], picture["body"]["postId"]) == (mention, mention)
    assert picture["body"]["itemType"] == "IMAGE"
    assert in_the_file_engine(public, picture) == JPEG
    attachment = {"mediaUrl": stored(public, JPEG, f"{mention}.jpg", "image/jpeg"), "mimeType": "image/jpeg", "size": 9}
    more = {"attachment": attachment, "additionalDetails": {"altText": "A new cup"}}
    sent = public.agent_comments("IMAGE", "Here is a new one", about=text["id"], **more)
    assert sent["report"]["status"] == "DELIVERED", sent
    (answer,) = public.published()
    assert (answer["in_reply_to_id"], answer["text"]) == (mention, "Here is a new one")
    assert len(answer["media_ids"]) == 1


def test_whatever_agents_do_in_public(tree: Tree) -> None:
    public = comments_of(tree, "xaa")
    brand = screen_name(public)
    root = public.account_posts("We have news")
    public.posts("Boring", in_reply_to=root)
    (comment,) = public.comments(1)
    assert comment["body"]["postId"] == root
    for item, state in (("LIKE", "liked_by"), ("HIDE", "hidden")):
        assert public.agent_comments(item, about=comment["id"])["report"]["status"] == "DELIVERED"
        (reply,) = tree.sandbox.get("posts", author_id=public.customer_id)["posts"]
        assert reply[state]
    assert public.agent_comments("UNLIKE", about=comment["id"])["report"]["status"] == "DELIVERED"
    answer = public.agent_comments("TEXT", "Thank you")
    again = public.agent_comments("TEXT", "Thank you")
    assert (answer["report"]["status"], again["report"]["status"]) == ("DELIVERED", "FAILED")
    assert "same text as an earlier one" in again["report"]["markdownText"]
    assert public.agent_comments("DELETE", about=answer["id"])["report"]["status"] == "DELIVERED"
    assert [post["id"] for post in public.published()] == [root]
    plain = public.agent_sends(text="In *words*", message_type="SM")
    assert public.await_report(plain["id"])["status"] == "DELIVERED"
    assert [post["text"] for post in public.published()] == ["We have news", "In words"]
    private = public.agent_comments("PRIVATE_REPLY", "Your number?", about=comment["id"])
    assert private["report"]["status"] == "DELIVERED"
    assert public.twitter_texts() == ["Your number?"]
    films = [("VIDEO", film_of(50_000), "clip.mp4", "video/mp4"), ("IMAGE", gif(frames=4), "dance.gif", "image/gif")]
    for item, content, name, mime in films:
        file = {"mediaUrl": stored(public, content, f"{root}{name}", mime), "mimeType": mime, "size": len(content)}
        assert public.agent_comments(item, about=comment["id"], attachment=file)["report"]["status"] == "DELIVERED"
        assert len(public.published()[-1]["media_ids"]) == 1
    public.posts(f"@{brand} and again")
    assert public.comments(2)[1]["body"]["markdownText"] == f"@{brand} and again"


def test_edits_deletions_and_what_is_no_comment(tree: Tree) -> None:
    with settings(tree, deletions_of_customers=True):
        public = comments_of(tree, "xaa")
        brand = screen_name(public)
        news = public.account_posts("We have news")
        public.posts("", repost=news)
        public.posts("Look at this", quote=news)
        public.account_posts("Once more", quote=news)
        quote = public.posts(f"@{brand} look at this", quote=news)
        first = public.posts(f"@{brand} hepl")
        assert [c["header"]["providerMessageId"] for c in public.comments(2)] == [quote, first]
        edited = tree.sandbox.post("posts/edit", post_id=first, text=f"@{brand} help")["id"]
        header = public.comments(3)[2]["header"]
        assert (header["intent"], header["originalMessageId"]) == ("UPDATE", cim_id(public.account.id, first))
        tree.sandbox.post("posts/delete", post_id=edited)
        notices = [message["body"] for message in public.comments(5)[3:]]
        assert {notice["type"] for notice in notices} == {"DELETEDNOTIFICATION"}
        assert [notice["messageId"] for notice in notices] == [cim_id(public.account.id, i) for i in (first, edited)]


def test_nothing_is_published_while_posts_are_off(tree: Tree) -> None:
    public = comments_of(tree, "xaa", posts="off")
    refused = public.agent_comments("TEXT", "Hello")
    assert (refused["report"]["status"], public.published()) == ("FAILED", [])
    assert "Public posts are off" in refused["report"]["markdownText"]


def test_a_long_answer_is_numbered_or_one_post_where_the_account_may(tree: Tree) -> None:
    public = comments_of(tree, "xaa", posts="mentions")
    words = "word " * 99 + "end"
    mention = public.posts(f"@{screen_name(public)} why?")
    public.comments(1)
    public.agent_comments("TEXT", words)
    first, second = public.published()
    assert (first["in_reply_to_id"], second["in_reply_to_id"]) == (mention, first["id"])
    assert (first["text"][-5:], second["text"][-5:]) == ("(1/2)", "(2/2)")
    tree.sandbox.post("account/long-posts", account_id=public.account.id)
    assert tree.cli("posts", public.account.id, "all").returncode == 0
    public.agent_comments("TEXT", words)
    assert [post["text"] for post in public.published()][2:] == [words]


def test_an_uncertain_post_of_a_worker_that_was_killed_is_looked_for_and_not_sent_again(mortal: Tree) -> None:
    public = comments_of(mortal, "xaa")
    mention = public.posts(f"@{screen_name(public)} where is it?")
    (comment,) = public.comments(1)
    lost = mortal.sandbox.fault(
        family="twitter",
        method="POST",
        path="/2/tweets$",
        account_id=public.account.id,
        times=1,
        action="act_then_hang",
    )
    header = {"originalMessageId": comment["id"]}
    sent = public.agent_sends(header=header, body={"type": "COMMENT", "itemType": "TEXT", "markdownText": "On its way"})
    eventually(lambda: mortal.sandbox.hits(lost), what="the post at X")
    for _ in mortal.pids("worker"):
        mortal.kill("worker")
    assert public.await_report(sent["id"], 60)["status"] == "DELIVERED"
    assert [(post["in_reply_to_id"], post["text"]) for post in public.published()] == [(mention, "On its way")]
    timeline = f"/2/users/{public.account.id}/tweets"
    looks = mortal.sandbox.get("requests/recorded", path=timeline)["requests"]
    assert all(dict(look["query"])["since_id"] for look in looks)
    assert looks
    sends = mortal.sandbox.get("requests", family="twitter", path="/2/tweets")["requests"]
    assert len([send for send in sends if send["account_id"] == public.account.id and send["method"] == "POST"]) == 1
