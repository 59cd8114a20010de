"""Public posts in both directions: once, in order, beside the Direct Messages, and only where they are chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, account, failing
from tests.fakes import FakeAccounts
from twitter_connector.delivery.ports import ANSWERED_WITHIN
from twitter_connector.delivery.post_step import PostStep
from twitter_connector.delivery.public_answers import COMMENT_LOOK, KNOWN_WITHIN
from twitter_connector.errors import CredentialsRejected, OutcomeUnknown, Permanent, RateLimited, Retryable, Scope
from twitter_connector.messages.post_length import weighted_length
from twitter_connector.messages.to_cim import message_id
from twitter_connector.model.capabilities import EVERYTHING
from twitter_connector.queue.personal_data import PersonalData

SAMPLES = Path(__file__).parents[1] / "payloads" / "activity"
ROOT = "1750800000000000001"
MARKED = [{"key": "MESSAGE_TYPE", "type": "String100", "value": "SM"}]


@pytest.fixture
def desk(fakes: FakeDeliveries) -> FakeDeliveries:
    """A relay whose account takes in all posts."""
    fakes.accounts = FakeAccounts(account(ACME, posts="all"))
    fakes.inbound.account = fakes.outbound.account = fakes.accounts.get
    return fakes


def tweet(desk: FakeDeliveries, post_id: str, text: str = "@acme help", *, by: str = ADA, **more: Any) -> None:
    """A customer mentions the account in public, as API v1.1 says it."""
    written = {
        "id_str": post_id,
        "timestamp_ms": str(desk.clock.ms),
        "text": text,
        "user": {"id_str": by, "name": "Ada Lovelace", "screen_name": "ada"},
        "entities": {"user_mentions": [{"id_str": ACME, "screen_name": "acme"}], "urls": []},
        **more,
    }
    desk.receive({"for_user_id": ACME, "tweet_create_events": [written]})


def v2_event(desk: FakeDeliveries, event_type: str, payload: Mapping[str, Any]) -> None:
    """X brings an event of API v2."""
    desk.receive({"data": {"event_type": event_type, "filter": {"user_id": ACME}, "payload": payload}})


def v2_mention(desk: FakeDeliveries, post_id: str, *, thread: str = ROOT, by: str = ADA) -> None:
    """A customer mentions the account in public, as API v2 says it."""
    named = {"mentions": [{"id": ACME, "username": "acme"}]}
    post = {"id": post_id, "author_id": by, "conversation_id": thread, "text": f"@acme {post_id}", "entities": named}
    v2_event(desk, "post.mention.create", post)


def comments(desk: FakeDeliveries) -> list[Mapping[str, Any]]:
    return [message for message in desk.cim.received if message["body"]["type"] == "COMMENT"]


def agent(desk: FakeDeliveries, cim_id: str, item: str = "TEXT", text: str = "Thank you!", **more: Any) -> None:
    """An agent acts on a comment."""
    body = {"type": "COMMENT", "postId": ROOT, "itemType": item, "markdownText": text, **more.pop("body", {})}
    desk.send(cim_id, text, body=body, **more)


def plain(desk: FakeDeliveries, cim_id: str, text: str, **body: Any) -> None:
    """An agent writes an ordinary message in a conversation by comments."""
    channel = {"channelCustomerIdentifier": ADA, "serviceIdentifier": ACME, "additionalAttributes": MARKED}
    desk.send(cim_id, text, channelData=channel, body=body)


def failure(desk: FakeDeliveries) -> tuple[str, str]:
    """Return reason and sentence of the one dead letter."""
    (letter,) = desk.dead_lettered()
    return letter.reason, letter.detail


class TestIn:
    def test_a_mention_becomes_a_comment_of_a_conversation_of_its_own(self, desk: FakeDeliveries) -> None:
        links = {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.com/a?b&c"}]}
        mentions = {"user_mentions": [{"id_str": ACME}]}
        tweet(desk, ROOT, "@acme late &amp; cold https://t.co/a", entities={**links, **mentions})
        desk.serve()
        (comment,) = comments(desk)
        assert comment["body"] == {
            "type": "COMMENT",
            "markdownText": "@acme late & cold https://example.com/a?b&c",
            "postId": ROOT,
            "itemType": "TEXT",
            "attachment": None,
        }
        header = comment["header"]
        assert header["channelData"]["additionalAttributes"] == MARKED
        assert (header["providerMessageId"], header["intent"]) == (ROOT, None)
        assert header["channelData"]["customerFirstName"] == "Ada"
        assert comment["id"] == message_id(ACME, ROOT)
        assert desk.lanes.left_behind() == []

    def test_the_sample_of_x_becomes_a_comment(self, desk: FakeDeliveries) -> None:
        payload = json.loads((SAMPLES / "mention.in.json").read_text())
        desk.accounts = FakeAccounts(account("2975699229"))
        desk.receive(payload)
        assert desk.counted == [("tweet_create_events", "ignored")]
        desk.accounts = FakeAccounts(account("2975699229", posts="mentions"))
        desk.receive(payload)
        desk.serve()
        assert [c["body"]["markdownText"] for c in comments(desk)] == [
            "@ScruffyMcG This is a test of Twitter API webhooks."
        ]

    @pytest.mark.parametrize(
        ("mode", "taken"), [("off", []), ("mentions", ["1", "3"]), ("replies", ["2", "3"]), ("all", ["1", "2", "3"])]
    )
    def test_an_account_takes_in_what_it_chose(self, fakes: FakeDeliveries, mode: str, taken: list[str]) -> None:
        fakes.accounts = FakeAccounts(account(ACME, posts=mode))
        answer = {"in_reply_to_status_id_str": ROOT, "in_reply_to_user_id_str": ACME}
        tweet(fakes, "1")
        tweet(fakes, "2", entities={}, **answer)
        tweet(fakes, "3", **answer)
        tweet(fakes, "4", entities={}, quoted_status={"user": {"id_str": ACME}})
        fakes.serve(IN)
        assert [comment["header"]["providerMessageId"] for comment in comments(fakes)] == taken

    def test_what_the_brand_writes_and_reposts_is_no_comment(self, desk: FakeDeliveries) -> None:
        tweet(desk, "1", by=ACME)
        tweet(desk, "2", by=ACME, quoted_status={"user": {"id_str": ACME}})
        tweet(desk, "3", by=ADA, retweeted_status={"id_str": "1"})
        desk.serve()
        assert desk.cim.received == []

    def test_repeats_are_delivered_once_and_in_the_order_of_the_posts(self, desk: FakeDeliveries) -> None:
        for post_id in ("1750800000000000003", "1750800000000000001", "1750800000000000002", "1750800000000000001"):
            tweet(desk, post_id, post_id)
        desk.serve()
        assert [comment["body"]["markdownText"][-1] for comment in comments(desk)] == ["1", "2", "3"]

    def test_an_answer_in_a_thread_names_the_first_post_of_the_thread(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1")
        desk.serve()
        answered = desk.posts.published[0].id
        tweet(desk, "1950000000000000000", in_reply_to_status_id_str=answered, in_reply_to_user_id_str=ACME)
        desk.serve()
        assert [comment["body"]["postId"] for comment in comments(desk)] == [ROOT, ROOT]

    def test_pictures_follow_the_text_one_comment_each(self, desk: FakeDeliveries) -> None:
        media = [
            {"id_str": str(n), "type": "photo", "media_url_https": f"https://pbs.twimg.com/media/{n}.jpg", "url": "https://t.co/p"}
            for n in range(4)
        ]  # fmt: skip
        tweet(desk, ROOT, "@acme look https://t.co/p", extended_entities={"media": media})
        desk.serve()
        bodies = [comment["body"] for comment in comments(desk)]
        assert [(body["itemType"], body["markdownText"]) for body in bodies] == [
            ("TEXT", "@acme look"),
            *[("IMAGE", "")] * 4,
        ]
        assert {body["postId"] for body in bodies} == {ROOT}
        assert all(body["attachment"]["mimeType"] == "image/jpeg" for body in bodies[1:])

    def test_an_edited_post_updates_the_comment_that_cim_has(self, desk: FakeDeliveries) -> None:
        history = {"edit_tweet_ids": [ROOT, "1750800000000000009"]}
        tweet(desk, ROOT, "@acme hepl")
        desk.serve()
        tweet(desk, "1750800000000000009", "@acme help", edit_history=history)
        tweet(desk, "1750800000000000010", "@acme new", edit_history={"edit_tweet_ids": ["5", "1750800000000000010"]})
        desk.serve()
        _, edited, unknown = [comment["header"] for comment in comments(desk)]
        assert (edited["intent"], edited["originalMessageId"]) == ("UPDATE", message_id(ACME, ROOT))
        assert (unknown["intent"], unknown["originalMessageId"]) == (None, None)
        later = {"edit_tweet_ids": ["5", "1750800000000000010", "1750800000000000011"]}
        tweet(desk, "1750800000000000011", "@acme newer", edit_history=later)
        desk.serve()
        header = comments(desk)[-1]["header"]
        assert (header["intent"], header["originalMessageId"]) == ("UPDATE", message_id(ACME, "1750800000000000010"))

    def test_cim_hears_of_a_deleted_comment_and_of_no_other_deletion(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        gone = {"status": {"id": ROOT, "user_id": ADA}, "timestamp_ms": str(desk.clock.ms)}
        unknown = {"status": {"id": "7", "user_id": ADA}, "timestamp_ms": str(desk.clock.ms)}
        own = {"status": {"id": "8", "user_id": ACME}, "timestamp_ms": str(desk.clock.ms)}
        desk.receive({"for_user_id": ACME, "tweet_delete_events": [gone, unknown, own]})
        desk.serve()
        notices = desk.cim.received[1:]
        assert [(message["body"]["type"], message["body"]["messageId"]) for message in notices] == [
            ("DELETEDNOTIFICATION", message_id(ACME, ROOT))
        ]
        assert notices[0]["header"]["channelData"]["additionalAttributes"] == MARKED

    @pytest.mark.parametrize("by_v2", [False, True])
    def test_a_deletion_that_overtakes_its_comment_follows_it(self, desk: FakeDeliveries, by_v2: bool) -> None:
        if by_v2:
            v2_event(desk, "post.delete", {"id": ROOT, "author_id": ADA})
        else:
            gone = {"status": {"id": ROOT, "user_id": ADA}, "timestamp_ms": str(desk.clock.ms)}
            desk.receive({"for_user_id": ACME, "tweet_delete_events": [gone]})
        desk.serve()
        assert desk.cim.received == []
        v2_mention(desk, ROOT) if by_v2 else tweet(desk, ROOT)
        desk.serve()
        bodies = [message["body"] for message in desk.cim.received]
        assert [body["type"] for body in bodies] == ["COMMENT", "DELETEDNOTIFICATION"]
        assert bodies[1]["messageId"] == message_id(ACME, ROOT)
        assert bodies[1]["timestamp"] == desk.clock.ms
        item = desk.message_log.find(ROOT)
        assert item is not None
        assert item.kind == "COMMENT"

    def test_an_answer_to_an_edited_comment_stands_under_its_newest_version(self, desk: FakeDeliveries) -> None:
        newest = "1750800000000000009"
        tweet(desk, ROOT, "@acme hepl")
        tweet(desk, newest, "@acme help", edit_history={"edit_tweet_ids": [ROOT, newest]})
        desk.serve()
        agent(desk, "m-1", originalMessageId=message_id(ACME, ROOT))
        agent(desk, "m-2", "LIKE", "", originalMessageId=message_id(ACME, newest))
        desk.serve()
        assert [post.in_reply_to for post in desk.posts.published] == [newest]
        assert desk.posts.acts == [("like", newest)]

    def test_a_deletion_of_an_edited_post_deletes_the_comment_that_it_updated_too(self, desk: FakeDeliveries) -> None:
        newest = "1750800000000000009"
        tweet(desk, ROOT, "@acme hepl")
        tweet(desk, newest, "@acme help", edit_history={"edit_tweet_ids": [ROOT, newest]})
        v2_event(desk, "post.delete", {"id": newest, "author_id": ADA})
        desk.serve()
        bodies = [message["body"] for message in desk.cim.received]
        assert [body["type"] for body in bodies] == ["COMMENT", "COMMENT", "DELETEDNOTIFICATION", "DELETEDNOTIFICATION"]
        assert {body["messageId"] for body in bodies[2:]} == {message_id(ACME, ROOT), message_id(ACME, newest)}

    def test_each_comment_of_a_deleted_post_is_deleted(self, desk: FakeDeliveries) -> None:
        media = [
            {"id_str": "5", "type": "photo", "media_url_https": "https://pbs.twimg.com/5.jpg", "url": "https://t.co/p"}
        ]
        tweet(desk, ROOT, "@acme look https://t.co/p", extended_entities={"media": media})
        desk.serve()
        v2_event(desk, "post.delete", {"id": ROOT, "author_id": ADA})
        desk.serve()
        known, deleted = desk.cim.received[:2], desk.cim.received[2:]
        assert [message["body"]["messageId"] for message in deleted] == [message["id"] for message in known]
        assert len({message["id"] for message in desk.cim.received}) == 4

    def test_a_deletion_waits_behind_the_comment_that_it_deletes(self, desk: FakeDeliveries) -> None:
        v2_mention(desk, ROOT)
        v2_mention(desk, str(int(ROOT) + 1), thread="1750800000000000000")
        v2_event(desk, "post.delete", {"id": ROOT, "author_id": ADA})
        received_at = desk.clock.ms
        desk.cim.fail_next(RateLimited("later", "Not now.", scope=Scope.LANE, until=desk.clock() + timedelta(hours=1)))
        desk.serve(IN)
        assert desk.cim.received == []
        desk.later(3601)
        bodies = [message["body"] for message in desk.cim.received]
        assert [body["type"] for body in bodies] == ["COMMENT", "DELETEDNOTIFICATION", "COMMENT"]
        assert bodies[1]["timestamp"] == received_at, "X does not say when it was deleted"

    def test_the_comments_of_a_customer_keep_their_order_over_several_threads(self, desk: FakeDeliveries) -> None:
        for number in (3, 1, 2):
            v2_mention(desk, f"175080000000000000{number}", thread=f"175080000000000010{number % 2}")
        desk.cim.fail_next(RateLimited("later", "Not now.", scope=Scope.LANE, until=desk.clock() + timedelta(hours=1)))
        desk.serve(IN)
        v2_mention(desk, "1750800000000000004", by=GRACE)
        desk.serve(IN)
        assert [comment["header"]["providerMessageId"][-1] for comment in comments(desk)] == ["4"], (
            "Grace waits for nobody"
        )
        desk.later(3601)
        assert [comment["header"]["providerMessageId"][-1] for comment in comments(desk)] == ["4", "1", "2", "3"]

    def test_a_comment_that_waits_holds_up_no_direct_message(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.customer_writes("1750800000000000005", "a direct message")
        desk.cim.fail_next(RateLimited("later", "Not now.", scope=Scope.LANE, until=desk.clock() + timedelta(hours=1)))
        desk.serve(IN)
        assert len(desk.cim.received) == 1


class TestOut:
    def test_an_answer_stands_under_the_comment_that_it_names(self, desk: FakeDeliveries) -> None:
        for post_id in (ROOT, "1750800000000000002", "1750800000000000003"):
            tweet(desk, post_id)
        desk.serve()
        agent(desk, "m-1", originalMessageId=message_id(ACME, ROOT))
        agent(desk, "m-2", providerMessageId="1750800000000000002")
        agent(desk, "m-3")
        desk.serve()
        assert [post.in_reply_to[-1] for post in desk.posts.published] == ["1", "2", "3"]
        assert desk.reports() == [(f"m-{n}", "DELIVERED", "200") for n in (1, 2, 3)]
        reports = [m for m in desk.cim.received if m["body"]["type"] == "DELIVERYNOTIFICATION"]
        assert reports[0]["header"]["channelData"]["additionalAttributes"] == MARKED
        assert desk.twitter.sent == []
        assert desk.lanes.left_behind() == []

    def test_an_ordinary_message_is_answered_under_the_last_comment(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        tweet(desk, "1750800000000000002")
        desk.customer_writes("1750800000000000005", "a direct message")
        desk.serve()
        plain(desk, "m-1", "*Sorry* for that.")
        desk.serve()
        assert [(post.in_reply_to[-1], post.text) for post in desk.posts.published] == [("2", "@ada Sorry for that.")]
        assert desk.twitter.sent == []
        assert [m["header"]["channelData"]["additionalAttributes"] for m in desk.cim.received[-1:]] == [MARKED]

    def test_a_read_mark_of_a_comment_does_not_mark_direct_messages_read(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        read = {"type": "DELIVERYNOTIFICATION", "messageId": message_id(ACME, ROOT), "status": "READ"}
        desk.send("m-1", "", body=read)
        desk.serve()
        assert desk.twitter.read_marks == []
        assert desk.skipped == ["not_in_public"]

    def test_a_message_without_the_mark_goes_by_direct_message(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        desk.send("m-1", "hello")
        desk.serve()
        assert (desk.twitter.texts(), desk.posts.published) == (["hello"], [])

    def test_without_a_comment_of_the_customer_it_fails_aloud(self, desk: FakeDeliveries) -> None:
        plain(desk, "m-1", "hello")
        desk.serve()
        assert failure(desk)[0] == "comment_unknown"
        assert desk.reports() == [("m-1", "FAILED", "400")]

    @pytest.mark.parametrize("item", ["TEXT", "LIKE"])
    def test_an_answer_waits_for_a_comment_that_ccm_has_and_the_connector_does_not_know_yet(
        self, desk: FakeDeliveries, item: str
    ) -> None:
        """As after a kill of the worker, or a failover of the broker: the comment is delivered to CCM again."""
        agent(desk, "m-1", item, originalMessageId=message_id(ACME, ROOT))
        desk.serve()
        assert desk.dead_lettered() == []
        tweet(desk, ROOT)
        desk.serve()
        desk.later(COMMENT_LOOK / timedelta(seconds=1))
        assert [report[:2] for report in desk.reports()] == [("m-1", "DELIVERED")]

    def test_an_answer_waits_for_as_long_as_comments_of_the_customer_wait_for_ccm(self, desk: FakeDeliveries) -> None:
        """As after an outage of the broker that began when CCM had the comment."""
        desk.cim.failures = [failing(Retryable, "ccm_unavailable", scope=Scope.OTHER_SIDE)] * 50
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", originalMessageId=message_id(ACME, ROOT))
        desk.serve()
        desk.later(3 * KNOWN_WITHIN / timedelta(seconds=1))
        assert desk.dead_lettered() == []
        desk.cim.failures = []
        desk.later(600)
        desk.later(COMMENT_LOOK / timedelta(seconds=1))
        assert [report[:2] for report in desk.reports()] == [("m-1", "DELIVERED")]

    def test_the_answer_of_a_bot_that_is_faster_than_ccm_stands_below_the_newest_comment(
        self, desk: FakeDeliveries
    ) -> None:
        def answer() -> None:
            desk.cim.before_answer = lambda: None
            plain(desk, "m-1", "Sorry for that.")
            desk.serve(OUT)

        tweet(desk, "1")
        desk.serve()
        desk.cim.before_answer = answer
        tweet(desk, "2")
        desk.serve(IN)
        assert desk.posts.published == []
        desk.later(COMMENT_LOOK / timedelta(seconds=1))
        assert [post.in_reply_to[-1] for post in desk.posts.published] == ["2"]

    def test_while_ccm_is_away_an_ordinary_message_waits_a_moment_for_a_newer_comment(
        self, desk: FakeDeliveries
    ) -> None:
        tweet(desk, "1")
        desk.serve()
        desk.cim.failures = [failing(Retryable, "ccm_unavailable", scope=Scope.OTHER_SIDE)] * 50
        tweet(desk, "2")
        desk.serve()
        plain(desk, "m-1", "Sorry for that.")
        for _ in range(int(ANSWERED_WITHIN / COMMENT_LOOK)):
            desk.serve(OUT)
            assert desk.posts.published == []
            desk.clock.advance(COMMENT_LOOK / timedelta(seconds=1))
        desk.serve(OUT)
        assert [post.in_reply_to[-1] for post in desk.posts.published] == ["1"]

    def test_a_comment_that_stays_unknown_is_waited_for_two_minutes(self, desk: FakeDeliveries) -> None:
        agent(desk, "m-1", originalMessageId=message_id(ACME, ROOT))
        desk.serve()
        desk.later(KNOWN_WITHIN / timedelta(seconds=1))
        assert failure(desk)[0] == "comment_unknown"

    def test_an_answer_of_more_posts_than_a_thread_should_have_is_refused(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="word " * 2000)
        desk.serve()
        reason, detail = failure(desk)
        assert reason == "post_too_long"
        assert "posts; the limit is 25." in detail
        assert desk.posts.published == []

    def test_a_long_answer_is_a_numbered_thread(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="word " * 100)
        desk.serve()
        first, second = desk.posts.published
        assert (first.in_reply_to, second.in_reply_to) == (ROOT, first.id)
        assert first.text.endswith("(1/2)")
        assert second.text.endswith("(2/2)")
        assert all(weighted_length(step.text) <= 280 for step in desk.posts.steps)

    @pytest.mark.parametrize("length", [280, 281, 25_000, 25_001])
    @pytest.mark.parametrize("most", [280, 25_000])
    def test_a_text_that_is_too_long_is_refused_where_that_is_chosen(
        self, desk: FakeDeliveries, length: int, most: int
    ) -> None:
        desk.outbound.can = lambda account: replace(EVERYTHING, post_max=most, post_threads=False)
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="a" * length)
        desk.serve()
        if length <= most:
            assert [len(step.text) for step in desk.posts.steps] == [length]
            return
        reason, sentence = failure(desk)
        assert (reason, desk.posts.published) == ("post_too_long", [])
        assert f"counts {length:,} characters at X, which takes {most:,} in one post" in sentence

    def test_what_x_bills_for_comments_and_answers_is_counted(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="word " * 100)
        agent(desk, "m-2", text="See https://example.com")
        agent(desk, "m-3", "LIKE", "")
        desk.serve()
        client = desk.lanes.client
        used = {kind: units for day in client.scan_iter("tc:usage:*") for kind, units in client.hgetall(day).items()}
        assert used == {"post_read": "1", "post_sent_summoned": "1", "post_sent": "1", "post_sent_with_link": "1"}

    def test_a_thread_that_breaks_off_goes_on_where_it_stopped(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="word " * 100)
        desk.posts.failures = []
        sent = desk.posts.send

        def once(step: Any) -> str:
            if len(desk.posts.published) == 1 and not desk.posts.swallowed:
                desk.posts.send = sent  # type: ignore[method-assign]
                raise RateLimited("rate_limited", "Later.", scope=Scope.LANE, until=desk.clock() + timedelta(seconds=5))
            return sent(step)

        desk.posts.send = once  # type: ignore[method-assign]
        desk.serve()
        tweet(desk, "1750800000000000007")
        desk.later(6)
        assert [post.in_reply_to for post in desk.posts.published] == [ROOT, desk.posts.published[0].id]

    @pytest.mark.parametrize(("item", "act"), [("LIKE", "like"), ("UNLIKE", "unlike"), ("HIDE", "hide")])
    def test_acts_reach_the_comment(self, desk: FakeDeliveries, item: str, act: str) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", item, "", originalMessageId=message_id(ACME, ROOT))
        desk.serve()
        assert desk.posts.acts == [(act, ROOT)]
        assert desk.reports() == [("m-1", "DELIVERED", "200")]

    def test_delete_takes_away_all_posts_of_our_own_answer_and_nothing_else(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", text="word " * 100)
        desk.serve()
        agent(desk, "m-2", "DELETE", "", originalMessageId="m-1")
        agent(desk, "m-3", "DELETE", "", originalMessageId=message_id(ACME, ROOT))
        desk.serve()
        first, second = desk.posts.published
        assert desk.posts.acts == [("delete", second.id), ("delete", first.id)]
        assert failure(desk)[0] == "reply_unknown"

    def test_a_private_reply_is_a_direct_message(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        agent(desk, "m-1", "PRIVATE_REPLY", "Your order number, please?")
        desk.serve()
        assert (desk.twitter.texts(), desk.posts.published) == (["Your order number, please?"], [])
        assert desk.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_picture_is_uploaded_for_a_post_and_described(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        file = {"mediaUrl": "https://x.example/p.jpg", "mimeType": "image/jpeg", "mediaLabel": "A red bicycle"}
        agent(desk, "m-1", "IMAGE", "Look", body={"attachment": file})
        desk.serve()
        assert desk.media_transfer.public == [True]
        assert desk.posts.described == [("710511363345354753", "A red bicycle")]
        assert [(step.text, step.media_id) for step in desk.posts.steps] == [("Look", "710511363345354753")]

    @pytest.mark.parametrize("item", ["TEXT", "LIKE", "PRIVATE_REPLY"])
    def test_nothing_is_done_in_public_while_posts_are_off(self, fakes: FakeDeliveries, item: str) -> None:
        agent(fakes, "m-1", item)
        fakes.serve()
        assert failure(fakes)[0] == "posts_off"
        assert (fakes.posts.published, fakes.posts.acts, fakes.twitter.sent) == ([], [], [])

    def test_what_the_channel_switched_off_fails_with_the_name_of_the_attribute(self, fakes: FakeDeliveries) -> None:
        fakes.accounts = FakeAccounts(account(ACME, posts="all", hide_support_sm="false"))
        fakes.outbound.account = fakes.inbound.account = fakes.accounts.get
        tweet(fakes, ROOT)
        fakes.serve()
        agent(fakes, "m-1", "HIDE", "")
        fakes.serve()
        assert "HIDE_SUPPORT_SM" in failure(fakes)[1]

    def test_a_limit_of_posts_holds_up_no_direct_message(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        until = desk.clock() + timedelta(minutes=15)
        limit = RateLimited("rate_limited", "X's limit.", scope=Scope.ENDPOINT, endpoint="post", until=until)
        desk.posts.failures = [limit]
        agent(desk, "m-1")
        desk.serve()
        desk.send("m-2", "by direct message")
        desk.serve()
        assert desk.twitter.texts() == ["by direct message"]
        desk.later(16 * 60)
        assert len(desk.posts.published) == 1

    def test_a_grant_without_the_scopes_makes_the_answer_wait(self, fakes: FakeDeliveries) -> None:
        known = account(ACME, posts="all", oauth2_scopes="dm.read dm.write")
        credentials = replace(known.credentials, access_token="", access_token_secret="")
        fakes.accounts = FakeAccounts(replace(known, credentials=credentials))
        fakes.outbound.account = fakes.inbound.account = fakes.accounts.get
        tweet(fakes, ROOT)
        fakes.serve()
        agent(fakes, "m-1")
        fakes.serve()
        assert (fakes.posts.published, fakes.reports(), fakes.dead_lettered()) == ([], [], [])


class TestUncertain:
    """X's answer to a post never came."""

    @pytest.fixture
    def asked(self, desk: FakeDeliveries) -> FakeDeliveries:
        tweet(desk, ROOT)
        desk.serve()
        desk.posts.swallowed = [OutcomeUnknown("outcome_unknown", "X did not answer.")]
        agent(desk, "m-1", text="Thank you & <bye>!")
        desk.serve()
        assert len(desk.posts.published) == 1
        return desk

    def test_a_post_on_the_timeline_is_not_sent_again(self, asked: FakeDeliveries) -> None:
        asked.later(PostStep.looks_after[0].total_seconds())
        assert len(asked.posts.published) == 1
        assert asked.reports() == [("m-1", "DELIVERED", "200")]

    def test_an_equal_post_under_another_comment_is_another_one(self, asked: FakeDeliveries) -> None:
        (post,) = asked.posts.published
        asked.posts.published = [type(post)(post.id, post.created_ms, "999", post.text)]
        for wait in PostStep.looks_after:
            asked.later(wait.total_seconds())
        assert [p.in_reply_to for p in asked.posts.published] == ["999", ROOT]

    def test_it_is_looked_for_longer_than_a_direct_message(self, asked: FakeDeliveries) -> None:
        asked.posts.hidden = True
        asked.later(PostStep.looks_after[0].total_seconds())
        asked.later(PostStep.looks_after[1].total_seconds())
        assert len(asked.posts.published) == 1
        asked.posts.hidden = False
        asked.later(PostStep.looks_after[2].total_seconds())
        assert len(asked.posts.published) == 1
        assert asked.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_duplicate_after_a_second_send_is_looked_for(self, asked: FakeDeliveries) -> None:
        asked.posts.hidden = True
        asked.posts.failures = [Permanent("duplicate_post", "X refuses an equal post.", status=403)]
        for wait in PostStep.looks_after:
            asked.later(wait.total_seconds())
        assert (len(asked.posts.published), asked.dead_lettered()) == (1, [])
        asked.posts.hidden = False
        asked.later(60)
        assert asked.reports() == [("m-1", "DELIVERED", "200")]

    def test_a_duplicate_of_an_older_post_fails_at_once(self, desk: FakeDeliveries) -> None:
        tweet(desk, ROOT)
        desk.serve()
        desk.posts.failures = [Permanent("duplicate_post", "X refuses an equal post.", status=403)]
        agent(desk, "m-1")
        desk.serve()
        assert failure(desk) == ("duplicate_post", "X refuses an equal post.")

    def test_without_a_timeline_it_is_not_sent_again(self, asked: FakeDeliveries) -> None:
        asked.credentials.answers[ACME] = None
        asked.posts.look_failures = [CredentialsRejected("not_permitted", "Not in the plan.", status=403)]
        asked.later(PostStep.looks_after[0].total_seconds(), OUT)
        assert failure(asked)[0] == "post_unconfirmed"
        assert len(asked.posts.published) == 1

    def test_a_timeline_of_an_account_that_x_rejects_is_looked_at_later(self, asked: FakeDeliveries) -> None:
        until = asked.clock() + timedelta(minutes=10)
        asked.posts.look_failures = [CredentialsRejected("token_revoked", "Revoked.", status=401, until=until)]
        asked.later(PostStep.looks_after[0].total_seconds(), OUT)
        assert (asked.reports(), asked.dead_lettered()) == ([], [])
        asked.later(601)
        assert (len(asked.posts.published), asked.reports()) == (1, [("m-1", "DELIVERED", "200")])


def test_the_conversations_of_two_customers_do_not_mix(desk: FakeDeliveries) -> None:
    tweet(desk, ROOT)
    tweet(desk, "1750800000000000002", by=GRACE)
    desk.serve()
    plain(desk, "m-1", "to Ada")
    desk.serve()
    assert desk.posts.published[0].in_reply_to == ROOT


def test_nothing_of_a_person_who_wrote_in_public_is_left_but_marks_of_ids(desk: FakeDeliveries) -> None:
    client = desk.lanes.client
    tweet(desk, ROOT)
    desk.serve()
    agent(desk, "m1")
    desk.serve()
    tweet(desk, str(int(ROOT) + 9), "@acme and another thing")
    agent(desk, "m2")
    erased = PersonalData(client).erase(ACME, ADA)
    assert (erased.messages, erased.waiting) == (4, 2)
    desk.serve(IN, OUT, IN)
    assert desk.dead_lettered() == []
    assert PersonalData(client).erase(ACME, ADA).waiting == 0
    named = [key for key in client.keys("*") if ADA in key or ROOT in key]
    assert [key for key in named if not key.startswith("tc:seen:")] == []
