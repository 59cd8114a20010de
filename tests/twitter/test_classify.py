"""Every row of Twitter's error tables, and answers that are in none: which family, which reason, until when."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from twitter_connector.errors import (
    NEEDS_A_PERSON,
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RateLimited,
    RecipientRefused,
    RefusedOrDelivered,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.net.answers import Answer
from twitter_connector.twitter.error_codes import CODES, PAUSES, PROBLEMS, ErrorMeaning
from twitter_connector.twitter.http import REJECTED_PAUSE, classify, outcome, reset_time

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
P = "https://api.twitter.com/2/problems"
CAPTURED = json.loads((Path(__file__).parents[1] / "payloads" / "twitter" / "api_errors.json").read_text("utf-8"))

# https://docs.x.com/x-api/fundamentals/response-codes-and-errors and the pages of each endpoint.
# (status, code): the family. What a send and any other request have in common.
WEBHOOK_ROWS: dict[tuple[int, int | None], type[ConnectorError]] = {
    (403, 214): Permanent,
    (409, 355): Permanent,
    (404, 34): Permanent,
    (403, 348): CredentialsRejected,
    (403, 200): CredentialsRejected,
    (403, 261): CredentialsRejected,
    (403, 87): CredentialsRejected,
    (403, 453): CredentialsRejected,
    (401, 32): CredentialsRejected,
    (401, 89): CredentialsRejected,
    (401, 135): CredentialsRejected,
    (400, 215): CredentialsRejected,
    (403, 99): CredentialsRejected,
    (429, 88): RateLimited,
}
SEND_ROWS: dict[tuple[int, int | None], type[ConnectorError]] = {
    (403, 349): RecipientRefused,
    (403, 150): RecipientRefused,
    (403, 151): RefusedOrDelivered,
    (403, 389): RecipientRefused,
    (403, 476): RecipientRefused,
    (403, 108): RecipientRefused,
    (404, 108): RecipientRefused,
    (404, 50): RecipientRefused,
    (404, 17): RecipientRefused,
    (404, 34): Permanent,
    (403, 63): RecipientRefused,
    (403, 64): CredentialsRejected,
    (403, 326): CredentialsRejected,
    (403, 226): RateLimited,
    (403, 161): RateLimited,
    (403, 185): RateLimited,
    (403, 205): RateLimited,
    (403, 344): RateLimited,
    (403, 354): Permanent,
    (400, 214): Permanent,
    (403, 214): Permanent,
    (400, 38): Permanent,
    (403, 38): Permanent,
    (400, 324): Permanent,
    (400, 325): Permanent,
    (403, 93): CredentialsRejected,
    (403, 261): CredentialsRejected,
    (403, 87): CredentialsRejected,
    (403, 220): CredentialsRejected,
    (403, 453): CredentialsRejected,
    (401, 32): CredentialsRejected,
    (401, 89): CredentialsRejected,
    (401, 135): CredentialsRejected,
    (400, 215): CredentialsRejected,
    (429, 88): RateLimited,
    (429, None): RateLimited,
    (420, None): RateLimited,
    (503, 130): OverCapacity,
    (500, 131): OutcomeUnknown,
    (502, None): OutcomeUnknown,
    (504, None): OutcomeUnknown,
}


def answer(status: int, code: int | None = None, message: str = "Twitter's words", **headers: str) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode() if code is not None else b""
    return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def used_up(*, quarter: int, remaining: str, day: int = 0) -> dict[str, str]:
    """Return the headers of limits that end after so many seconds. day: of the daily one, which is used up."""
    headers = {"x-rate-limit-reset": str(EPOCH + quarter), "x-rate-limit-remaining": remaining}
    if day:
        headers |= {"x-app-limit-24hour-reset": str(EPOCH + day), "x-app-limit-24hour-remaining": "0"}
    return headers


def failure(found: ConnectorError | None) -> ConnectorError:
    assert found is not None
    return found


SUCCESSES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"errors":[]}',
    b'{"data":{"id":"1"},"errors":[{"title":"Forbidden","resource_type":"user"}]}',
    b'{"data":null,"meta":{"result_count":0}}',
    b'{"meta":{"result_count":0}}',
    b'{"event":{"id":"1"},"errors":[]}',
    # That there is no such thing is an answer.
    b'{"errors":[{"title":"Not Found Error","detail":"Could not find user"}]}',
    b'{"errors":[{"type":"https://api.twitter.com/2/problems/resource-not-found"}]}',
]
SUCCESSES_ONLY_IN_STATUS = [
    b'{"errors":[{"code":131,"message":"Sorry"}]}',
    b'{"errors":[{"code":"88"}]}',
    b'{"errors":{"code":32}}',
    b'{"errors":["Sorry"]}',
    b'{"errors":"Sorry"}',
    b'{"error":"Sorry","request":"/1.1/media/upload.json"}',
    b'{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Sorry"}',
    b'{"errors":[{"title":"Not Found Error"},{"title":"Forbidden"}]}',
    b"<html>Sorry</html>",
    b"<!DOCTYPE html><html></html>",
]


class TestTables:
    @pytest.mark.parametrize(("row", "family"), WEBHOOK_ROWS.items(), ids=str)
    def test_webhooks_and_subscriptions(self, row: tuple[int, int | None], family: type[ConnectorError]) -> None:
        error = failure(classify(answer(*row), NOW, acts=False))
        assert type(error) is family
        assert (error.status, error.code) == row

    @pytest.mark.parametrize(("row", "family"), SEND_ROWS.items(), ids=str)
    def test_sending(self, row: tuple[int, int | None], family: type[ConnectorError]) -> None:
        error = failure(classify(answer(*row), NOW, acts=True))
        assert type(error) is family
        assert (error.status, error.code) == row

    @pytest.mark.parametrize("item", CAPTURED, ids=lambda i: f"{i['http']} {i['where']} {i['body']}"[:60])
    def test_captured_answers(self, item: dict[str, Any]) -> None:
        found = Answer(item["http"], {}, json.dumps(item["body"]).encode())
        error = failure(classify(found, NOW, acts="new" in item["where"]))
        code = item["body"].get("errors", [{}])[0].get("code")
        assert error.code == code
        expected = {**WEBHOOK_ROWS, **SEND_ROWS}.get((item["http"], code), Permanent)
        assert type(error) is expected
        words = item["body"].get("error") or item["body"]["errors"][0]["message"]
        assert error.words == words[:300]
        assert error.words not in str(error)

    def test_every_code_of_the_table_is_in_a_row_above(self) -> None:
        assert set(CODES) <= {code for _, code in (*WEBHOOK_ROWS, *SEND_ROWS)}

    @pytest.mark.parametrize("status", range(200, 300, 17))
    @pytest.mark.parametrize("body", SUCCESSES)
    def test_any_2xx_is_success(self, status: int, body: bytes) -> None:
        assert classify(Answer(status, {}, body), NOW, acts=True) is None

    @pytest.mark.parametrize("body", SUCCESSES_ONLY_IN_STATUS)
    def test_a_2xx_that_says_only_what_went_wrong_is_none(self, body: bytes) -> None:
        """A list without messages would let an uncertain send go out twice, and a gap be closed unread."""
        answer = Answer(200, {}, body)
        sent = classify(answer, NOW, acts=True, endpoint=Endpoint.SEND)
        assert type(sent) is OutcomeUnknown
        read = classify(answer, NOW, acts=False, endpoint=Endpoint.LIST)
        assert isinstance(read, ServiceUnavailable)
        assert (read.reason, read.scope, read.endpoint) == ("twitter_odd_answer", Scope.ENDPOINT, Endpoint.LIST)
        for error in (sent, read):
            assert "HTTP 200" in error.detail
            assert "Sorry" not in error.detail, "X's words may quote a message"

    def test_whose_credentials_these_are_is_answered_by_an_error_too(self) -> None:
        """X has accepted them then."""
        body = b'{"errors":[{"title":"Forbidden"}]}'
        assert classify(Answer(200, {}, body), NOW, acts=False, endpoint=Endpoint.CREDENTIALS) is None


class TestFamilies:
    def test_an_account_that_may_not_act_is_our_affair_and_tried_again_later(self) -> None:
        for row, family in {**WEBHOOK_ROWS, **SEND_ROWS}.items():
            if family is CredentialsRejected:
                error = failure(classify(answer(*row), NOW, acts=True))
                assert (error.ours, error.until) == (True, NOW + REJECTED_PAUSE)

    def test_a_customer_who_cannot_be_written_to_is_nobodys_fault(self) -> None:
        error = failure(classify(answer(403, 349), NOW, acts=True))
        assert (error.ours, error.until, error.reason) == (False, None, "recipient_closed")
        assert "349" in error.detail

    def test_a_send_that_was_refused_although_it_may_have_arrived_says_so(self) -> None:
        error = failure(classify(answer(403, 151), NOW, acts=True))
        assert isinstance(error, RefusedOrDelivered)
        assert isinstance(classify(answer(403, 151), NOW, acts=False), Permanent)

    def test_trouble_of_twitters_own_leaves_a_send_open_and_nothing_else(self) -> None:
        for status in (500, 502, 503, 504, 599):
            sent = failure(classify(answer(status), NOW, acts=True))
            assert isinstance(sent, OutcomeUnknown)
            assert not isinstance(sent, RefusedOrDelivered)
            assert type(classify(answer(status), NOW, acts=False)) is ServiceUnavailable

    @pytest.mark.parametrize("status", [408, 425])
    def test_what_was_not_processed_may_be_sent_again(self, status: int) -> None:
        assert type(classify(answer(status), NOW, acts=True)) is ServiceUnavailable

    @pytest.mark.parametrize("status", [301, 302, 307, 399])
    def test_a_redirect_is_a_wrong_address_and_not_followed(self, status: int) -> None:
        error = failure(classify(Answer(status, {"location": "https://elsewhere.example"}, b""), NOW, acts=True))
        assert isinstance(error, Retryable)
        assert error.ours

    def test_taken_for_a_robot_the_account_rests(self) -> None:
        error = failure(classify(answer(403, 226), NOW, acts=True))
        assert error.until == NOW + PAUSES["looks_automated"] == NOW + timedelta(minutes=15)

    @pytest.mark.parametrize(
        ("status", "family"), [(400, Permanent), (401, CredentialsRejected), (403, Permanent), (404, Permanent)]
    )
    @pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'"x"', b'{"errors":[]}', b'{"errors":["x"]}'])
    def test_an_answer_that_says_nothing_is_sorted_by_its_status(
        self, status: int, family: type[ConnectorError], body: bytes
    ) -> None:
        error = failure(classify(Answer(status, {}, body), NOW, acts=True))
        assert type(error) is family
        assert error.code is None
        assert str(status) in error.detail

    def test_the_wording_decides_nothing(self) -> None:
        one = failure(classify(answer(403, 214, "Too many resources already created."), NOW, acts=False))
        other = failure(classify(answer(403, 214, "Rate limit exceeded. Try again later."), NOW, acts=False))
        assert (type(one), one.reason, one.detail) == (type(other), other.reason, other.detail)

    def test_twitters_words_are_kept_apart_and_short(self) -> None:
        error = failure(classify(answer(403, 151, "planted words " * 100), NOW, acts=True))
        assert len(error.words) == 300
        assert "planted" not in str(error)
        assert "planted" not in error.detail


def problem(status: int, kind: str, **headers: str) -> Answer:
    body = {"title": "Title", "detail": "Detail", "type": f"https://api.x.com/2/problems/{kind}", "status": status}
    return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body).encode())


class TestLater:
    """Every answer of X that means "later" makes the account wait, whatever its status."""

    @pytest.mark.parametrize(
        ("found", "reason", "until"),
        [
            (answer(403, 344), "daily_limit", None),
            (answer(403, 185), "daily_limit", None),
            (answer(403, 161), "daily_limit", None),
            (answer(403, 205), "daily_limit", None),
            (answer(403, 88), "rate_limited", None),
            (answer(403, 344, x_rate_limit_reset=str(EPOCH + 40)), "daily_limit", 40),
            (answer(403, 344, retry_after="40"), "daily_limit", 40),
            (answer(403, 226), "looks_automated", 900),
            (answer(429), "rate_limited", None),
            (answer(420), "rate_limited", None),
            (answer(429, retry_after="40"), "rate_limited", 40),
            (answer(402), "credits_depleted", 3600),
            (problem(402, "credits-depleted"), "credits_depleted", 3600),
            (problem(402, "credits"), "credits_depleted", 3600),
            (problem(429, "usage-capped", x_rate_limit_reset=str(EPOCH + 40)), "usage_capped", 3600),
            (problem(403, "usage-capped"), "usage_capped", 3600),
            (problem(429, "rate-limits", x_rate_limit_reset=str(EPOCH + 40)), "rate_limited", 40),
            (problem(429, "streaming-connection"), "stream_open_elsewhere", None),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("acts", [True, False])
    def test_is_a_limit(self, found: Answer, reason: str, until: int | None, acts: bool) -> None:
        error = failure(classify(found, NOW, acts=acts, endpoint=Endpoint.SEND))
        assert type(error) is RateLimited
        assert (error.reason, error.scope) == (reason, Scope.ACCOUNT)
        assert error.until == (None if until is None else NOW + timedelta(seconds=until))

    def test_covers_every_row_of_the_tables(self) -> None:
        codes = {code for code, (family, _, _) in CODES.items() if family is RateLimited}
        assert codes == {88, 161, 185, 205, 226, 344}
        problems = {kind for kind, (family, _, _) in PROBLEMS.items() if family is RateLimited}
        assert problems == {"usage-capped", "credits-depleted", "credits", "rate-limits", "streaming-connection"}

    @pytest.mark.parametrize("kind", ["internal-error", "operational-disconnect"])
    def test_a_fault_of_xs_own_is_retried(self, kind: str) -> None:
        assert type(failure(classify(problem(400, kind), NOW, acts=False))) is Retryable


class TestSetUp:
    """What only a person can bring in order: it waits, and the sentence says what to do."""

    @pytest.mark.parametrize(
        ("body", "reason", "words"),
        [
            ({"type": f"{P}/oauth1-permissions"}, "dm_permission_missing", "make new access tokens"),
            ({"type": f"{P}/unsupported-authentication"}, "oauth2_needed", "twitter-connector authorize"),
            (
                {"type": f"{P}/client-forbidden", "reason": "client-not-enrolled"},
                "client_not_enrolled",
                "enrol it at https://console.x.com (HTTP 403)",
            ),
            (
                {
                    "type": f"{P}/client-forbidden",
                    "reason": "user-not-enrolled",
                    "registration_url": "https://developer.x.com/en/portal",
                },
                "user_not_enrolled",
                "enrol it at https://developer.x.com/en/portal (HTTP 403)",
            ),
            ({"type": f"{P}/client-forbidden", "reason": "else"}, "client_not_enrolled", "Check its enrolment"),
            ({"errors": [{"code": 453, "message": "x"}]}, "plan_too_small", "without ENVIRONMENT-NAME"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("acts", [True, False])
    def test_waits_for_a_person(self, body: dict[str, Any], reason: str, words: str, acts: bool) -> None:
        error = failure(classify(Answer(403, {}, json.dumps(body).encode()), NOW, acts=acts))
        assert type(error) is CredentialsRejected
        assert error.reason == reason
        assert words in error.detail

    @pytest.mark.parametrize("url", ["https://evil.example/x.com", "javascript:x", 7, "https://x.com.evil.example"])
    def test_an_address_that_is_not_xs_is_not_passed_on(self, url: object) -> None:
        body = {"type": f"{P}/client-forbidden", "reason": "user-not-enrolled", "registration_url": url}
        error = failure(classify(Answer(403, {}, json.dumps(body).encode()), NOW, acts=False))
        assert "https://console.x.com (" in error.detail

    def test_an_empty_404_is_a_call_that_x_does_not_offer(self) -> None:
        error = failure(classify(Answer(404, {}, b""), NOW, acts=False))
        assert (type(error), error.reason) == (Permanent, "not_found")
        assert "does not offer this call" in error.detail


class TestScope:
    @pytest.mark.parametrize("status", [401, 429, 500, 503, 408, 302])
    @pytest.mark.parametrize("endpoint", [e for e in Endpoint if e is not Endpoint.SEND])
    def test_only_work_that_needs_the_endpoint_waits(self, endpoint: Endpoint, status: int) -> None:
        error = failure(classify(answer(status), NOW, acts=False, endpoint=endpoint))
        assert (error.scope, error.endpoint) == (Scope.ENDPOINT, endpoint)

    def test_a_refused_send_concerns_the_account_and_an_uncertain_one_its_conversation(self) -> None:
        scopes = {
            status: failure(classify(answer(status), NOW, acts=True, endpoint=Endpoint.SEND)).scope
            for status in (401, 429, 503)
        }
        assert scopes == {401: Scope.ACCOUNT, 429: Scope.ACCOUNT, 503: Scope.LANE}

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("25", 25), ("Mon, 02 Mar 2026 09:00:25 GMT", 25), ("999999999", 900), ("soon", None), ("-5", None)],
    )
    def test_an_overloaded_x_says_when_to_come_back(self, header: str, seconds: int | None) -> None:
        until = None if seconds is None else NOW + timedelta(seconds=seconds)
        for acts in (True, False):
            for code in (None, 130):
                assert failure(classify(answer(503, code, retry_after=header), NOW, acts=acts)).until == until

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            (used_up(quarter=40, remaining="0"), 40),
            (used_up(quarter=86_000, remaining="0"), 900),
            (used_up(quarter=40, remaining="0") | {"retry-after": "5"}, 5),
            # The reset of a limit that is not used up says nothing about the trouble.
            (used_up(quarter=800, remaining="14"), None),
            ({"x-rate-limit-reset": str(EPOCH + 800)}, None),
        ],
        ids=str,
    )
    def test_an_overloaded_x_whose_limit_is_used_up_is_asked_after_the_reset(
        self, headers: dict[str, str], seconds: int | None
    ) -> None:
        until = None if seconds is None else NOW + timedelta(seconds=seconds)
        for acts in (True, False):
            for code in (None, 130):
                overloaded = Answer(503, headers, answer(503, code).body)
                assert failure(classify(overloaded, NOW, acts=acts)).until == until


class TestFiles:
    @pytest.mark.parametrize("code", [324, 325])
    def test_x_s_words_about_a_file_reach_the_agent(self, code: int) -> None:
        error = failure(classify(answer(400, code, "Duration too short,\nminimum:500, actual:20."), NOW, acts=True))
        assert error.detail.endswith(f" (X error {code}: “Duration too short, minimum:500, actual:20”).")
        assert failure(classify(answer(400, code, ""), NOW, acts=True)).detail.endswith(f" (X error {code}).")


class TestWhatTwitterSays:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"errors": [{"code": 32, "message": "No."}]}, (32, "No.")),
            ({"errors": [{"code": "32", "message": "No."}]}, (32, "No.")),
            ({"errors": [{"code": "none", "message": "No."}]}, (None, "No.")),
            ({"errors": [{"code": True, "message": "No."}]}, (None, "No.")),
            ({"errors": [{"message": "No."}]}, (None, "No.")),
            ({"errors": [{"detail": "v2"}]}, (None, "v2")),
            ({"error": "media type unrecognized."}, (None, "media type unrecognized.")),
            ({"title": "Unauthorized", "status": 401, "type": "about:blank"}, (None, "Unauthorized")),
            ({"detail": "Gone.", "title": "x"}, (None, "Gone.")),
            ({"errors": {"code": 1}}, (None, "")),
            ({}, (None, "")),
            ([], (None, "")),
            (None, (None, "")),
        ],
        ids=str,
    )
    def test_in_every_form(self, body: Any, expected: tuple[int | None, str]) -> None:
        assert outcome(Answer(400, {}, json.dumps(body).encode())) == expected


@pytest.mark.parametrize(
    "code", [None, *(code for code, meaning in CODES.items() if issubclass(meaning[0], Permanent))]
)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_of_a_message_says_what_to_do(status: int, code: int | None) -> None:
    assert ". " in failure(classify(answer(status, code), NOW, acts=True)).detail


@pytest.mark.parametrize("meaning", [*CODES.values(), *PROBLEMS.values()], ids=lambda meaning: meaning[1])
def test_a_refusal_of_the_account_or_the_app_needs_a_person_and_says_what_to_do(meaning: ErrorMeaning) -> None:
    family, reason, sentence = meaning
    if issubclass(family, CredentialsRejected):
        assert reason in NEEDS_A_PERSON
        # After what happened stands what to do.
        assert len(re.split(r"\. |, then ", sentence)) > 1, sentence


class TestResetTime:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"x-rate-limit-reset": str(EPOCH + 90)}, NOW + timedelta(seconds=90)),
            ({"x-rate-limit-reset": str(EPOCH + 86400)}, NOW + timedelta(days=1)),
            ({"x-rate-limit-reset": str(EPOCH)}, NOW + timedelta(seconds=2)),
            ({"x-rate-limit-reset": str(EPOCH - 50)}, NOW + timedelta(seconds=2)),
            ({"x-rate-limit-reset": str(EPOCH + 90), "retry-after": "5"}, NOW + timedelta(seconds=90)),
            ({"retry-after": "5"}, NOW + timedelta(seconds=5)),
            ({"retry-after": "0"}, NOW),
            # Long past, far away, or no number at all: a fault, so the policy's own pause holds.
            ({"x-rate-limit-reset": "0"}, None),
            ({"x-rate-limit-reset": str(EPOCH - 3600)}, None),
            ({"x-rate-limit-reset": str(EPOCH + 86401)}, None),
            ({"x-rate-limit-reset": str((EPOCH + 90) * 1000)}, None),
            ({"x-rate-limit-reset": "9" * 30}, None),
            ({"x-rate-limit-reset": "soon"}, None),
            ({"x-rate-limit-reset": "-5"}, None),
            ({"x-rate-limit-reset": "١٢٣"}, None),
            ({"x-rate-limit-reset": "0", "retry-after": "7"}, NOW + timedelta(seconds=7)),
            ({"retry-after": "Mon, 02 Mar 2026 09:00:40 GMT"}, NOW + timedelta(seconds=40)),
            # Later than any limit lasts: the bound.
            ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, NOW + timedelta(days=1)),
            # API v2 names three limits; the one that is used up counts, the latest of several.
            (used_up(quarter=900, remaining="3", day=3600), NOW + timedelta(hours=1)),
            (used_up(quarter=900, remaining="0", day=3600), NOW + timedelta(hours=1)),
            (used_up(quarter=900, remaining="0"), NOW + timedelta(minutes=15)),
            (used_up(quarter=900, remaining="3"), NOW + timedelta(minutes=15)),
            ({}, None),
        ],
        ids=str,
    )
    def test_of_every_header(self, headers: dict[str, str], expected: datetime | None) -> None:
        assert reset_time(headers, NOW) == expected

    def test_a_limit_says_until_when(self) -> None:
        error = failure(classify(answer(429, 88, x_rate_limit_reset=str(EPOCH + 2)), NOW, acts=True))
        assert error.until == NOW + timedelta(seconds=2)
        assert failure(classify(answer(429, 88), NOW, acts=True)).until is None

    def test_the_moment_is_an_aware_one(self) -> None:
        at = reset_time({"x-rate-limit-reset": str(EPOCH + 2)}, NOW)
        assert at is not None
        assert at.tzinfo is UTC
