"""Public posts: events, timelines, publishing and its refusals, likes, hiding, media, and comments at CCM."""

from typing import Any

import pytest
import requests
from fake_connector import FakeConnector
from sample_files import MP4, png
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, V2_ACCOUNT, V2_PAIR, Sandbox, until
from x_openapi import answer_complaint, complaints

pytestmark = pytest.mark.integration

MENTION = "@northwind my order is late & https://example.com/a?b=1"
FIELDS = {
    "post.fields": "created_at,conversation_id,entities,note_post,display_text_range,attachments",
    "expansions": "author_id,referenced_posts,edit_history_post_ids,in_reply_to_user_id,attachments.media_keys",
}


def mention(sandbox: Sandbox, text: str = MENTION, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = sandbox.post("customer/posts", customer_id=CUSTOMER, text=text, **more)
    return made


def reply(sandbox: Sandbox, text: str, to: str, account_id: str = V2_ACCOUNT, **more: Any) -> requests.Response:
    body = {"text": text, "reply": {"in_reply_to_tweet_id": to}, **more}
    return sandbox.as_user("POST", "/2/tweets", account_id, json=body)


def mentions(sandbox: Sandbox, **query: Any) -> Any:
    answer = sandbox.as_user("GET", f"/2/users/{V2_ACCOUNT}/mentions", params={"max_results": 100, **query})
    assert answer_complaint("GET", f"/2/users/{V2_ACCOUNT}/mentions", 200, answer.content) == ""
    return answer.json()


def test_a_mention_is_an_event_of_its_own_kind(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.mention.create", "dm.received")
    made = mention(sandbox)
    until(lambda: connector.events)
    (event,) = connector.envelopes()
    data = event["data"]
    assert (data["event_type"], data["event_uuid"]) == ("post.mention.create", made["id"])
    assert data["filter"] == {"user_id": V2_ACCOUNT}
    payload = data["payload"]
    assert payload["text"].startswith("@northwind my order is late &amp; https://t.co/")
    assert payload["entities"]["urls"][0]["expanded_url"] == "https://example.com/a?b=1"
    assert payload["entities"]["mentions"][0] == {
        "start": 0,
        "start_str": "0",
        "end": 10,
        "end_str": "10",
        "username": "northwind",
        "id": V2_ACCOUNT,
    }
    assert (payload["author_id"], payload["conversation_id"]) == (CUSTOMER, made["id"])
    assert payload["edit_history_tweet_ids"] == [made["id"]]
    assert [user["username"] for user in data["includes"]["users"]] == ["ada", "northwind"]
    assert data["includes"]["tweets"][0]["id"] == made["id"]
    assert sandbox.get("webhook-deliveries", event_id=made["id"], wait=5)["deliveries"][0]["status"] == "delivered"


def test_only_a_reply_to_the_first_post_is_a_reply_event(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.reply.create")
    root = sandbox.post("account/posts", account_id=V2_ACCOUNT, text="News")
    first = mention(sandbox, "Nice", in_reply_to=root["id"])
    second = mention(sandbox, "Indeed", in_reply_to=first["id"])
    until(lambda: connector.events)
    sandbox.get("webhook-deliveries", event_id=second["id"])
    assert [event["data"]["payload"]["id"] for event in connector.envelopes()] == [first["id"]]
    assert connector.envelopes()[0]["data"]["payload"]["text"] == "@northwind Nice"
    assert first["conversation_id"] == second["conversation_id"] == root["id"]


def test_a_repost_is_no_mention_and_a_quote_may_be_one(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.mention.create")
    root = sandbox.post("account/posts", account_id=V2_ACCOUNT, text="News")
    mention(sandbox, "", repost=root["id"])
    quote = mention(sandbox, "@northwind really?", quote=root["id"])
    until(lambda: connector.events)
    (event,) = connector.envelopes()
    assert event["data"]["payload"]["id"] == quote["id"]
    assert event["data"]["payload"]["referenced_tweets"] == [{"type": "quoted", "id": root["id"]}]
    assert [post["id"] for post in mentions(sandbox)["data"]] == [quote["id"]]


def test_an_edited_post_has_a_new_id_and_its_history(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.mention.create", "post.delete")
    first = mention(sandbox, "@northwind helo")
    second = sandbox.post("posts/edit", post_id=first["id"], text="@northwind hello")
    until(lambda: len(connector.events) == 2)
    payload = connector.envelopes()[1]["data"]["payload"]
    assert payload["edit_history_tweet_ids"] == [first["id"], second["id"]]
    assert payload["conversation_id"] == first["id"]
    (shown,) = mentions(sandbox, **FIELDS)["data"]
    assert (shown["id"], shown["edit_history_post_ids"]) == (second["id"], [first["id"], second["id"]])
    sandbox.post("posts/delete", post_id=second["id"])
    until(lambda: len(connector.events) == 3)
    assert connector.envelopes()[2]["data"]["payload"] == {"id": second["id"], "author_id": CUSTOMER}
    assert "data" not in mentions(sandbox)


def test_mentions_are_paged_and_read_since_an_id(sandbox: Sandbox) -> None:
    ids = [mention(sandbox, f"@northwind {number}")["id"] for number in range(7)]
    page = mentions(sandbox, max_results=5)
    assert [post["id"] for post in page["data"]] == ids[:1:-1]
    assert (page["meta"]["newest_id"], page["meta"]["oldest_id"], page["meta"]["result_count"]) == (ids[6], ids[2], 5)
    rest = mentions(sandbox, max_results=5, pagination_token=page["meta"]["next_token"])
    assert [post["id"] for post in rest["data"]] == [ids[1], ids[0]]
    assert [post["id"] for post in mentions(sandbox, since_id=ids[4])["data"]] == [ids[6], ids[5]]
    assert mentions(sandbox, since_id=ids[6]) == {"meta": {"result_count": 0}}
    usage = sandbox.get("usage", account_id=V2_ACCOUNT)
    assert usage["post_owned_read"] == 7


def test_a_reply_stands_under_the_post_it_answers(sandbox: Sandbox) -> None:
    asked = mention(sandbox)
    answer = reply(sandbox, "On its way & soon https://example.com/track", asked["id"])
    assert answer.status_code == 201
    assert answer_complaint("POST", "/2/tweets", 201, answer.content) == ""
    assert answer.headers["x-rate-limit-limit"] == "100"
    assert answer.headers["x-app-limit-24hour-limit"] == "10000"
    made = answer.json()["data"]
    assert made["text"].startswith("@ada On its way &amp; soon https://t.co/")
    timeline = sandbox.as_user("GET", f"/2/users/{V2_ACCOUNT}/tweets", params={"since_id": asked["id"], **FIELDS})
    (shown,) = timeline.json()["data"]
    assert (shown["id"], shown["text"], shown["display_text_range"][0]) == (made["id"], made["text"], 5)
    assert shown["referenced_posts"] == [{"type": "replied_to", "id": asked["id"]}]
    assert (shown["conversation_id"], shown["in_reply_to_user_id"]) == (asked["id"], CUSTOMER)
    assert timeline.json()["includes"]["posts"][0]["id"] == asked["id"]
    assert sandbox.get("usage", account_id=V2_ACCOUNT)["post_sent_link"] == 1


def test_what_x_refuses_to_publish(sandbox: Sandbox) -> None:
    asked, other = mention(sandbox), mention(sandbox, "Nobody is named here")
    refused = {
        "too long": reply(sandbox, "の" * 141, asked["id"]),
        "have not been mentioned": reply(sandbox, "Hello", other["id"]),
        "deleted or not visible": reply(sandbox, "Hello", "12345"),
    }
    assert reply(sandbox, "の" * 140, asked["id"]).status_code == 201
    refused["duplicate content"] = reply(sandbox, "の" * 140, asked["id"])
    for words, answer in refused.items():
        assert (answer.status_code, answer.json()["type"]) == (403, "about:blank"), words
        assert words in answer.json()["detail"]
    for body in ({}, {"text": ""}, {"text": "x", "colour": "red"}, {"text": "x", "media": {"media_ids": ["1"]}}):
        assert sandbox.as_user("POST", "/2/tweets", json=body).status_code == 400
    sandbox.post("settings", summoned_only=False)
    assert reply(sandbox, "Hello", other["id"]).status_code == 201
    sandbox.post("account/long-posts", account_id=V2_ACCOUNT)
    assert reply(sandbox, "long " * 200, asked["id"]).status_code == 201


def test_an_account_of_api_v1_may_answer_anybody(sandbox: Sandbox) -> None:
    other = mention(sandbox, "Nobody is named here")
    assert reply(sandbox, "Hello", other["id"], ACCOUNT).status_code == 201


def test_a_lost_answer_leaves_the_post_in_the_timeline(sandbox: Sandbox) -> None:
    asked = mention(sandbox)
    sandbox.post("faults", family="twitter", path="/2/tweets$", method="POST", action="act_then_reset", times=1)
    with pytest.raises(requests.ConnectionError):
        reply(sandbox, "Once", asked["id"])
    sandbox.post("settings", timeline_lag=60.0)
    where = f"/2/users/{V2_ACCOUNT}/tweets"
    assert sandbox.as_user("GET", where).json()["meta"]["result_count"] == 0
    sandbox.post("settings", timeline_lag=0.0)
    assert [post["text"] for post in sandbox.as_user("GET", where).json()["data"]] == ["@ada Once"]


def test_only_an_own_post_can_be_deleted(sandbox: Sandbox) -> None:
    asked = mention(sandbox)
    mine = reply(sandbox, "Sorry", asked["id"]).json()["data"]["id"]
    assert sandbox.as_user("DELETE", f"/2/tweets/{asked['id']}").status_code == 403
    answer = sandbox.as_user("DELETE", f"/2/tweets/{mine}")
    assert answer.json() == {"data": {"deleted": True}}
    assert sandbox.as_user("DELETE", f"/2/tweets/{mine}").status_code == 404
    gone = sandbox.as_user("GET", f"/2/tweets/{mine}").json()
    assert "data" not in gone
    assert gone["errors"][0]["resource_id"] == mine
    shown = sandbox.as_user("GET", f"/2/tweets/{asked['id']}", params=FIELDS)
    assert shown.json()["data"]["author_id"] == CUSTOMER
    assert answer_complaint("GET", f"/2/tweets/{asked['id']}", 200, shown.content) == ""


def test_a_reply_under_an_own_post_can_be_hidden(sandbox: Sandbox) -> None:
    root = sandbox.post("account/posts", account_id=V2_ACCOUNT, text="News")
    below, elsewhere = mention(sandbox, "Bah", in_reply_to=root["id"]), mention(sandbox)
    answer = sandbox.as_user("PUT", f"/2/tweets/{below['id']}/hidden", json={"hidden": True})
    assert answer.json() == {"data": {"hidden": True}}
    assert answer_complaint("PUT", f"/2/tweets/{below['id']}/hidden", 200, answer.content) == ""
    assert sandbox.as_user("PUT", f"/2/tweets/{elsewhere['id']}/hidden", json={"hidden": True}).status_code == 403
    hidden = {post["id"]: post["hidden"] for post in sandbox.get("posts")["posts"]}
    assert hidden == {root["id"]: False, below["id"]: True, elsewhere["id"]: False}


def test_a_like_is_given_and_taken_back(sandbox: Sandbox) -> None:
    asked = mention(sandbox)
    likes = f"/2/users/{V2_ACCOUNT}/likes"
    given = sandbox.as_user("POST", likes, json={"tweet_id": asked["id"]})
    assert given.json() == {"data": {"liked": True}}
    assert answer_complaint("POST", likes, 200, given.content) == ""
    assert sandbox.get("posts")["posts"][0]["liked_by"] == [V2_ACCOUNT]
    assert sandbox.as_user("DELETE", f"{likes}/{asked['id']}").json() == {"data": {"liked": False}}
    assert sandbox.get("posts")["posts"][0]["liked_by"] == []
    sandbox.post("faults", family="twitter", path="/likes", problem="not-in-plan")
    assert sandbox.as_user("POST", likes, json={"tweet_id": asked["id"]}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/2/tweets", "tweet.write"),
        ("PUT", "/2/tweets/{id}/hidden", "tweet.moderate.write"),
        ("POST", f"/2/users/{V2_ACCOUNT}/likes", "like.write"),
    ],
)
def test_posts_need_scopes_of_their_own(sandbox: Sandbox, method: str, path: str, scope: str) -> None:
    asked = mention(sandbox)
    body = {"POST /2/tweets": {"text": "Hi"}}.get(f"{method} {path}", {"tweet_id": asked["id"]})
    path = path.format(id=asked["id"])
    token = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
    assert sandbox.with_token(method, path, token, json=body).status_code == 403
    more = sandbox.grant(scopes=["tweet.read", "users.read", scope])["OAUTH2-ACCESS-TOKEN"]
    allowed = sandbox.with_token(method, path, more, json={"hidden": True} if method == "PUT" else body)
    # Only the conversation's owner may hide: another 403, with another sentence.
    assert allowed.status_code in {200, 201} or "you started" in allowed.json()["detail"]


def test_pictures_and_a_video_go_out_with_alt_text(sandbox: Sandbox) -> None:
    def uploaded(category: str, mime: str, content: bytes) -> str:
        body = {"media_type": mime, "total_bytes": len(content), "media_category": category}
        made: str = sandbox.as_user("POST", "/2/media/upload/initialize", json=body).json()["data"]["id"]
        part = {"media": ("part", content, "application/octet-stream")}
        sandbox.as_user("POST", f"/2/media/upload/{made}/append", data={"segment_index": 0}, files=part)
        sandbox.as_user("POST", f"/2/media/upload/{made}/finalize")
        return made

    sandbox.post("settings", processing_seconds=0.0)
    asked = mention(sandbox)
    pictures = [uploaded("tweet_image", "image/png", png()) for _ in range(2)]
    alt = sandbox.as_user(
        "POST", "/2/media/metadata", json={"id": pictures[0], "metadata": {"alt_text": {"text": "A map"}}}
    )
    assert answer_complaint("POST", "/2/media/metadata", 200, alt.content) == ""
    made = reply(sandbox, "Look", asked["id"], media={"media_ids": pictures})
    assert made.status_code == 201
    shown = sandbox.as_user(
        "GET", f"/2/tweets/{made.json()['data']['id']}", params={**FIELDS, "media.fields": "url,alt_text"}
    ).json()
    assert [media["type"] for media in shown["includes"]["media"]] == ["photo", "photo"]
    assert shown["includes"]["media"][0]["alt_text"] == "A map"
    assert sandbox.http.get(shown["includes"]["media"][0]["url"], timeout=5).content == png()
    film, for_dm = uploaded("tweet_video", "video/mp4", MP4), uploaded("dm_image", "image/png", png())
    assert reply(sandbox, "Film", asked["id"], media={"media_ids": [film]}).status_code == 201
    assert reply(sandbox, "Both", asked["id"], media={"media_ids": [film, pictures[0]]}).status_code == 400
    assert reply(sandbox, "Wrong", asked["id"], media={"media_ids": [for_dm]}).status_code == 400
    assert complaints(sandbox.get("requests/recorded")["requests"]) == []


def test_a_customers_picture_can_be_fetched(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.mention.create")
    files = [("media_file", (f"{number}.png", png(), "image/png")) for number in range(2)]
    form = {"customer_id": CUSTOMER, "text": "@northwind broken", "alt_text": "A cracked cup"}
    sandbox.http.post(f"{sandbox.url}/_sandbox/customer/posts", data=form, files=files, timeout=10).raise_for_status()
    until(lambda: connector.events)
    data = connector.envelopes()[0]["data"]
    media = data["includes"]["media"]
    assert data["payload"]["attachments"]["media_keys"] == [each["media_key"] for each in media]
    assert media[1]["alt_text"] == "A cracked cup"
    assert sandbox.http.get(media[0]["url"], timeout=5).content == png()
    start, end = data["payload"]["display_text_range"]
    assert data["payload"]["text"][start:end] == "@northwind broken"


def test_api_v1_delivers_posts_and_deletions(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    long = "@acme " + "late & " * 40
    made = mention(sandbox, long.strip())
    below = mention(sandbox, "me too", in_reply_to=made["id"])
    edited = sandbox.post("posts/edit", post_id=made["id"], text="@acme late")
    sandbox.post("posts/delete", post_id=edited["id"])
    until(lambda: len(connector.events) == 4)
    first, second, third, last = connector.envelopes()
    (tweet,) = first["tweet_create_events"]
    assert (first["for_user_id"], first["user_has_blocked"]) == (ACCOUNT, False)
    assert (tweet["id_str"], tweet["user"]["screen_name"], tweet["truncated"]) == (made["id"], "ada", True)
    assert tweet["extended_tweet"]["full_text"].count("late &amp;") == 40
    assert tweet["in_reply_to_user_id_str"] == ACCOUNT
    assert second["tweet_create_events"][0]["in_reply_to_status_id_str"] == made["id"]
    assert second["tweet_create_events"][0]["text"] == "@acme me too"
    assert third["tweet_create_events"][0]["edit_history"]["edit_tweet_ids"] == [made["id"], edited["id"]]
    assert last["tweet_delete_events"][0]["status"] == {"id": edited["id"], "user_id": CUSTOMER}
    assert below["conversation_id"] == made["id"]


def test_the_stream_and_account_activity_v2_have_posts(sandbox: Sandbox, connector: FakeConnector) -> None:
    webhook_id = sandbox.subscribe(connector)
    path = f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all"
    assert sandbox.as_user("POST", path, json={}).status_code == 200
    made = mention(sandbox)
    until(lambda: connector.events)
    assert connector.envelopes()[0]["tweet_create_events"][0]["id_str"] == made["id"]
    body = {"event_type": "post.mention.create", "filter": {"user_id": V2_ACCOUNT}}
    assert sandbox.as_user("POST", "/2/activity/subscriptions", json=body).status_code == 200
    headers = {"Authorization": f"Bearer {sandbox.bearer(V2_ACCOUNT)}"}
    with sandbox.http.get(f"{sandbox.url}/2/activity/stream", headers=headers, stream=True, timeout=10) as stream:
        other = mention(sandbox, "@northwind on the stream")
        line = next(line for line in stream.iter_lines() if line.strip())
    assert other["id"].encode() in line
    # The webhook gets it too; the next test must not.
    until(lambda: len(connector.events) == 2)


def test_an_event_comes_as_often_as_asked(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.subscribe(connector, "post.mention.create")
    made = mention(sandbox, "@northwind twice", repeat_delivery=2)
    mention(sandbox, "@northwind never", deliver=False)
    last = mention(sandbox, "@northwind once")
    until(lambda: len(connector.events) == 3)
    assert [event["data"]["payload"]["id"] for event in connector.envelopes()] == [made["id"], made["id"], last["id"]]


def comment(**body: Any) -> dict[str, Any]:
    data = {"channelCustomerIdentifier": CUSTOMER, "serviceIdentifier": ACCOUNT}
    return {
        "id": "1",
        "header": {"sender": {"id": "c", "type": "CONNECTOR"}, "channelData": data},
        "body": {"type": "COMMENT", "markdownText": "", "postId": "1", "itemType": "TEXT", **body},
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 202),
        ({"itemType": "IMAGE", "attachment": {"mediaUrl": "http://x/?filename=a"}}, 202),
        ({"postId": ""}, 400),
        ({"itemType": "POLL"}, 400),
        ({"itemType": "VIDEO"}, 400),
    ],
)
def test_ccm_checks_comments(sandbox: Sandbox, body: dict[str, Any], status: int) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/ccm/message/receive", json=comment(**body), timeout=5)
    assert answer.status_code == status


def test_a_comment_of_the_desk_is_marked_as_public(sandbox: Sandbox, connector: FakeConnector) -> None:
    body = {"type": "COMMENT", "markdownText": "Sorry", "postId": "1", "itemType": "TEXT"}
    sandbox.post("agent/messages", **PAIR, body=body, header={"originalMessageId": "abc"})
    sandbox.post("agent/messages", **PAIR, text="plain", message_type="SM")
    sandbox.post("agent/messages", **PAIR, text="direct")
    marked = {"key": "MESSAGE_TYPE", "type": "String100", "value": "SM"}
    attributes = [message["header"]["channelData"]["additionalAttributes"] for message in connector.messages]
    assert attributes == [[marked], [marked], []]
    assert connector.messages[0]["header"]["originalMessageId"] == "abc"


def test_a_reset_forgets_posts(sandbox: Sandbox) -> None:
    mention(sandbox)
    assert len(sandbox.get("posts", account_id=V2_PAIR["account_id"])["posts"]) == 1
    sandbox.post("reset")
    assert sandbox.get("posts")["posts"] == []
