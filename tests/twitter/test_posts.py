"""Public posts over API v2: what each call sends, what each answer is taken for, and how X's posts are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import responses

from tests.x_openapi import complaints
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.plan import SendPost
from twitter_connector.model.post import MENTIONS, POST, REPLIES, PostDeleted, PostReceived
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.account_activity import load
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.posts import AccountPosts
from twitter_connector.twitter.v2.webhook_body import raw_events

API = "https://api.x.com"
BRAND, ADA = "222222222", "111111111"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ACCOUNT = Account(BRAND, Credentials("app key", "app secret", f"{BRAND}-token", "token secret"), "", flavour=V2)
SAMPLES = Path(__file__).parents[1] / "payloads" / "x-v2"


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def used() -> list[tuple[str, list[str]]]:
    return []


@pytest.fixture
def x(used: list[tuple[str, list[str]]]) -> AccountPosts:
    return posts_of(ACCOUNT, used)


def posts_of(account: Account, used: list[tuple[str, list[str]]] | None = None) -> AccountPosts:
    noted = [] if used is None else used
    return AccountPosts(
        TwitterHttp(HttpClient(), lambda: NOW),
        API,
        account,
        lambda *position: None,
        lambda account_id, kind, ids: noted.append((kind, list(ids))),
    )


def not_in_the_document(http: responses.RequestsMock) -> list[str]:
    """Return what of the requests is not as X's OpenAPI document has it."""
    records = []
    for call in http.calls:
        url, body = urlsplit(str(call.request.url)), call.request.body
        record = {"method": call.request.method, "path": url.path, "query": parse_qsl(url.query), "auth": "oauth"}
        records.append(
            {**record, "body": json.loads(body) if body else None, "form": None, "content_type": "application/json"}
        )
    return complaints(records)


def refusal(detail: str, type_: str = "about:blank", **more: Any) -> dict[str, Any]:
    return {"detail": detail, "status": 403, "title": "Forbidden", "type": type_, **more}


def post(post_id: str, **more: Any) -> dict[str, Any]:
    """Return a post as a look-up shows it."""
    mentions = {"mentions": [{"start": 0, "end": 5, "username": "acme", "id": BRAND}]}
    known = {"id": post_id, "text": "@acme hi", "author_id": ADA, "conversation_id": post_id, "entities": mentions}
    return {**known, "created_at": "2026-11-27T11:59:00.000Z", **more}


