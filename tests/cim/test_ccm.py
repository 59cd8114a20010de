"""CCM: what is posted, and what each answer means. The body counts even where the status says success."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from tests.loopback import Reply, loopback, raw_server
from twitter_connector.cim.client import SECONDS, CcmClient, classify
from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.net.answers import Answer
from twitter_connector.net.http_client import HttpClient

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASE = "http://ef-cx-ccm-svc.expertflow.svc:8081"
RECEIVE = f"{BASE}/message/receive"
MESSAGE = {"id": "1", "header": {}, "body": {"type": "PLAIN", "markdownText": "Привет 😀 \ud83d"}}


def notification(status: str, reason_code: Any = 200) -> dict[str, Any]:
    return {
        "type": "DELIVERYNOTIFICATION",
        "markdownText": "",
        "messageId": "1",
        "status": status,
        "reasonCode": reason_code,
    }


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def ccm(http: responses.RequestsMock) -> CcmClient:
    return CcmClient(HttpClient(trust_env=False), BASE, lambda: NOW)


class TestPosting:
    def test_a_message_is_posted_as_ascii_json(self, ccm: CcmClient, http: responses.RequestsMock) -> None:
        """Emoji and Cyrillic have been broken on the way by a wrong guess at the encoding."""
        http.post(RECEIVE, status=202)
        ccm.post_message(MESSAGE)
        request = http.calls[0].request
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        assert body.isascii()
        assert json.loads(body) == MESSAGE
        assert request.headers["Content-Type"].startswith("application/json")

    def test_a_redirect_is_not_followed(self, ccm: CcmClient, http: responses.RequestsMock) -> None:
        http.post(RECEIVE, status=302, headers={"Location": f"{BASE}/login"})
        with pytest.raises(Permanent) as caught:
            ccm.post_message(MESSAGE)
        assert caught.value.ours
        assert len(http.calls) == 1

    def test_a_failure_is_raised_and_never_tried_again_by_itself(
        self, ccm: CcmClient, http: responses.RequestsMock
    ) -> None:
        http.post(RECEIVE, status=503)
        with pytest.raises(ServiceUnavailable):
            ccm.post_message(MESSAGE)
        assert len(http.calls) == 1


class TestConnections:
    """A resend carries the same id, so it does not matter here whether a request arrived."""

    def test_nobody_there(self) -> None:
        ccm = CcmClient(HttpClient(trust_env=False), "http://127.0.0.1:9", lambda: NOW)
        with pytest.raises(ServiceUnavailable) as caught:
            ccm.post_message(MESSAGE)
        assert caught.value.until is None

    def test_an_answer_that_never_comes(self) -> None:
        with raw_server(lambda c: c.recv(65536) and None) as host:
            ccm = CcmClient(HttpClient(trust_env=False), f"http://{host}", lambda: NOW)
            with pytest.raises(ServiceUnavailable) as caught:
                ccm.post_message(MESSAGE)
        assert "Привет" not in str(caught.value)

    def test_the_path_is_appended_to_a_base_with_a_path(self) -> None:
        with loopback() as server:
            server.answer = lambda _: Reply(202)
            CcmClient(HttpClient(trust_env=False), f"{server.url}/ccm", lambda: NOW).post_message(MESSAGE)
            assert [(s.method, s.path) for s in server.seen] == [("POST", "/ccm/message/receive")]

    def test_we_wait_no_longer_than_the_gateway_does(self) -> None:
        assert SECONDS <= 10


def outcome(status: int, body: Any = None, **headers: str) -> ConnectorError | None:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return classify(Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw), NOW)


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    @pytest.mark.parametrize(
        "body",
        [
            None,
            b"OK",
            b"Received. <b>Thanks</b>",
            {},
            [],
            notification("DELIVERED"),
            notification("READ"),
            {"status": None},
            {"status": 200},
            {"message": "FAILED is a word here"},
        ],
        ids=str,
    )
    def test_success_is_success_whatever_the_body_says_besides(self, status: int, body: Any) -> None:
        assert outcome(status, body) is None

    @pytest.mark.parametrize("status", [200, 202, 400, 404, 500])
    @pytest.mark.parametrize("code", [404, "404"])
    def test_a_failed_body_with_404_is_an_unknown_channel(self, status: int, code: Any) -> None:
        error = outcome(status, notification("FAILED", code))
        assert isinstance(error, Permanent)
        assert (error.reason, error.ours, error.status) == ("channel_unknown", True, status)
        assert "Unified Admin" in error.detail

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"timestamp": 1, "status": 503, "error": "Service Unavailable", "path": "/x"}, "ccm_unavailable"),
            ({"status": "500", "error": "Internal Server Error"}, "ccm_unavailable"),
            ({"status": 429, "error": "Too Many Requests"}, "ccm_rate_limited"),
            ({"status": 404, "error": "Not Found", "path": "/message/receive"}, "ccm_url_wrong"),
            ({"status": 400, "error": "Bad Request"}, "ccm_refused"),
        ],
    )
    @pytest.mark.parametrize("status", [200, 202])
    def test_an_error_of_spring_counts_behind_a_success_too(self, status: int, body: Any, reason: str) -> None:
        error = outcome(status, body)
        assert error is not None
        assert error.reason == reason

    def test_a_report_in_an_envelope_counts_as_well(self) -> None:
        error = outcome(202, {"id": "1", "header": {}, "body": notification("FAILED", "404")})
        assert isinstance(error, Permanent)
        assert error.reason == "channel_unknown"
        assert outcome(202, {"id": "1", "header": {}, "body": notification("DELIVERED")}) is None

    @pytest.mark.parametrize("status", [200, 202, 204])
    @pytest.mark.parametrize("body", [b"<html><body>Sign in</body>", b"\n<!DOCTYPE html>\n<title>Agent Desk</title>"])
    def test_a_web_page_is_no_acceptance_whatever_its_status(self, status: int, body: bytes) -> None:
        """A web application or a sign-in page answers at a mistyped CCM_URL; the message must not be lost there."""
        error = outcome(status, body)
        assert isinstance(error, Permanent)
        assert (error.reason, error.ours, error.status) == ("ccm_url_wrong", True, status)
        error = outcome(status, b"<p>", content_type="text/html; charset=utf-8")
        assert isinstance(error, Permanent)
        assert error.reason == "ccm_url_wrong"

    @pytest.mark.parametrize("status", [200, 202, 400, 503])
    @pytest.mark.parametrize("code", [400, "500", "", None, "odd", [], "9" * 50])
    @pytest.mark.parametrize("word", ["FAILED", "failed", "Failed"])
    def test_any_other_failed_body_is_final_too(self, status: int, code: Any, word: str) -> None:
        error = outcome(status, notification(word, code))
        assert isinstance(error, Permanent)
        assert (error.reason, error.status) == ("ccm_reported_failed", status)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425])
    @pytest.mark.parametrize("body", [None, b"<html>502</html>", {"status": 503, "error": "Service Unavailable"}])
    def test_trouble_over_there_is_waited_for(self, status: int, body: Any) -> None:
        error = outcome(status, body)
        assert type(error) is ServiceUnavailable

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_gateway_that_lets_nobody_in_is_waited_for_and_told(self, status: int) -> None:
        error = outcome(status, {"error_msg": "unauthorized"})
        assert type(error) is Retryable
        assert error.ours
        assert "CCM_URL" in error.detail

    def test_a_limited_rate_says_until_when(self) -> None:
        error = outcome(429, None, retry_after="7")
        assert isinstance(error, RateLimited)
        assert error.until == NOW + timedelta(seconds=7)
        later = ("Mon, 02 Mar 2026 09:00:07 GMT", 7), ("9" * 9, 900), ("Wed, 21 Oct 2026 07:28:00 GMT", 900)
        for named, seconds in later:
            for status in (429, 503):
                error = outcome(status, None, retry_after=named)
                assert error is not None
                assert error.until == NOW + timedelta(seconds=seconds)
        for odd in ("", "soon", "-1"):
            error = outcome(429, None, retry_after=odd)
            assert isinstance(error, RateLimited)
            assert error.until is not None
            assert NOW < error.until <= NOW + timedelta(minutes=1)

    @pytest.mark.parametrize(
        ("status", "reason"),
        [(400, "ccm_refused"), (404, "ccm_url_wrong"), (413, "ccm_message_too_large"), (405, "ccm_refused")],
    )
    @pytest.mark.parametrize("body", [None, b"text", {"timestamp": 1, "status": 400, "error": "Bad Request"}])
    def test_a_refusal_is_final_and_its_cause_named(self, status: int, reason: str, body: Any) -> None:
        error = outcome(status, body)
        assert isinstance(error, Permanent)
        assert (error.reason, error.status) == (reason, status)

    def test_a_plain_404_is_a_wrong_address_and_not_an_unknown_channel(self) -> None:
        error = outcome(404, {"timestamp": "x", "status": 404, "error": "Not Found", "path": "/message/receive"})
        assert isinstance(error, Permanent)
        assert error.reason == "ccm_url_wrong"
        assert "CCM_URL" in error.detail

    @pytest.mark.parametrize("status", [200, 400, 500])
    def test_no_answer_is_quoted(self, status: int) -> None:
        error = outcome(status, {**notification("FAILED", "400"), "markdownText": "planted words"})
        assert error is not None
        assert "planted" not in f"{error!r} {error} {error.detail} {error.words}"

    @pytest.mark.parametrize("status", [200, 302, 400, 404, 405, 409, 410, 413, 422])
    def test_what_became_a_dead_letter_says_what_to_do(self, status: int) -> None:
        error = outcome(status, notification("FAILED", 500) if status == 200 else None)
        assert isinstance(error, Permanent)
        assert "replay the dead letter" in error.detail
