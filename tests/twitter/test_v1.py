"""Twitter's API v1.1: what each call sends, how it is signed, and what each answer is taken for."""

from __future__ import annotations

import base64
import io
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from oauthlib.oauth1 import Client
from requests import PreparedRequest

from twitter_connector import logs
from twitter_connector.bootstrap import build_services
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    ServiceUnavailable,
)
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.event import DM, DmEchoed, DmReceived
from twitter_connector.model.lookup import SentList
from twitter_connector.model.plan import QuickReply, SendDm
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.twitter.v1.messages import V1Messages
from twitter_connector.twitter.v1.registration import V1Registration

API = "https://api.twitter.com"
NEW = f"{API}/1.1/direct_messages/events/new.json"
LIST = f"{API}/1.1/direct_messages/events/list.json"
SHOW = f"{API}/1.1/direct_messages/events/show.json"
ENV = f"{API}/1.1/account_activity/all/prod"
ACCOUNT = Account(
    id="2975699229",
    credentials=Credentials("app key", "app secret", "2975699229-token", "token secret"),
    webhook_url="https://cx.example.com/webhook/twitter/2975699229",
    settings={"environment": "prod"},
)
SAMPLES = Path(__file__).parents[1] / "payloads" / "twitter"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def gateways(tmp_path: Path) -> Any:
    from tests.brokers import settings_in

    return build_services(settings_in(tmp_path)).twitter


@pytest.fixture
def twitter(gateways: Any, http: responses.RequestsMock) -> V1Messages:
    made: V1Messages = gateways.messages(ACCOUNT)
    return made


@pytest.fixture
def registration(gateways: Any, http: responses.RequestsMock) -> V1Registration:
    made: V1Registration = gateways.registration(ACCOUNT)
    return made


@pytest.fixture
def with_bearer(gateways: Any, http: responses.RequestsMock) -> V1Registration:
    """The registration of an account whose bearer token was given."""
    credentials = replace(ACCOUNT.credentials, bearer_token="bearer token")
    made: V1Registration = gateways.registration(replace(ACCOUNT, credentials=credentials))
    return made


def oauth_of(request: PreparedRequest) -> dict[str, str]:
    header = request.headers["Authorization"]
    text = header.decode() if isinstance(header, bytes) else header
    scheme, _, rest = text.partition(" ")
    assert scheme == "OAuth"
    pairs = (part.strip().partition("=") for part in rest.split(","))
    from urllib.parse import unquote

    return {name: unquote(value.strip('"')) for name, _, value in pairs}