class TestSending:
    def test_an_answer_with_a_file_has_the_form_of_the_openapi_document(
        self, http: responses.RequestsMock, x: AccountPosts
    ) -> None:
        http.post(f"{API}/2/tweets", status=201, json=json.loads((SAMPLES / "post_create_201.json").read_text()))
        assert x.send(SendPost("Hello 😀", in_reply_to="7", media_id="5")) == "1900000000000000002"
        sent = json.loads(http.calls[0].request.body or b"")
        assert sent == {"text": "Hello 😀", "reply": {"in_reply_to_tweet_id": "7"}, "media": {"media_ids": ["5"]}}
        assert not_in_the_document(http) == []

    def test_an_answer_without_an_id_may_have_been_published(
        self, http: responses.RequestsMock, x: AccountPosts
    ) -> None:
        http.post(f"{API}/2/tweets", status=201, json={})
        with pytest.raises(OutcomeUnknown):
            x.send(SendPost("Hello"))

    @pytest.mark.parametrize(
        "body",
        [
            {"data": "x"},
            {"data": 7, "meta": {}},
            {"errors": [{"title": "Forbidden"}]},
            {"errors": [{"title": "Forbidden"}], "meta": {"result_count": 0}},
            {"title": "Unauthorized", "status": 401},
        ],
    )
    def test_an_odd_timeline_is_no_proof_that_nothing_was_published(
        self, http: responses.RequestsMock, x: AccountPosts, body: Any
    ) -> None:
        http.get(f"{API}/2/users/{BRAND}/tweets", json=body)
        with pytest.raises(ServiceUnavailable):
            x.sent_since(NOW)

    def test_an_error_about_a_post_beside_the_timeline_hinders_nothing(
        self, http: responses.RequestsMock, x: AccountPosts
    ) -> None:
        gone = {"title": "Not Found Error", "resource_type": "tweet", "parameter": "referenced_tweets.id"}
        http.get(f"{API}/2/users/{BRAND}/tweets", json={"data": [{"id": "1", "text": "a"}], "errors": [gone]})
        assert [post.id for post in x.sent_since(NOW)] == ["1"]

    @pytest.mark.parametrize("body", ["<html>Sign in</html>", '{"errors":[{"title":"Forbidden"}]}'])
    def test_an_act_that_x_does_not_confirm_is_tried_again(
        self, http: responses.RequestsMock, x: AccountPosts, body: str
    ) -> None:
        http.put(f"{API}/2/tweets/7/hidden", body=body)
        http.delete(f"{API}/2/tweets/7", body=body)
        http.post(f"{API}/2/users/{BRAND}/likes", body=body)
        for act in (x.hide, x.delete, x.like):
            with pytest.raises(ServiceUnavailable):
                act("7")

    def test_other_acts(self, http: responses.RequestsMock, x: AccountPosts, used: list[Any]) -> None:
        http.post(f"{API}/2/users/{BRAND}/likes", json={"data": {"liked": True}})
        http.delete(f"{API}/2/users/{BRAND}/likes/7", json={"data": {"liked": False}})
        http.put(f"{API}/2/tweets/7/hidden", json={"data": {"hidden": True}})
        http.delete(f"{API}/2/tweets/7", json={"data": {"deleted": True}})
        http.delete(f"{API}/2/tweets/8", status=404, json=refusal("not found"))
        http.post(f"{API}/2/media/metadata", json={"data": {"id": "5"}})
        x.like("7")
        x.unlike("7")
        x.hide("7")
        x.delete("7")
        x.delete("8")
        x.describe("5", "A bicycle")
        bodies = [json.loads(call.request.body) for call in http.calls if call.request.body]
        assert bodies == [
            {"tweet_id": "7"},
            {"hidden": True},
            {"id": "5", "metadata": {"alt_text": {"text": "A bicycle"}}},
        ]
        assert used == [("media", ["5"])]
        assert not_in_the_document(http) == []


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "says"),
    [
        (refusal("You are not allowed to create a Tweet with duplicate content."), Permanent, "duplicate_post", "same"),
        (
            refusal("Reply to this conversation is not allowed because you have not been mentioned by the author."),
            Permanent,
            "post_refused",
            "you have not been mentioned by the author",
        ),
        (
            refusal("This app cannot do that.", "https://api.x.com/2/problems/oauth1-permissions"),
            CredentialsRejected,
            "dm_permission_missing",
            "",
        ),
        (
            refusal("Enrol.", "https://api.x.com/2/problems/client-forbidden", reason="user-not-enrolled"),
            CredentialsRejected,
            "user_not_enrolled",
            "",
        ),
        ({"errors": [{"code": 453, "message": "limited"}]}, Permanent, "not_in_plan", "plan"),
    ],
)
def test_a_refused_post_says_which_rule_it_is(
    http: responses.RequestsMock, x: AccountPosts, answer: Any, kind: type[ConnectorError], reason: str, says: str
) -> None:
    http.post(f"{API}/2/tweets", status=403, json=answer)
    with pytest.raises(kind) as caught:
        x.send(SendPost("Hello"))
    assert caught.value.reason == reason
    assert says in caught.value.detail
    assert caught.value.endpoint == Endpoint.POST
    if kind is CredentialsRejected:
        assert caught.value.scope is Scope.ENDPOINT


def test_a_like_that_the_plan_does_not_have_fails(http: responses.RequestsMock, x: AccountPosts) -> None:
    answer = refusal("Not enrolled.", "https://api.x.com/2/problems/client-forbidden", reason="client-not-enrolled")
    http.post(f"{API}/2/users/{BRAND}/likes", status=403, json=answer)
    with pytest.raises(Permanent) as caught:
        x.like("7")
    assert caught.value.reason == "not_in_plan"


