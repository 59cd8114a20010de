"""Webhooks and subscriptions of API v2: what is reused, what is created, and what of others is never touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses

from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.account import V2, Account, Credentials, Remark, Webhook
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.v2.registration import V2Registration
from twitter_connector.twitter.v2.subscriptions import POSTS, REQUIRED, TAG, WANTED

API = "https://api.x.com"
WEBHOOKS, ACTIVITY = f"{API}/2/webhooks", f"{API}/2/activity/subscriptions"
URL = "https://cx.example.com/twitter-connector/webhook/twitter/222222222"
CREDENTIALS = Credentials("app key", "app secret", "222222222-token", "token secret", "bearer")
HOOK = Webhook("7", URL, True)
ACCOUNT = Account("222222222", CREDENTIALS, URL, webhook=HOOK, flavour=V2)
SAMPLES = Path(__file__).parents[1] / "payloads" / "x-v2"
EVENTS = (REQUIRED, *WANTED)


def refused(message: str) -> dict[str, Any]:
    return {
        "errors": [{"message": message}],
        "title": "Invalid Request",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    }


def row(event: str, *, tag: str = TAG, webhook: str = "7", user: str = "222222222", id_: str = "") -> dict[str, Any]:
    identity = {"subscription_id": id_ or str(100 + EVENTS.index(event)), "event_type": event, "tag": tag}
    return {**identity, "filter": {"user_id": user} if user else {}, **({"webhook_id": webhook} if webhook else {})}


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def registration(account: Account = ACCOUNT) -> V2Registration:
    http = TwitterHttp(HttpClient(), lambda: datetime(2026, 11, 27, tzinfo=UTC))
    return V2Registration(http, API, "https://api.twitter.com", account)


def calls(http: responses.RequestsMock, method: str) -> list[Any]:
    return [json.loads(c.request.body or b"null") for c in http.calls if c.request.method == method]


class TestWebhooks:
    @pytest.mark.parametrize("body", [{"meta": {"result_count": 0}}, {"data": []}, {"data": None}])
    def test_no_webhook_is_an_empty_list(self, http: responses.RequestsMock, body: Any) -> None:
        http.get(WEBHOOKS, json=body)
        assert registration().webhooks() == []
        assert http.calls[0].request.headers["Authorization"] == "Bearer bearer"

    def test_the_documented_list_is_read(self, http: responses.RequestsMock) -> None:
        http.get(WEBHOOKS, json=json.loads((SAMPLES / "webhook_list_200.json").read_text()))
        assert [w.valid for w in registration().webhooks()] == [True]

    @pytest.mark.parametrize("reason", ["DuplicateUrlFailed: exists", "WebhookLimitExceeded: 1 of 1"])
    def test_a_url_that_is_registered_already_is_reused(self, http: responses.RequestsMock, reason: str) -> None:
        http.post(WEBHOOKS, status=400, json=refused(reason))
        other = {"id": "9", "url": "https://other.example/x", "valid": True}
        http.get(WEBHOOKS, json={"data": [other, {"id": "7", "url": URL, "valid": True}]})
        assert registration().create_webhook(URL) == Webhook("7", URL, True)

    def test_a_limit_that_others_use_up_is_a_refusal_and_deletes_nothing(self, http: responses.RequestsMock) -> None:
        http.post(WEBHOOKS, status=400, json=refused("WebhookLimitExceeded: 1 of 1"))
        http.get(WEBHOOKS, json={"data": [{"id": "9", "url": "https://other.example/x", "valid": True}]})
        with pytest.raises(Permanent) as failure:
            registration().create_webhook(URL)
        assert failure.value.reason == "webhook_limit_reached"
        assert failure.value.words.startswith("WebhookLimitExceeded")
        assert calls(http, "DELETE") == []

    def test_a_challenge_that_failed_is_a_refusal(self, http: responses.RequestsMock) -> None:
        http.post(WEBHOOKS, status=400, json=json.loads((SAMPLES / "webhook_create_400_crc.json").read_text()))
        with pytest.raises(Permanent) as failure:
            registration().create_webhook(URL)
        assert failure.value.reason == "challenge_failed"
        assert failure.value.words.startswith("CrcValidationFailed")

    @pytest.mark.parametrize(
        "body", ["<html>", "7", "[]", "", '{"errors":[{"title":"Forbidden"}]}', '{"data":"x"}', '{"data":{"id":"7"}}']
    )
    def test_what_is_no_list_is_not_taken_for_an_empty_one(self, http: responses.RequestsMock, body: str) -> None:
        http.get(WEBHOOKS, body=body)
        with pytest.raises(ConnectorError) as failure:
            registration().webhooks()
        assert failure.value.reason == "twitter_odd_answer"


class TestActivity:
    @pytest.mark.parametrize("body", ['{"errors":[{"title":"Forbidden"}]}', '{"data":"x"}', '{"data":7}', ""])
    def test_an_odd_list_is_no_proof_that_nothing_is_subscribed(self, http: responses.RequestsMock, body: str) -> None:
        http.get(ACTIVITY, body=body)
        for act in (lambda: registration().subscribe(HOOK), lambda: registration().subscriptions(HOOK)):
            with pytest.raises(ConnectorError) as failure:
                act()
            assert failure.value.reason == "twitter_odd_answer"

    @pytest.mark.parametrize(
        "answer",
        [
            lambda created: {"data": [created]},
            lambda created: {"data": created},
            lambda created: {"data": {"subscription": created}},
            lambda created: None,
        ],
        ids=["list", "object", "inside", "empty"],
    )
    def test_every_event_is_subscribed_whatever_the_answers_form(
        self, http: responses.RequestsMock, answer: Any
    ) -> None:
        http.get(ACTIVITY, json={"meta": {"total_subscriptions": 0}})
        body = answer(row(REQUIRED))
        http.post(ACTIVITY, **({"json": body} if body else {"status": 204}))
        account = registration()
        assert account.subscribe(HOOK).new
        asked = calls(http, "POST")
        assert [a["event_type"] for a in asked] == list(EVENTS)
        assert {a["tag"] for a in asked} == {TAG}
        assert {a["webhook_id"] for a in asked} == {"7"}
        assert all(a.get("filter") == {"user_id": "222222222"} for a in asked if a["event_type"] != "oauth.revoke")

    def test_doing_it_again_changes_nothing(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row(e, user="" if e == "oauth.revoke" else "222222222") for e in EVENTS]})
        assert not registration().subscribe(HOOK).new
        assert registration().subscriptions(HOOK).active
        assert {c.request.method for c in http.calls} == {"GET"}

    def test_ours_that_point_elsewhere_are_pointed_to_the_webhook(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row(e, webhook="6" if e == REQUIRED else "7") for e in EVENTS]})
        http.put(f"{ACTIVITY}/100", json={"data": {}})
        assert registration().subscribe(HOOK).new
        assert calls(http, "PUT") == [{"tag": TAG, "webhook_id": "7"}]

    def test_anothers_subscription_is_named_and_left_alone(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row(REQUIRED, tag="other tool", webhook="6")]})
        with pytest.raises(Permanent) as failure:
            registration().subscribe(HOOK)
        assert failure.value.reason == "subscription_elsewhere"
        assert "subscription 100, webhook 6" in failure.value.detail
        assert {c.request.method for c in http.calls} == {"GET"}

    def test_an_optional_one_that_x_refuses_is_a_remark(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row(e) for e in EVENTS if e != "oauth.revoke"]})
        http.post(ACTIVITY, status=400, json=refused("event_type is not one of the enum"))
        (remark,) = registration().subscribe(HOOK).remarks
        assert remark.sentence == "X refused the optional subscription oauth.revoke: event_type is not one of the enum"
        assert remark.refused

    @pytest.mark.parametrize(
        ("status", "problem", "advice"),
        [
            (401, "about:blank", "`twitter-connector authorize`"),
            (403, "about:blank", "`twitter-connector authorize`"),
            (403, "https://api.x.com/2/problems/client-forbidden", "Check its enrolment"),
        ],
    )
    def test_an_optional_one_that_the_token_may_not_have_is_a_remark(
        self, http: responses.RequestsMock, status: int, problem: str, advice: str
    ) -> None:
        """X may want an OAuth 2.0 token for some events only; messages come without these."""
        http.get(ACTIVITY, json={"data": [row(e) for e in EVENTS if e != "chat.received"]})
        http.post(ACTIVITY, status=status, json={"title": "No", "status": status, "type": problem})
        (remark,) = registration().subscribe(HOOK).remarks
        assert remark.sentence.startswith("X refused the optional subscription chat.received: X ")
        assert advice in remark.sentence

    @pytest.mark.parametrize(
        ("status", "headers"), [(500, {}), (503, {}), (429, {"x-rate-limit-reset": "1795737700"}), (402, {}), (301, {})]
    )
    def test_trouble_with_an_optional_one_is_a_remark_and_no_failure(
        self, http: responses.RequestsMock, status: int, headers: dict[str, str]
    ) -> None:
        http.get(ACTIVITY, json={"data": [row(e) for e in EVENTS if e not in ("dm.read", "oauth.revoke")]})
        http.post(ACTIVITY, status=status, headers=headers)
        subscriptions = registration().subscribe(HOOK)
        assert (subscriptions.active, subscriptions.new) == (True, False)
        assert [(r.event, r.refused) for r in subscriptions.remarks] == [("dm.read", False), ("oauth.revoke", False)]
        for remark in subscriptions.remarks:
            assert remark.sentence.startswith(f"X did not create the optional subscription {remark.event}: ")
            assert remark.sentence.endswith("The next check of the account tries again.")
        # The second one would only have waited for the same trouble.
        assert len(calls(http, "POST")) == 1

    @pytest.mark.parametrize("status", [500, 429])
    def test_trouble_with_the_required_one_is_a_failure(self, http: responses.RequestsMock, status: int) -> None:
        http.get(ACTIVITY, json={"data": []})
        http.post(ACTIVITY, status=status)
        with pytest.raises(ConnectorError) as failure:
            registration().subscribe(HOOK)
        assert failure.value.status == status

    def test_one_that_x_refused_before_is_not_tried_again_and_the_remark_stays(
        self, http: responses.RequestsMock
    ) -> None:
        refusal = Remark("chat.received", "X refused it.", refused=True)
        trouble = Remark("dm.read", "X was overloaded.", refused=False)
        http.get(ACTIVITY, json={"data": [row(e) for e in EVENTS if e not in ("dm.read", "chat.received")]})
        http.post(ACTIVITY, json={"data": row("dm.read")})
        account = replace(ACCOUNT, remarks=(refusal, trouble))
        assert registration(account).subscribe(HOOK).remarks == (refusal,)
        assert [body["event_type"] for body in calls(http, "POST")] == ["dm.read"]

    def test_a_remark_is_shown_while_x_lists_no_such_subscription(self, http: responses.RequestsMock) -> None:
        refusal, created = Remark("chat.received", "Refused.", True), Remark("dm.read", "Trouble.", False)
        no_more = Remark("post.reply.create", "X refused it while POSTS was replies.", True)
        http.get(ACTIVITY, json={"data": [row(e) for e in EVENTS if e != "chat.received"]})
        account = replace(ACCOUNT, remarks=(refusal, created, no_more))
        assert registration(account).subscriptions(HOOK).remarks == (refusal,)

    def test_posts_that_x_does_not_unsubscribe_are_a_remark(self, http: responses.RequestsMock) -> None:
        posts = row("post.mention.create", id_="55")
        http.get(ACTIVITY, json={"data": [*(row(e) for e in EVENTS), posts]})
        http.delete(f"{ACTIVITY}/55", status=503)
        (remark,) = registration().subscribe(HOOK).remarks
        assert remark.sentence.startswith("X did not delete the subscription post.mention.create")
        assert registration(replace(ACCOUNT, remarks=(remark,))).subscriptions(HOOK).remarks == (remark,)

    @pytest.mark.parametrize("status", [401, 403])
    def test_the_required_one_that_x_refuses_is_a_failure(self, http: responses.RequestsMock, status: int) -> None:
        http.get(ACTIVITY, json={"data": []})
        http.post(ACTIVITY, status=status, json={"title": "Forbidden", "status": status, "type": "about:blank"})
        with pytest.raises(ConnectorError) as failure:
            registration().subscribe(HOOK)
        assert "`twitter-connector authorize`" in failure.value.detail
        assert (failure.value.status, failure.value.words) == (status, "Forbidden")
        with_oauth2 = replace(ACCOUNT, credentials=replace(CREDENTIALS, oauth2_access_token="user token"))
        with pytest.raises(ConnectorError) as failure:
            registration(with_oauth2).subscribe(HOOK)
        assert "authorize" not in failure.value.detail

    def test_a_lost_answer_is_found_in_the_list(self, http: responses.RequestsMock) -> None:
        others = [row(e) for e in WANTED]
        http.get(ACTIVITY, json={"data": others})
        http.post(ACTIVITY, status=400, json=refused("Duplicate subscription"))
        http.get(ACTIVITY, json={"data": [*others, row(REQUIRED)]})
        assert not registration().subscribe(HOOK).new

    def test_only_ours_are_deleted(self, http: responses.RequestsMock) -> None:
        data = [row(REQUIRED), row("dm.sent", tag="other tool"), row("dm.read", user="333", id_="5")]
        http.get(ACTIVITY, json={"data": data})
        http.delete(f"{ACTIVITY}/100", json={"data": {"deleted": True}})
        registration().unsubscribe()
        assert [c.request.url for c in http.calls if c.request.method == "DELETE"] == [f"{ACTIVITY}/100"]

    def test_a_subscription_that_serves_the_apps_other_accounts_too_is_kept(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row(REQUIRED), row("oauth.revoke", user="", id_="5")]})
        http.delete(f"{ACTIVITY}/100", json={"data": {"deleted": True}})
        registration().unsubscribe()
        assert [c.request.url for c in http.calls if c.request.method == "DELETE"] == [f"{ACTIVITY}/100"]

    @pytest.mark.parametrize("inbound", ["xaa", "stream"])
    @pytest.mark.parametrize(
        ("before", "mode", "created", "deleted"),
        [
            ("off", "mentions", ["post.mention.create", "post.delete"], []),
            ("mentions", "all", ["post.reply.create"], []),
            ("all", "mentions", [], ["post.reply.create"]),
            ("mentions", "replies", ["post.reply.create"], ["post.mention.create"]),
            ("replies", "off", [], ["post.reply.create", "post.delete"]),
            ("all", "all", [], []),
        ],
    )
    def test_a_choice_of_posts_changes_what_is_different_and_nothing_of_others(
        self, http: responses.RequestsMock, inbound: str, before: str, mode: str, created: list[str], deleted: list[str]
    ) -> None:
        webhook = "7" if inbound == "xaa" else ""
        ours = {str(200 + number): event for number, event in enumerate(POSTS[before])}
        others = [
            row("post.mention.create", tag="other tool", user="333", id_="301"),
            row("post.create", tag="other tool", id_="302"),
            row("post.mention.create", user="444", id_="303"),
        ]
        messages = [row(event, webhook=webhook) for event in EVENTS]
        known = [row(event, webhook=webhook, id_=id_) for id_, event in ours.items()]
        http.get(ACTIVITY, json={"data": [*others, *messages, *known]})
        http.post(ACTIVITY, status=204)
        http.delete(re.compile(f"{ACTIVITY}/.*"), json={"data": {"deleted": True}})
        account = replace(ACCOUNT, settings={"inbound": inbound, "posts": mode})
        status = registration(account).subscribe(HOOK if webhook else None)
        assert status.new is bool(created or deleted)
        asked = calls(http, "POST")
        assert [body["event_type"] for body in asked] == created
        assert all(body["filter"] == {"user_id": ACCOUNT.id} for body in asked)
        assert all(body.get("webhook_id", "") == webhook for body in asked)
        gone = [str(call.request.url).rpartition("/")[2] for call in http.calls if call.request.method == "DELETE"]
        assert [ours[subscription_id] for subscription_id in gone] == deleted

    def test_posts_of_another_tool_stay_subscribed_when_ours_are_off(self, http: responses.RequestsMock) -> None:
        data = [row("post.mention.create", tag="other tool", id_="301"), *map(row, EVENTS)]
        http.get(ACTIVITY, json={"data": data})
        assert not registration().subscribe(HOOK).new
        assert {call.request.method for call in http.calls} == {"GET"}

    def test_the_list_is_read_to_its_last_page(self, http: responses.RequestsMock) -> None:
        http.get(ACTIVITY, json={"data": [row("dm.sent")], "meta": {"next_token": "2"}})
        http.get(ACTIVITY, json={"data": [row(REQUIRED)], "meta": {}})
        assert [s.event for s in registration().subscriptions(HOOK).items] == ["dm.sent", REQUIRED]


@pytest.mark.parametrize("events", [(REQUIRED, "dm.sent"), (REQUIRED,)])
def test_own_messages_come_back_where_x_has_subscribed_them(
    http: responses.RequestsMock, events: tuple[str, ...]
) -> None:
    http.get(ACTIVITY, json={"data": [row(event) for event in events]})
    assert registration().subscriptions(HOOK).own is ("dm.sent" in events)


def test_whose_token_it_is(http: responses.RequestsMock) -> None:
    http.get(f"{API}/2/users/me", json={"data": {"id": "222222222", "username": "acme", "name": "Acme"}})
    assert registration().who_am_i() == ("222222222", "acme", "Acme")


@pytest.mark.parametrize("body", [{"errors": [{"title": "Forbidden"}]}, {"data": None}, {}], ids=str)
def test_the_token_itself_says_whose_it_is_where_x_does_not(http: responses.RequestsMock, body: Any) -> None:
    """X answers 200 with `errors` and without `data`. A wrong account must not be registered because of it."""
    http.get(f"{API}/2/users/me", json=body)
    another = replace(ACCOUNT, credentials=replace(CREDENTIALS, access_token="333-token"))
    assert registration(another).who_am_i() == ("333", "", "")
    only_oauth2 = replace(ACCOUNT, credentials=replace(CREDENTIALS, access_token="", oauth2_access_token="user token"))
    assert registration(only_oauth2).who_am_i() == ("", "", "")


class TestReplay:
    SINCE, UNTIL = datetime(2026, 11, 20, 9, 0, tzinfo=UTC), datetime(2026, 11, 20, 10, 30, tzinfo=UTC)

    def test_the_jobs_id_may_be_a_number(self, http: responses.RequestsMock) -> None:
        http.post(f"{WEBHOOKS}/replay", json={"data": {"job_id": 1900000000000000003}})
        assert registration().replay(self.SINCE, self.UNTIL) == "1900000000000000003"

    def test_it_names_webhook_and_span_and_returns_the_job(self, http: responses.RequestsMock) -> None:
        http.post(f"{WEBHOOKS}/replay", json={"data": {"job_id": "42", "created_at": "2026-11-20T11:00:00.000Z"}})
        assert registration().replay(self.SINCE, self.UNTIL) == "42"
        (body,) = calls(http, "POST")
        assert body == {"webhook_id": "7", "from_date": "202611200900", "to_date": "202611201030"}
        assert http.calls[0].request.headers["Authorization"] == "Bearer bearer"

    @pytest.mark.parametrize(
        "answer",
        [
            {"status": 400, "json": refused("ReplayConflictError: A replay job is already in progress.")},
            {"status": 404},
            {"json": {"data": {}}},
            {"body": "<html>"},
        ],
        ids=str,
    )
    def test_an_answer_without_a_job_is_an_error(self, http: responses.RequestsMock, answer: dict[str, Any]) -> None:
        http.post(f"{WEBHOOKS}/replay", **answer)
        with pytest.raises(ConnectorError):
            registration().replay(self.SINCE, self.UNTIL)
