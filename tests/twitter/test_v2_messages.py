"""Direct Messages of API v2: what each call sends, and what each answer is taken for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    OutcomeUnknown,
    Permanent,
    RecipientRefused,
    Scope,
    ServiceUnavailable,
    UnsupportedKind,
)
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.model.event import DmReceived, Person
from twitter_connector.model.plan import SendDm
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.v2.messages import V2Messages

API = "https://api.x.com"
SEND = f"{API}/2/dm_conversations/with/111111111/messages"
EVENTS = f"{API}/2/dm_events"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ACCOUNT = Account("222222222", Credentials("app key", "app secret", "222222222-token", "token secret"), "", flavour=V2)
SAMPLES = Path(__file__).parents[1] / "payloads" / "x-v2"


def row(event_id: str, at: str = "2026-11-27T11:59:00.000Z", **more: Any) -> dict[str, Any]:
    known = {"id": event_id, "sender_id": "111111111", "text": "hi", "event_type": "MessageCreate", "created_at": at}
    return {**known, "dm_conversation_id": "111111111-222222222", **more}


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def budget() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def x(budget: list[tuple[Any, ...]]) -> V2Messages:
    return V2Messages(TwitterHttp(HttpClient(), lambda: NOW), API, ACCOUNT, lambda *position: budget.append(position))


def query(call: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.request.url).query).items()}


class TestSending:
    def test_a_text_and_a_file_go_to_the_customer_and_nothing_else(
        self, http: responses.RequestsMock, x: V2Messages
    ) -> None:
        http.post(SEND, status=201, json=json.loads((SAMPLES / "dm_send_201.json").read_text()))
        assert x.send_dm("111111111", SendDm("Hello 😀", media_id="5")) == "1582103724607971332"
        sent = json.loads(http.calls[0].request.body or b"")
        assert sent == {"text": "Hello 😀", "attachments": [{"media_id": "5"}]}
        assert "OAuth" in str(http.calls[0].request.headers["Authorization"])

    def test_a_file_alone_has_no_empty_text(self, http: responses.RequestsMock, x: V2Messages) -> None:
        http.post(SEND, status=201, json={"data": {"dm_event_id": 7}})
        assert x.send_dm("111111111", SendDm("", media_id="5")) == "7"
        assert json.loads(http.calls[0].request.body or b"") == {"attachments": [{"media_id": "5"}]}

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<html>",
            "{}",
            '{"errors":[{"title":"Forbidden"}]}',
            '{"data":{}}',
            '{"data":[]}',
            '{"data":{"dm_event_id":"x"}}',
        ],
    )
    def test_a_success_without_an_id_may_have_been_sent(
        self, http: responses.RequestsMock, x: V2Messages, body: str
    ) -> None:
        http.post(SEND, status=201, body=body)
        with pytest.raises(OutcomeUnknown):
            x.send_dm("111111111", SendDm("a"))

    @pytest.mark.parametrize(
        ("sample", "media_id", "reason"),
        [
            ("error_403_no_permission_to_dm.json", "", "recipient_closed"),
            ("error_403_media_not_permitted.json", "5", "media_refused"),
            ("error_403_user_not_enrolled.json", "5", "user_not_enrolled"),
        ],
    )
    def test_a_refusal_without_a_type_is_told_apart_by_whether_there_was_a_file(
        self, http: responses.RequestsMock, x: V2Messages, sample: str, media_id: str, reason: str
    ) -> None:
        http.post(SEND, status=403, body=(SAMPLES / sample).read_text())
        with pytest.raises(ConnectorError) as failure:
            x.send_dm("111111111", SendDm("a", media_id=media_id))
        assert failure.value.reason == reason
        assert isinstance(failure.value, RecipientRefused) == (reason == "recipient_closed")
        assert reason != "media_refused" or f"“{failure.value.words[:20]}" in failure.value.detail

    @pytest.mark.parametrize("media_id", ["", "5"])
    @pytest.mark.parametrize("body", ["", "<html>Attention required</html>", "{}"])
    def test_a_refusal_without_a_word_blames_no_customer(
        self, http: responses.RequestsMock, x: V2Messages, body: str, media_id: str
    ) -> None:
        http.post(SEND, status=403, body=body)
        with pytest.raises(Permanent) as failure:
            x.send_dm("111111111", SendDm("a", media_id=media_id))
        assert (failure.value.reason, failure.value.status) == ("request_refused", 403)
        assert "customer" not in failure.value.detail

    def test_what_the_api_lacks_is_said(self, x: V2Messages) -> None:
        for call in (lambda: x.mark_read("1", "2"), lambda: x.show_typing("1")):
            with pytest.raises(UnsupportedKind) as failure:
                call()
            assert failure.value.reason == "not_offered_by_x"


class TestWhoWaits:
    @pytest.mark.parametrize(
        "answer", [{"status": 401}, {"status": 429}, {"status": 503}, {"body": requests.ConnectionError()}], ids=str
    )
    def test_only_what_needs_a_look_up_waits_for_one_that_fails(
        self, http: responses.RequestsMock, x: V2Messages, answer: dict[str, Any]
    ) -> None:
        http.get(EVENTS, **answer)
        http.get(f"{EVENTS}/1", **answer)
        for look_up, endpoint in ((lambda: x.page(1), Endpoint.LIST), (lambda: x.shown("1"), Endpoint.SHOW)):
            with pytest.raises(ConnectorError) as failure:
                look_up()
            assert (failure.value.scope, failure.value.endpoint) == (Scope.ENDPOINT, endpoint)

    @pytest.mark.parametrize(
        ("body", "use", "endpoint"),
        [
            ("<html>", lambda x: x.page(1), Endpoint.LIST),
            ("[]", lambda x: x.shown("1"), Endpoint.SHOW),
            ("{}", lambda x: x.shown("1"), Endpoint.SHOW),
            ('{"errors":[{"title":"x"}]}', lambda x: x.sent_since(NOW), Endpoint.LIST),
        ],
    )
    def test_so_it_is_after_an_answer_that_is_not_x_s(
        self, http: responses.RequestsMock, x: V2Messages, body: str, use: Any, endpoint: Endpoint
    ) -> None:
        http.assert_all_requests_are_fired = False
        http.get(EVENTS, body=body)
        http.get(f"{EVENTS}/1", body=body)
        with pytest.raises(ServiceUnavailable) as failure:
            use(x)
        assert (failure.value.scope, failure.value.endpoint) == (Scope.ENDPOINT, endpoint)

    def test_a_limited_send_stops_the_account_and_an_uncertain_one_its_conversation(
        self, http: responses.RequestsMock, x: V2Messages
    ) -> None:
        for status, scope in ((429, Scope.ACCOUNT), (503, Scope.LANE)):
            http.post(SEND, status=status)
            with pytest.raises(ConnectorError) as failure:
                x.send_dm("111111111", SendDm("Hello"))
            assert (failure.value.scope, failure.value.endpoint) == (scope, Endpoint.SEND)
            http.reset()


class TestLooking:
    def test_a_page_asks_for_everything_a_message_needs(
        self, http: responses.RequestsMock, x: V2Messages, budget: list[tuple[Any, ...]]
    ) -> None:
        headers = {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "14", "x-rate-limit-reset": "1795780000"}
        http.get(EVENTS, json={"data": [row("5"), row("4")], "meta": {"next_token": "older"}}, headers=headers)
        page = x.page(20, "token")
        assert [event.id for event in page.events] == ["5", "4"]
        assert (page.next_token, page.whole) == ("older", True)
        asked = query(http.calls[0])
        assert (asked["max_results"], asked["pagination_token"]) == ("20", "token")
        assert {"sender_id", "attachments.media_keys"} == set(asked["expansions"].split(","))
        assert {"sender_id", "entities", "created_at", "text"} < set(asked["dm_event.fields"].split(","))
        assert budget == [("222222222", "dm_events", 15, 14, 1795780000)]

    def test_a_refused_field_is_left_out_and_the_call_repeated(
        self, http: responses.RequestsMock, x: V2Messages
    ) -> None:
        message = "The `dm_event.fields` query parameter value [sender_id] is not one of [id,text]"
        http.get(EVENTS, status=400, json={"errors": [{"message": message}], "title": "Invalid Request"})
        http.get(EVENTS, json={"data": [row("5")], "meta": {}})
        assert [event.id for event in x.page(10).events] == ["5"]
        assert "sender_id" not in query(http.calls[1])["dm_event.fields"]
        assert "sender_id" in query(http.calls[1])["expansions"]

    def test_another_refusal_is_one(self, http: responses.RequestsMock, x: V2Messages) -> None:
        http.get(EVENTS, status=400, json={"errors": [{"message": "pagination_token is invalid"}]})
        with pytest.raises(Permanent):
            x.page(10)

    @pytest.mark.parametrize(
        ("kind", "whole"), [("user", True), ("media", True), ("tweet", True), ("dm_event", False), (None, False)]
    )
    def test_a_partial_answer_is_whole_unless_messages_are_missing(
        self, http: responses.RequestsMock, x: V2Messages, kind: str | None, whole: bool
    ) -> None:
        error = {"title": "Not Found Error", **({"resource_type": kind} if kind else {})}
        http.get(EVENTS, json={"data": [row("5")], "errors": [error], "meta": {}})
        page = x.page(10)
        assert ([event.id for event in page.events], page.whole) == (["5"], whole)

    def test_an_empty_list_has_no_data(self, http: responses.RequestsMock, x: V2Messages) -> None:
        http.get(EVENTS, json={"meta": {"result_count": 0}})
        assert x.page(10).events == ()

    @pytest.mark.parametrize("body", ["", "<html>", "[]", "7"])
    def test_what_is_no_list_is_waited_for(self, http: responses.RequestsMock, x: V2Messages, body: str) -> None:
        http.get(EVENTS, body=body)
        with pytest.raises(ConnectorError) as failure:
            x.page(10)
        assert isinstance(failure.value, ServiceUnavailable)

    def test_messages_since_a_moment_are_read_page_by_page_and_no_further(
        self, http: responses.RequestsMock, x: V2Messages
    ) -> None:
        http.get(EVENTS, json={"data": [row("9"), row("8")], "meta": {"next_token": "2"}})
        http.get(EVENTS, json={"data": [row("7"), row("6", "2026-11-27T10:00:00Z")], "meta": {"next_token": "3"}})
        events = list(x.events_since(datetime(2026, 11, 27, 11, 0, tzinfo=UTC)))
        assert [event.id for event in events] == ["9", "8", "7"]
        assert len(http.calls) == 2

    def test_only_own_messages_are_sent_ones(self, http: responses.RequestsMock, x: V2Messages) -> None:
        http.get(EVENTS, json={"data": [row("9", sender_id="222222222", text="ours"), row("8")], "meta": {}})
        (own,) = x.sent_since(datetime(2026, 11, 27, 11, 0, tzinfo=UTC))
        assert (own.event_id, own.text, own.customer_id) == ("9", "ours", "111111111")

    def test_one_message_is_shown(self, http: responses.RequestsMock, x: V2Messages) -> None:
        http.get(f"{EVENTS}/5", json={"data": row("5", text="quoted")})
        shown = x.shown("5")
        assert isinstance(shown, DmReceived)
        assert shown.text == "quoted"
        assert "event_types" not in query(http.calls[0])

    @pytest.mark.parametrize(
        "body",
        [
            '{"data":"x"}',
            '{"data":7,"meta":{"result_count":"0"}}',
            '{"errors":[{"title":"Forbidden","resource_type":"user"}]}',
            '{"errors":[{"title":"Forbidden","resource_type":"user"}],"meta":{"result_count":0}}',
            '{"errors":{"title":"Sorry"},"meta":{}}',
            '{"title":"Unauthorized","status":401,"type":"about:blank"}',
            '"x"',
            "",
            "<html>",
        ],
    )
    def test_an_odd_page_is_no_proof_that_nothing_was_sent(
        self, http: responses.RequestsMock, x: V2Messages, body: str
    ) -> None:
        http.get(EVENTS, body=body)
        with pytest.raises(ServiceUnavailable):
            x.sent_since(datetime(2026, 11, 27, 11, tzinfo=UTC))

    def test_a_row_that_cannot_be_read_hides_no_older_message(
        self, http: responses.RequestsMock, x: V2Messages
    ) -> None:
        odd = {"id": "5", "text": "whose?", "event_type": "MessageCreate"}
        http.get(EVENTS, json={"data": [odd, row("6")]})
        assert [event.id for event in x.events_since(datetime(2026, 11, 27, 11, tzinfo=UTC))] == ["6"]


class TestUsage:
    @pytest.fixture
    def used(self) -> list[tuple[Any, ...]]:
        return []

    @pytest.fixture
    def x(self, used: list[tuple[Any, ...]]) -> V2Messages:
        http = TwitterHttp(HttpClient(), lambda: NOW)
        return V2Messages(http, API, ACCOUNT, lambda *position: None, lambda *more: used.append(more))

    def test_every_event_that_a_look_up_returns_is_billed_also_those_that_are_not_read(
        self, http: responses.RequestsMock, x: V2Messages, used: list[tuple[Any, ...]]
    ) -> None:
        group = row("3", dm_conversation_id="1582103724607971332")
        http.get(EVENTS, json={"data": [row("1"), row("2", sender_id=ACCOUNT.id), group, {"text": "no id"}]})
        assert [event.id for event in x.page(10).events if event.customer_id] == ["1", "2"]
        assert used == [(ACCOUNT.id, "dm_read", ["1", "2", "3"])]

    def test_a_message_that_is_looked_up_alone_is_billed(
        self, http: responses.RequestsMock, x: V2Messages, used: list[tuple[Any, ...]]
    ) -> None:
        http.get(f"{EVENTS}/1", json={"data": row("1")})
        x.shown("1")
        assert used == [(ACCOUNT.id, "dm_read", ["1"])]

    def test_an_empty_page_and_a_refused_call_cost_nothing(
        self, http: responses.RequestsMock, x: V2Messages, used: list[tuple[Any, ...]]
    ) -> None:
        http.get(EVENTS, json={"meta": {"result_count": 0}})
        x.page(10)
        http.get(EVENTS, status=402, json={"type": "https://api.x.com/2/problems/credits-depleted"})
        with pytest.raises(ConnectorError):
            x.page(10)
        assert [ids for _, _, ids in used if ids] == []

    def test_a_profile_is_billed_if_x_has_it(
        self, http: responses.RequestsMock, x: V2Messages, used: list[tuple[Any, ...]]
    ) -> None:
        http.get(f"{API}/2/users/1", json={"data": {"id": "1", "name": "Ada", "username": "ada"}})
        http.get(f"{API}/2/users/2", json={"errors": [{"title": "Not Found Error", "resource_type": "user"}]})
        assert x.person("1") == Person("1", "Ada", "ada")
        assert x.person("2") == Person("2")
        assert used == [(ACCOUNT.id, "user_read", ["1"])]


class TestTheAppsDay:
    HEADERS = {  # noqa: RUF012 - read only
        "x-app-limit-24hour-limit": "1440",
        "x-app-limit-24hour-remaining": "1439",
        "x-app-limit-24hour-reset": "1795780000",
        "x-user-limit-24hour-limit": "1440",
        "x-user-limit-24hour-remaining": "1000",
        "x-user-limit-24hour-reset": "1795780001",
    }

    def test_a_message_that_was_sent_is_noted_with_the_apps_limit(
        self, http: responses.RequestsMock, budget: list[tuple[Any, ...]]
    ) -> None:
        noted: list[tuple[Any, ...]] = []
        x = V2Messages(
            TwitterHttp(HttpClient(), lambda: NOW),
            API,
            ACCOUNT,
            lambda *position: budget.append(position),
            app_send=lambda account, *more: noted.append((account.id, *more)),
        )
        http.post(SEND, status=201, json={"data": {"dm_event_id": "7"}}, headers=self.HEADERS)
        x.send_dm("111111111", SendDm("a"))
        assert noted == [(ACCOUNT.id, 1440, 1439, datetime.fromtimestamp(1795780000, UTC))]
        name = "dm_conversations/with/messages, 24 hours"
        assert (ACCOUNT.id, f"{name}, user", 1440, 1000, 1795780001) in budget
        assert (ACCOUNT.id, f"{name}, app", 1440, 1439, 1795780000) in budget
        http.post(SEND, status=429, headers={**self.HEADERS, "x-app-limit-24hour-remaining": "0"})
        http.post(SEND, status=201, json={"data": {"dm_event_id": "8"}})
        with pytest.raises(ConnectorError):
            x.send_dm("111111111", SendDm("a"))
        x.send_dm("111111111", SendDm("a"))
        assert len(noted) == 1, "neither a refused message nor one without headers"