@pytest.mark.parametrize(("status", "family"), [(401, CredentialsRejected), (403, Permanent)])
def test_an_account_of_api_v1_says_that_its_tokens_are_not_enough(
    http: responses.RequestsMock, status: int, family: type[ConnectorError]
) -> None:
    """A 401 may also mean a revoked token, so the retry policy asks X about the account before it gives up."""
    http.post(f"{API}/2/tweets", status=status, json=refusal("No.", "https://api.x.com/2/problems/client-forbidden"))
    with pytest.raises(family) as caught:
        posts_of(replace(ACCOUNT, flavour=V1)).send(SendPost("Hello"))
    assert (caught.value.reason, caught.value.status) == ("not_in_plan", status)
    assert "ENVIRONMENT-NAME" in caught.value.detail


@pytest.mark.parametrize("flavour", [V1, V2])
@pytest.mark.parametrize(("code", "reason"), [(64, "account_suspended"), (326, "account_locked")])
def test_a_post_of_a_locked_account_says_so(http: responses.RequestsMock, flavour: str, code: int, reason: str) -> None:
    http.post(f"{API}/2/tweets", status=403, json={"errors": [{"code": code, "message": "No."}]})
    with pytest.raises(CredentialsRejected) as caught:
        posts_of(replace(ACCOUNT, flavour=flavour)).send(SendPost("Hello"))
    assert caught.value.reason == reason


@pytest.mark.parametrize(("scopes", "named"), [("", True), ("tweet.write", False)])
def test_a_refusal_names_the_scopes_where_nobody_knows_those_of_the_token(
    http: responses.RequestsMock, scopes: str, named: bool
) -> None:
    http.post(f"{API}/2/tweets", status=403, json=refusal("You are not permitted to perform this action."))
    only_oauth2 = replace(ACCOUNT.credentials, access_token="", access_token_secret="", oauth2_access_token="token")
    settings = {"oauth2_scopes": scopes} if scopes else {}
    with pytest.raises(Permanent) as caught:
        posts_of(replace(ACCOUNT, credentials=only_oauth2, settings=settings)).send(SendPost("Hello"))
    assert caught.value.reason == "post_refused"
    assert (f"twitter-connector authorize --posts {BRAND}" in caught.value.detail) is named


def test_a_limit_of_posts_is_that_of_one_endpoint(http: responses.RequestsMock, x: AccountPosts) -> None:
    http.post(f"{API}/2/tweets", status=429, json={"title": "Too Many Requests", "status": 429})
    with pytest.raises(RateLimited) as caught:
        x.send(SendPost("Hello"))
    assert (caught.value.scope, caught.value.endpoint) == (Scope.ENDPOINT, Endpoint.POST)


class TestLookups:
    def test_mentions_are_read_from_an_id_on_page_by_page(
        self, http: responses.RequestsMock, x: AccountPosts, used: list[Any]
    ) -> None:
        users = {"users": [{"id": ADA, "name": "Ada Lovelace", "username": "ada"}]}
        reply = {"in_reply_to_user_id": BRAND, "referenced_posts": [{"type": "replied_to", "id": "5"}]}
        first = {"data": [post("9", **reply)], "includes": users, "meta": {"result_count": 1, "next_token": "t"}}
        http.get(f"{API}/2/users/{BRAND}/mentions", json=first)
        http.get(f"{API}/2/users/{BRAND}/mentions", json={"data": [post("8")], "includes": users, "meta": {}})
        newer, older = x.mentions("3")
        assert [(event.id, event.addressed) for event in (newer, older)] == [
            ("9", (MENTIONS, REPLIES)),
            ("8", (MENTIONS,)),
        ]
        queries = [parse_qs(urlsplit(str(call.request.url)).query) for call in http.calls]
        assert [query["since_id"] for query in queries] == [["3"], ["3"]]
        assert queries[1]["pagination_token"] == ["t"]
        assert used == [("post_read", ["9"]), ("post_read", ["8"])]
        assert not_in_the_document(http) == []

    def test_own_posts_are_read_from_a_moment_on(self, http: responses.RequestsMock, x: AccountPosts) -> None:
        reply = {"referenced_posts": [{"type": "replied_to", "id": "5"}], "author_id": BRAND}
        http.get(f"{API}/2/users/{BRAND}/tweets", json={"data": [post("9", **reply)]})
        (own,) = x.sent_since(NOW)
        assert (own.id, own.in_reply_to, own.text) == ("9", "5", "@acme hi")
        query = parse_qs(urlsplit(str(http.calls[0].request.url)).query)
        assert query["since_id"] == [first_id_at(int(NOW.timestamp() * 1000))]