def is_signed(request: PreparedRequest, body: str = "") -> bool:
    """Recompute the signature over method, URL, query and, if given, a form body."""
    given = oauth_of(request)
    c = ACCOUNT.credentials
    client = Client(
        c.api_key,
        c.api_key_secret,
        c.access_token,
        c.access_token_secret,
        nonce=given["oauth_nonce"],
        timestamp=given["oauth_timestamp"],
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else None
    _, signed, _ = client.sign(request.url, str(request.method), body=body or None, headers=headers)
    expected = str(signed["Authorization"])
    from urllib.parse import quote

    return f'oauth_signature="{quote(given["oauth_signature"], safe="")}"' in expected


def last(http: responses.RequestsMock) -> PreparedRequest:
    return http.calls[-1].request


def an_error(http: responses.RequestsMock, method: str, url: str, status: int, code: int | None = None) -> None:
    http.add(method, url, json={"errors": [{"code": code, "message": "x"}]} if code else None, status=status)


class TestSending:
    def test_a_message_is_posted_as_documented(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        http.post(NEW, json=sample("api_dm_send_response"))
        assert twitter.send_dm("58983", SendDm("Hello & <b>World</b>! 😀")) == "1006278767680131076"
        request = last(http)
        assert request.headers["Content-Type"] in ("application/json", b"application/json")
        assert json.loads(request.body or "") == {
            "event": {
                "type": "message_create",
                "message_create": {
                    "target": {"recipient_id": "58983"},
                    "message_data": {"text": "Hello & <b>World</b>! 😀"},
                },
            }
        }

    def test_what_is_shown_below_a_message_stands_beside_its_text(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        http.post(NEW, json=sample("api_dm_send_response"))
        options = {"type": "options", "options": [{"label": "Blue Bird", "metadata": "external_id_2"}]}
        twitter.send_dm("58983", SendDm("Which?", quick_replies=(QuickReply("Blue Bird", "external_id_2"),)))
        data = json.loads(last(http).body or "")["event"]["message_create"]["message_data"]
        assert data == {"text": "Which?", "quick_reply": options}

    def test_the_header_is_signed_and_the_json_body_is_not(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        http.post(NEW, json=sample("api_dm_send_response"))
        twitter.send_dm("58983", SendDm("text"))
        given = oauth_of(last(http))
        assert given["oauth_consumer_key"] == "app key"
        assert given["oauth_token"] == "2975699229-token"
        assert given["oauth_signature_method"] == "HMAC-SHA1"
        assert "oauth_body_hash" not in given
        assert is_signed(last(http))

    def test_two_requests_never_share_a_nonce(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        http.post(NEW, json=sample("api_dm_send_response"))
        twitter.send_dm("58983", SendDm("text"))
        twitter.send_dm("58983", SendDm("text"))
        assert len({oauth_of(call.request)["oauth_nonce"] for call in http.calls}) == 2

    def test_an_id_may_be_a_number(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        http.post(NEW, body='{"event":{"id":1006278767680131076}}')
        assert twitter.send_dm("58983", SendDm("Hello")) == "1006278767680131076"

    @pytest.mark.parametrize("odd", ["true", '"x"', "1.5", "[]", "{}", "-1"])
    def test_what_is_no_id_is_not_taken_for_one(
        self, twitter: V1Messages, http: responses.RequestsMock, odd: str
    ) -> None:
        """Read receipts and echoes are matched by the id."""
        http.post(NEW, body=f'{{"event":{{"id":{odd}}}}}')
        assert int(twitter.send_dm("58983", SendDm("Hello"))) > 1 << 60

    @pytest.mark.parametrize("body", ["{}", '{"event":{}}', '{"event":{"type":"message_create"}}', '{"event":null}'])
    def test_a_success_as_documented_without_an_id_stands_at_its_moment(
        self, twitter: V1Messages, http: responses.RequestsMock, body: str
    ) -> None:
        http.post(NEW, body=body)
        before = first_id_at(int(time.time() * 1000))
        found = twitter.send_dm("58983", SendDm("Hello"))
        assert int(before) <= int(found) <= int(first_id_at(int(time.time() * 1000)))

    @pytest.mark.parametrize(
        "body",
        ["", "<html>", "null", "[]", '{"errors":[{"code":131}]}', '{"error":"Sorry"}', '{"event":{},"error":"Sorry"}'],
    )
    def test_a_success_whose_body_is_not_twitters_is_an_open_outcome(
        self, twitter: V1Messages, http: responses.RequestsMock, body: str
    ) -> None:
        http.post(NEW, body=body)
        with pytest.raises(OutcomeUnknown):
            twitter.send_dm("58983", SendDm("text"))

    def test_a_refused_recipient_and_an_open_outcome_are_told_apart(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        for status, code, family in ((403, 349, Permanent), (503, 130, OutcomeUnknown), (429, 88, RateLimited)):
            http.reset()
            an_error(http, "POST", NEW, status, code)
            with pytest.raises(family):
                twitter.send_dm("58983", SendDm("text"))
            assert len(http.calls) == 1, "a send is never repeated by itself"

    def test_a_send_is_never_redirected(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        http.post(NEW, status=307, headers={"Location": "https://elsewhere.example/"})
        with pytest.raises(ServiceUnavailable):
            twitter.send_dm("58983", SendDm("text"))
        assert len(http.calls) == 1


def listed(event_id: str, at_ms: int, *, sender: str = ACCOUNT.id, recipient: str = "5", text: str = "x") -> Any:
    return {
        "type": "message_create",
        "id": event_id,
        "created_timestamp": str(at_ms),
        "message_create": {
            "target": {"recipient_id": recipient},
            "sender_id": sender,
            "message_data": {"text": text, "entities": {"urls": []}},
        },
    }


class TestLooking:
    SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    MS = 1772442000000

    def test_own_messages_are_found_and_the_customers_are_not(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        mine, theirs = listed("2", self.MS + 2000, text="a &amp; b"), listed("1", self.MS + 1000, sender="5")
        http.get(LIST, json={"events": [mine, theirs]})
        (found,) = twitter.sent_since(self.SINCE)
        assert (found.event_id, found.customer_id, found.text) == ("2", "5", "a &amp; b")
        assert found.created_at == self.SINCE + timedelta(seconds=2)
        assert parse_qs(urlsplit(str(last(http).url)).query) == {"count": ["50"]}
        assert is_signed(last(http))

    def test_the_list_is_read_back_to_the_moment_and_no_further(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        http.get(LIST, json={"events": [listed("9", self.MS + 9)], "next_cursor": "abc"})
        # An empty page with a cursor is not the end.
        http.get(LIST, json={"events": [], "next_cursor": "def"})
        http.get(LIST, json={"events": [listed("8", self.MS + 8), listed("7", self.MS - 1)], "next_cursor": "ghi"})
        assert [dm.event_id for dm in twitter.sent_since(self.SINCE)] == ["9", "8"]
        cursors = [parse_qs(urlsplit(str(c.request.url)).query).get("cursor") for c in http.calls]
        assert cursors == [None, ["abc"], ["def"]]

    def test_a_list_without_end_is_left_and_said_to_be(
        self, twitter: V1Messages, http: responses.RequestsMock, caplog: pytest.LogCaptureFixture
    ) -> None:
        http.get(LIST, json={"events": [], "next_cursor": "again"})
        own = twitter.sent_since(self.SINCE)
        assert own == []
        assert isinstance(own, SentList)
        assert own.reaches is not None
        assert [record.getMessage() for record in caplog.records] == ["backfill_cut_off"]
        assert len(http.calls) <= 15, "the limit of the endpoint in a quarter of an hour"

    def test_what_is_no_message_in_the_list_is_passed_over(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        http.get(LIST, json={"events": [{"type": "other"}, "x", None, listed("3", self.MS + 1)]})
        assert [dm.event_id for dm in twitter.sent_since(self.SINCE)] == ["3"]
        assert [event.id for event in twitter.events_since(self.SINCE)] == ["3"]

    def test_a_message_in_the_list_that_cannot_be_read_becomes_a_dead_letter(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        odd, older = listed("2", self.MS + 1), listed("1", self.MS - 9)
        del odd["message_create"]["target"]
        undated = {**odd, "id": None, "created_timestamp": None}
        http.get(LIST, json={"events": [undated, odd, listed("3", self.MS + 1), older]})
        events = list(twitter.events_since(self.SINCE))
        assert [(event.readable, event.family) for event in events] == [(False, DM), (True, DM)]
        assert [dm.event_id for dm in twitter.sent_since(self.SINCE)] == ["3"]

    @pytest.mark.parametrize(
        "body",
        [
            *("", "[]", "<html>", '{"events":7}', '{"events":"x"}', '{"error":"Sorry"}'),
            *('{"errors":[{"code":131}]}', '{"events":[],"errors":[{"code":131}]}'),
        ],
    )
    def test_an_odd_list_is_no_proof_of_absence(
        self, twitter: V1Messages, http: responses.RequestsMock, body: str
    ) -> None:
        http.get(LIST, body=body)
        with pytest.raises(ServiceUnavailable):
            twitter.sent_since(self.SINCE)

    def test_a_failed_look_is_no_open_outcome(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        an_error(http, "GET", LIST, 503)
        with pytest.raises(ServiceUnavailable):
            twitter.sent_since(self.SINCE)


class TestShowing:
    def test_one_message_is_asked_for_and_read_as_its_event_was(
        self, twitter: V1Messages, http: responses.RequestsMock
    ) -> None:
        url = {"url": "https://t.co/a", "expanded_url": "https://example.com/"}
        theirs = listed("12", 1772442000000, sender="5", recipient=ACCOUNT.id, text="a &amp; https://t.co/a")
        theirs["message_create"]["message_data"]["entities"]["urls"].append(url)
        http.get(SHOW, json={"event": theirs, "apps": {}})
        dm = twitter.shown("12")
        assert (type(dm), dm.event_id, dm.customer_id, dm.text) == (DmReceived, "12", "5", "a &amp; https://t.co/a")
        assert [(link.short, link.expanded) for link in dm.links] == [("https://t.co/a", "https://example.com/")]
        assert parse_qs(urlsplit(str(last(http).url)).query) == {"id": ["12"]}
        assert is_signed(last(http))

    def test_an_own_message_is_told_from_a_customers(self, twitter: V1Messages, http: responses.RequestsMock) -> None:
        http.get(SHOW, json={"event": listed("12", 1772442000000)})
        assert type(twitter.shown("12")) is DmEchoed

    @pytest.mark.parametrize("body", ["", "[]", "{}", "<html>", '{"event": null}', '{"event": []}', '{"event": {}}'])
    def test_an_odd_answer_is_a_failure_with_a_name(
        self, twitter: V1Messages, http: responses.RequestsMock, body: str
    ) -> None:
        http.get(SHOW, body=body)
        with pytest.raises(ConnectorError):
            twitter.shown("12")

    @pytest.mark.parametrize(
        ("status", "code", "family"),
        [(429, 88, RateLimited), (404, 34, Permanent), (503, None, ServiceUnavailable), (401, 89, CredentialsRejected)],
    )
    def test_a_refusal_is_sorted_as_any_other_and_leaves_nothing_open(
        self, twitter: V1Messages, http: responses.RequestsMock, status: int, code: int | None, family: type
    ) -> None:
        an_error(http, "GET", SHOW, status, code)
        with pytest.raises(family):
            twitter.shown("12")

    def test_nobody_waits_long_for_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.brokers import settings_in

        monkeypatch.setattr("twitter_connector.twitter.v1.messages.SHOW_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            settings = replace(settings_in(tmp_path), twitter_api_url=url)
            begun = time.monotonic()
            with pytest.raises(ServiceUnavailable, match=r"0\.2 s"):
                build_services(settings).twitter.messages(ACCOUNT).shown("12")
            assert time.monotonic() - begun < 5


class TestWhose:
    VERIFY, ME = f"{API}/1.1/account/verify_credentials.json", f"{API}/2/users/me"

    def test_credentials_tell_whose_they_are(self, registration: V1Registration, http: responses.RequestsMock) -> None:
        http.get(self.VERIFY, json={"id": 2975699229, "id_str": "2975699229", "screen_name": "acme", "name": "Acme"})
        assert registration.who_am_i() == ("2975699229", "acme", "Acme")
        assert is_signed(last(http))

    @pytest.mark.parametrize(("status", "code"), [(403, 453), (404, 34), (403, None)])
    def test_a_plan_without_that_call_is_asked_the_other_way(
        self, registration: V1Registration, http: responses.RequestsMock, status: int, code: int | None
    ) -> None:
        an_error(http, "GET", self.VERIFY, status, code)
        http.get(self.ME, json={"data": {"id": "7", "username": "acme", "name": "Acme"}})
        assert registration.who_am_i() == ("7", "acme", "Acme")

    def test_wrong_credentials_are_not_asked_twice(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        an_error(http, "GET", self.VERIFY, 401, 32)
        with pytest.raises(CredentialsRejected):
            registration.who_am_i()

    def test_an_account_may_be_named_by_a_number(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.get(self.VERIFY, json={"id": 2975699229, "screen_name": "acme"})
        assert registration.who_am_i() == ("2975699229", "acme", "")

    @pytest.mark.parametrize(("status", "code"), [(200, None), (404, 34), (404, None), (403, 453), (405, None)])
    def test_where_twitter_does_not_tell_the_token_does(
        self, registration: V1Registration, http: responses.RequestsMock, status: int, code: int | None
    ) -> None:
        for url in (self.VERIFY, self.ME):
            http.get(url, json={"errors": [{"code": code, "message": "x"}]} if code else {}, status=status)
        assert registration.who_am_i() == ("2975699229", "", "")

    def test_a_token_that_names_nobody_is_nobodys(self, gateways: Any, http: responses.RequestsMock) -> None:
        http.get(self.VERIFY, status=404)
        http.get(self.ME, status=404)
        unnamed = replace(ACCOUNT.credentials, access_token="token")
        assert gateways.registration(replace(ACCOUNT, credentials=unnamed)).who_am_i() == ("", "", "")

    @pytest.mark.parametrize("code", [64, 326])
    def test_a_locked_account_is_said(
        self, registration: V1Registration, http: responses.RequestsMock, code: int
    ) -> None:
        an_error(http, "GET", self.VERIFY, 403, code)
        an_error(http, "GET", self.ME, 403, code)
        with pytest.raises(CredentialsRejected):
            registration.who_am_i()


class TestWebhooks:
    URL = "https://cx.example.com/twitter-connector/webhook/twitter/7?a=1&b=2"

    @pytest.mark.parametrize("name", ["api_webhook_list_env", "api_webhooks_all_environments"])
    def test_lists_are_read_in_both_shapes(
        self, with_bearer: V1Registration, http: responses.RequestsMock, name: str
    ) -> None:
        http.get(f"{ENV}/webhooks.json", json=sample(name))
        (found,) = with_bearer.webhooks()
        raw = sample(name)
        item = raw[0] if isinstance(raw, list) else raw["environments"][0]["webhooks"][0]
        assert found == Webhook(item["id"], item["url"], item["valid"])
        assert last(http).headers["Authorization"] == "Bearer bearer token"

    def test_odd_items_of_a_list_are_passed_over(
        self, with_bearer: V1Registration, http: responses.RequestsMock
    ) -> None:
        good = {"id": 12, "url": "https://a.example", "valid": "true"}
        http.get(f"{ENV}/webhooks.json", json=[None, {}, {"id": "1"}, good])
        assert with_bearer.webhooks() == [Webhook("12", "https://a.example", False)]

    @pytest.mark.parametrize("body", ["", "{}", "<html>", '"x"', '{"environments": null}'])
    def test_an_odd_list_of_webhooks_is_no_proof_that_there_is_none(
        self, with_bearer: V1Registration, http: responses.RequestsMock, body: str
    ) -> None:
        http.get(f"{ENV}/webhooks.json", body=body)
        with pytest.raises(ServiceUnavailable) as caught:
            with_bearer.webhooks()
        assert caught.value.reason == "twitter_odd_answer"

    def test_a_bearer_token_is_made_of_key_and_secret(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.post(f"{API}/oauth2/token", json={"token_type": "bearer", "access_token": "made"})
        http.get(f"{ENV}/webhooks.json", json=[])
        assert registration.webhooks() == []
        token, webhooks = (call.request for call in http.calls)
        assert base64.b64decode(str(token.headers["Authorization"]).removeprefix("Basic ")) == b"app key:app secret"
        assert token.body == "grant_type=client_credentials"
        assert webhooks.headers["Authorization"] == "Bearer made"

    @pytest.mark.parametrize(("status", "code"), [(403, 99), (403, None), (404, None), (200, None)])
    def test_where_no_bearer_token_is_to_be_had_the_account_signs(
        self, registration: V1Registration, http: responses.RequestsMock, status: int, code: int | None
    ) -> None:
        an_error(http, "POST", f"{API}/oauth2/token", status, code)
        http.get(f"{ENV}/webhooks.json", json=[])
        assert registration.webhooks() == []
        assert is_signed(last(http))

    @pytest.mark.parametrize(("status", "code"), [(401, None), (403, None), (403, 200), (400, 215)])
    def test_where_a_bearer_token_is_not_taken_the_account_signs(
        self, with_bearer: V1Registration, http: responses.RequestsMock, status: int, code: int | None
    ) -> None:
        an_error(http, "GET", f"{ENV}/webhooks.json", status, code)
        http.get(f"{ENV}/webhooks.json", json=[])
        assert with_bearer.webhooks() == []
        assert is_signed(last(http))

    def test_a_token_endpoint_in_trouble_is_said(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        an_error(http, "POST", f"{API}/oauth2/token", 503)
        with pytest.raises(ServiceUnavailable):
            registration.webhooks()

    def test_a_url_is_registered_percent_encoded_once(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.post(f"{ENV}/webhooks.json", json=sample("api_webhook_create"))
        raw = sample("api_webhook_create")
        assert registration.create_webhook(self.URL) == Webhook(raw["id"], raw["url"], True)
        assert parse_qs(urlsplit(str(last(http).url)).query) == {"url": [self.URL]}
        assert "%253A" not in str(last(http).url)
        assert is_signed(last(http))

    def test_a_registration_that_names_no_webhook_is_looked_up(
        self, with_bearer: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.post(f"{ENV}/webhooks.json", json={})
        http.get(f"{ENV}/webhooks.json", json=[{"id": "1", "url": "https://a.example"}, {"id": 12, "url": self.URL}])
        assert with_bearer.create_webhook(self.URL) == Webhook("12", self.URL, True)

    def test_a_registration_that_left_no_webhook_is_said(
        self, with_bearer: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.post(f"{ENV}/webhooks.json", json={})
        http.get(f"{ENV}/webhooks.json", json=[])
        with pytest.raises(ServiceUnavailable):
            with_bearer.create_webhook(self.URL)

    def test_a_webhook_is_checked_and_deleted_by_its_id(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.put(f"{ENV}/webhooks/1234.json", status=204)
        http.delete(f"{ENV}/webhooks/1234.json", status=204)
        registration.check_webhook("1234")
        registration.delete_webhook("1234")
        assert all(is_signed(call.request) for call in http.calls)

    def test_an_id_cannot_leave_its_path(self, registration: V1Registration, http: responses.RequestsMock) -> None:
        http.delete(f"{ENV}/webhooks/..%2F..%2Fx%3Fy.json", status=204)
        registration.delete_webhook("../../x?y")

    def test_the_environments_name_keeps_its_case(self, gateways: Any, http: responses.RequestsMock) -> None:
        http.get(f"{API}/1.1/account_activity/all/Prod-1_A/webhooks.json", json=[])
        credentials = replace(ACCOUNT.credentials, bearer_token="b")
        account = replace(ACCOUNT, credentials=credentials, settings={"environment": "Prod-1_A"})
        gateways.registration(account).webhooks()


class TestRefusedWebhooks:
    """X has one code, 214, for a failed challenge, a bad URL and one webhook too many."""

    URL = "https://cx.example.com/webhook/twitter/2975699229"

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("Too many resources already created.", "webhook_limit_reached"),
            ("Webhook URL does not meet the requirements.", "webhook_url_refused"),
            (
                "Webhook URL does not meet the requirements. Invalid CRC token or json response format.",
                "challenge_failed",
            ),
            (
                "High latency on CRC GET request. Your webhook should respond in less than 3 seconds.",
                "challenge_failed",
            ),
            ("Non-200 response code during CRC GET request (i.e. 404, 500, etc).", "challenge_failed"),
            ("", "challenge_failed"),
        ],
    )
    def test_its_words_tell_them_apart(
        self, registration: V1Registration, http: responses.RequestsMock, words: str, reason: str
    ) -> None:
        body = {"errors": [{"code": 214, "message": words}]}
        http.post(f"{ENV}/webhooks.json", json=body, status=403)
        http.put(f"{ENV}/webhooks/1234.json", json=body, status=403)
        for call in (lambda: registration.create_webhook(self.URL), lambda: registration.check_webhook("1234")):
            with pytest.raises(Permanent) as caught:
                call()
            assert (caught.value.reason, caught.value.code, caught.value.status) == (reason, 214, 403)
            assert caught.value.words == words

    def test_an_environment_that_x_does_not_know_is_named(
        self, with_bearer: V1Registration, http: responses.RequestsMock
    ) -> None:
        an_error(http, "GET", f"{ENV}/webhooks.json", 404, 34)
        with pytest.raises(Permanent, match="ENVIRONMENT-NAME exactly as") as caught:
            with_bearer.webhooks()
        assert caught.value.status == 404


class TestSubscriptions:
    PATH = f"{ENV}/subscriptions.json"

    def test_subscribing_twice_is_as_good_as_once(
        self, registration: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.post(self.PATH, status=204)
        assert registration.subscribe(None).new
        assert is_signed(last(http))
        for code in (355, None):
            http.reset()
            an_error(http, "POST", self.PATH, 409, code)
            again = registration.subscribe(None)
            assert (again.active, again.new) == (True, False)

    def test_other_refusals_are_passed_on(self, registration: V1Registration, http: responses.RequestsMock) -> None:
        an_error(http, "POST", self.PATH, 403, 348)
        with pytest.raises(CredentialsRejected):
            registration.subscribe(None)

    def test_whether_subscribed_is_204_or_404(self, registration: V1Registration, http: responses.RequestsMock) -> None:
        http.get(self.PATH, status=204)
        assert registration.subscriptions(None).active
        http.reset()
        an_error(http, "GET", self.PATH, 404, 34)
        assert registration.subscriptions(None).active is False
        http.reset()
        an_error(http, "GET", self.PATH, 429, 88)
        with pytest.raises(ConnectorError):
            registration.subscriptions(None)

    def test_unsubscribing_is_by_id_and_fine_where_there_is_nothing(
        self, with_bearer: V1Registration, http: responses.RequestsMock
    ) -> None:
        http.delete(f"{ENV}/subscriptions/{ACCOUNT.id}.json", status=204)
        with_bearer.unsubscribe()
        http.reset()
        an_error(http, "DELETE", f"{ENV}/subscriptions/{ACCOUNT.id}.json", 404, 34)
        with_bearer.unsubscribe()
        http.reset()
        an_error(http, "DELETE", f"{ENV}/subscriptions/{ACCOUNT.id}.json", 503)
        with pytest.raises(ServiceUnavailable):
            with_bearer.unsubscribe()


class TestUserId:
    def test_a_name_is_looked_up(self, with_bearer: V1Registration, http: responses.RequestsMock) -> None:
        http.get(f"{API}/2/users/by/username/XDevelopers", json=sample("docs_users_by_username"))
        assert with_bearer.user_id("XDevelopers") == sample("docs_users_by_username")["data"]["id"]

    @pytest.mark.parametrize("body", [{"errors": [{"title": "Not Found Error"}]}, {}, {"data": None}, []])
    def test_nobody_of_that_name_is_none_even_with_status_200(
        self, with_bearer: V1Registration, http: responses.RequestsMock, body: Any
    ) -> None:
        http.get(f"{API}/2/users/by/username/nobody", json=body)
        assert with_bearer.user_id("nobody") is None


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the service would write at its most talkative."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.configure("DEBUG", "json")
    written = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:] = before
    root.setLevel(level)


def test_no_secret_and_no_text_is_in_what_is_raised_or_logged(
    twitter: V1Messages, http: responses.RequestsMock, logged: io.StringIO
) -> None:
    an_error(http, "POST", NEW, 503)
    with pytest.raises(OutcomeUnknown) as caught:
        twitter.send_dm("58983", SendDm("planted words"))
    logging.getLogger("x").error("internal_error", exc_info=caught.value)
    written = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {logged.getvalue()}"
    assert "internal_error" in written
    c = ACCOUNT.credentials
    for word in ("planted words", c.api_key_secret, c.access_token, c.access_token_secret):
        assert word not in written