@pytest.mark.parametrize(
    ("user", "long"),
    [
        ({"subscription_type": "None", "verified_type": "none"}, False),
        ({}, False),
        ({"subscription_type": "Premium"}, True),
        ({"verified_type": "business"}, True),
    ],
)
def test_long_posts_are_for_accounts_with_a_subscription(
    http: responses.RequestsMock, x: AccountPosts, user: dict[str, str], long: bool
) -> None:
    http.get(f"{API}/2/users/me", json={"data": {"id": BRAND, **user}})
    assert x.may_be_long() is long
    assert not_in_the_document(http) == []


def activity(event_type: str, payload: Mapping[str, Any], **includes: Any) -> dict[str, Any]:
    data = {"filter": {"user_id": BRAND}, "event_type": event_type, "payload": payload, "includes": includes}
    return {"data": data}


class TestEvents:
    def test_the_sample_of_a_mention(self) -> None:
        (event,) = raw_events(json.loads((SAMPLES / "xaa_post_mention_create.json").read_text()), "")
        assert (event.addressed, event.customer_id) == ((MENTIONS,), "2222222222222222222")
        read = load(json.loads(json.dumps(event.envelope)))
        assert isinstance(read, PostReceived)
        assert read.thread_id == "2080765813578191303"
        assert (read.text, read.sender.name, read.earlier_versions) == ("hey @ExampleUser", "OtherUser", ())

    def test_a_long_post_with_a_picture_and_an_edit_is_read_whole(self) -> None:
        urls = [
            {"url": "https://t.co/l", "expanded_url": "https://example.com/"},
            {"url": "https://t.co/p", "expanded_url": "https://x.com/ada/status/9/photo/1", "media_key": "3_5"},
        ]
        note = {"text": "whole https://t.co/l https://t.co/p", "entities": {"urls": urls}}
        payload = post("9", note_tweet=note, edit_history_tweet_ids=["7", "9"], attachments={"media_keys": ["3_5"]})
        payload["referenced_tweets"] = [{"type": "replied_to", "id": "5"}]
        media = [{"media_key": "3_5", "type": "photo", "url": "https://pbs.twimg.com/media/a.jpg"}]
        (event,) = raw_events(activity("post.reply.create", payload, media=media), "")
        assert event.addressed == (REPLIES,)
        read = load(json.loads(json.dumps(event.envelope)))
        assert isinstance(read, PostReceived)
        assert (read.text, read.earlier_versions, read.parent_id) == (note["text"], ("7",), "5")
        assert [(m.id, m.kind, m.url, m.link) for m in read.media] == [
            ("5", "photo", "https://pbs.twimg.com/media/a.jpg", "https://t.co/p")
        ]
        assert [link.expanded for link in read.links] == ["https://example.com/"]

    def test_a_repost_is_only_counted(self) -> None:
        payload = post("9", referenced_tweets=[{"type": "retweeted", "id": "5"}])
        (event,) = raw_events(activity("post.mention.create", payload), "")
        assert (event.family, event.id, event.addressed) == (POST, "", ())

    def test_a_deletion(self) -> None:
        (event,) = raw_events(activity("post.delete", {"id": "9", "author_id": ADA}), "")
        read = load(event.envelope)
        assert isinstance(read, PostDeleted)
        assert (read.event_id, read.customer_id, read.account_id, read.created_at) == ("9", ADA, BRAND, None)

    @pytest.mark.parametrize("payload", [{}, {"id": "9"}, {"author_id": ADA}, {"id": 1.5, "author_id": None}])
    def test_a_post_without_its_ids_is_only_counted(self, payload: dict[str, Any]) -> None:
        (event,) = raw_events(activity("post.mention.create", payload), "")
        assert (event.family, event.id) == (POST, "")
