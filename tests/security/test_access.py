"""The internal routes at the door: tokens, guesses, foreign pages; and refusals that tell nothing of the inside."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from tests.web.web_requests import ACCOUNT, cim, is_problem
from twitter_connector.bootstrap import Services
from twitter_connector.web import token_attempts
from twitter_connector.web.access import has_token
from twitter_connector.web.token_attempts import Attempts

TOKENS = ("first-token-of-the-two", "second-token-of-the-two")
INTERNAL = [
    ("POST", "/webhook/twitter/register-and-subscribe"),
    ("GET", f"/webhook/twitter/{ACCOUNT.id}/status"),
    ("DELETE", f"/webhook/twitter/{ACCOUNT.id}"),
    ("POST", "/cim-messages"),
    ("POST", "/message/receive"),
    ("POST", "/ccm-msg/receive"),
    ("POST", "/"),
    ("POST", "/connector-configurations"),
    ("POST", "/channel-type-configurations"),
    ("GET", "/accounts"),
    ("GET", f"/accounts/{ACCOUNT.id}"),
    ("GET", "/dead-letters"),
    ("POST", "/dead-letters/1/replay"),
    ("POST", "/dead-letters/replay"),
    ("DELETE", "/dead-letters/1"),
    ("GET", "/metrics"),
]


@pytest.fixture
def guarded(application: Flask, services: Services) -> FlaskClient:
    """An installation with tokens."""
    services.accounts.save(ACCOUNT)
    application.extensions["services"] = replace(services, settings=replace(services.settings, api_tokens=TOKENS))
    return application.test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path"), INTERNAL)
def test_without_a_token_configured_only_insiders_may_call(client: FlaskClient, method: str, path: str) -> None:
    public = {"REMOTE_ADDR": "8.8.8.8"}
    behind_a_gateway = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "8.8.8.8"}
    by_its_rfc = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=8.8.8.8;proto=https"}
    only_real_ip = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_REAL_IP": "8.8.8.8"}
    for environment in (public, behind_a_gateway, by_its_rfc, only_real_ip):
        response = client.open(path, method=method, environ_overrides=environment)
        assert response.status_code == 403
        assert is_problem(response)
        assert "CONNECTOR_API_TOKEN" in response.get_json()["detail"]
        assert ACCOUNT.id not in response.get_data(as_text=True)
    inside = client.open(path, method=method, environ_overrides={"HTTP_X_FORWARDED_FOR": "10.1.2.3, 192.168.0.9"})
    assert inside.status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path"), INTERNAL)
def test_with_tokens_configured_only_they_let_in(guarded: FlaskClient, method: str, path: str) -> None:
    for headers in ({}, bearer("not-a-token-of-ours"), {"Authorization": TOKENS[0]}):
        response = guarded.open(path, method=method, headers=headers)
        assert response.status_code == 401
        assert is_problem(response)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    for token in TOKENS:
        outside = {"REMOTE_ADDR": "8.8.8.8"}
        response = guarded.open(path, method=method, headers=bearer(token), environ_overrides=outside)
        assert response.status_code not in (401, 403)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/readiness", "/actuator/health/liveness"])
def test_health_is_open_to_everybody(guarded: FlaskClient, path: str) -> None:
    assert guarded.get(path, environ_overrides={"REMOTE_ADDR": "8.8.8.8"}).status_code in (200, 503)


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"Bearer {TOKENS[0]}", True),
        (f"bearer  {TOKENS[1]} ", True),
        ("Basic " + base64.b64encode(f"ccm:{TOKENS[0]}".encode()).decode(), True),
        ("Basic " + base64.b64encode(f":{TOKENS[0]}".encode()).decode(), True),
        ("Basic " + base64.b64encode(TOKENS[0].encode()).decode(), False),
        ("Basic " + base64.b64encode(f"{TOKENS[0]}:".encode()).decode(), False),
        (f"Basic {TOKENS[0]}", False),
        ("Basic \u00e9", False),
        ("Basic /w==", False),
        (f"Bearer {TOKENS[0]}x", False),
        (f"Bearer {TOKENS[0]},{TOKENS[1]}", False),
        (f"Bearer {TOKENS[0][:-1]}", False),
        (f"Digest {TOKENS[0]}", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("", False),
        ("Bearer \ud800", False),
    ],
)
def test_a_token_counts_whole_or_not_at_all(header: str, right: bool) -> None:
    assert has_token(header, TOKENS) is right


@budget(400)
@given(st.text(max_size=60) | st.builds("{} {}".format, st.sampled_from(["Bearer", "Basic"]), st.text(max_size=60)))
@example("Basic " + "A" * 8000)
def test_no_header_but_the_token_lets_in_and_none_makes_the_check_fail(header: str) -> None:
    assert not has_token(header, TOKENS)


def test_who_guesses_is_slowed_down_and_nobody_else(guarded: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    guesser, neighbour = {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "203.0.113.10"}
    for number in range(token_attempts.BURST):
        wrong = guarded.get("/accounts", headers=bearer(f"guess-{number:05}"), environ_overrides=guesser)
        assert wrong.status_code == 401
    slowed = guarded.get("/accounts", headers=bearer("guess-again"), environ_overrides=guesser)
    assert slowed.status_code == 429
    assert is_problem(slowed)
    assert 1 <= int(slowed.headers["Retry-After"]) <= token_attempts.REFILL_SECONDS + 1
    # Now even the right one would not be told from a wrong one.
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=guesser).status_code == 429
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=neighbour).status_code == 200
    # Said once, not for every guess.
    assert [r.message for r in caplog.records].count("token_guessing_slowed") == 1


@pytest.mark.parametrize("peer", ["10.0.0.1", "127.0.0.1", "203.0.113.9"])
def test_a_peer_that_names_another_caller_for_every_guess_is_slowed_down_itself(
    guarded: FlaskClient, peer: str
) -> None:
    """An insider can write anything into X-Forwarded-For."""
    statuses = [
        guarded.get(
            "/accounts",
            headers={**bearer(f"guess-{number:05}"), "X-Forwarded-For": f"203.0.113.{number}"},
            environ_overrides={"REMOTE_ADDR": peer},
        ).status_code
        for number in range(token_attempts.BURST + 5)
    ]
    assert statuses == [401] * token_attempts.BURST + [429] * 5
    # The same address through another gateway, and another peer, are none of its business.
    for other in ("10.0.0.2", "10.0.0.3"):
        through = {"REMOTE_ADDR": other, "HTTP_X_FORWARDED_FOR": "203.0.113.1"}
        assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=through).status_code == 200


def test_what_one_peer_says_about_a_trusted_caller_gives_another_peer_no_free_guesses(guarded: FlaskClient) -> None:
    honest = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=honest).status_code == 200
    liar = {"REMOTE_ADDR": "10.0.0.66", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}
    for _ in range(token_attempts.BURST):
        assert guarded.get("/accounts", headers=bearer("guess-guess"), environ_overrides=liar).status_code == 401
    assert guarded.get("/accounts", headers=bearer("guess-guess"), environ_overrides=liar).status_code == 429


def test_callers_behind_a_gateway_are_counted_apart_and_a_few_of_them_slow_nobody_else(guarded: FlaskClient) -> None:
    def behind(address: str) -> dict[str, str]:
        return {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": address}

    known = behind("203.0.113.200")
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=known).status_code == 200
    for number in range(token_attempts.NAMES_MAX - 1):
        for _ in range(token_attempts.BURST + 1):
            guarded.get("/accounts", headers=bearer("outdated"), environ_overrides=behind(f"203.0.113.{number}"))
    new = behind("203.0.113.100")
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=new).status_code == 200
    for number in range(100):
        guarded.get("/accounts", headers=bearer("guess-guess"), environ_overrides=behind(f"198.51.100.{number}"))
    # Too many to be believed. Who gave the right token lately is still let in.
    newest = behind("203.0.113.101")
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=newest).status_code == 429
    assert guarded.get("/accounts", headers=bearer(TOKENS[0]), environ_overrides=known).status_code == 200


def test_a_request_without_a_token_is_no_guess(guarded: FlaskClient) -> None:
    for _ in range(token_attempts.BURST * 2):
        assert guarded.get("/accounts").status_code == 401
    assert guarded.get("/accounts", headers=bearer(TOKENS[0])).status_code == 200


def test_a_caller_that_has_used_a_token_rightly_is_not_locked_out_by_its_neighbours(guarded: FlaskClient) -> None:
    assert guarded.get("/accounts", headers=bearer(TOKENS[0])).status_code == 200
    for _ in range(token_attempts.BURST * 2):
        guarded.get("/accounts", headers=bearer("guess-guess"))
    assert guarded.get("/accounts", headers=bearer(TOKENS[0])).status_code == 200


def test_twitters_own_routes_are_never_slowed_down(guarded: FlaskClient) -> None:
    for _ in range(token_attempts.BURST + 1):
        guarded.get("/accounts", headers=bearer("guess-guess"))
    assert guarded.get("/accounts", headers=bearer("guess-guess")).status_code == 429
    assert guarded.get(f"/webhook/twitter/{ACCOUNT.id}?crc_token=abc").status_code == 200
    assert guarded.post(f"/webhook/twitter/{ACCOUNT.id}", data=b"{}").status_code == 401


class Ticks:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_attempts_come_back_one_by_one() -> None:
    clock = Ticks()
    counted = Attempts(clock)
    used_up = [counted.failed("a", "a") for _ in range(token_attempts.BURST)]
    assert used_up == [False] * (token_attempts.BURST - 1) + [True]
    assert counted.wait("a", "a") == token_attempts.REFILL_SECONDS
    clock.now += token_attempts.REFILL_SECONDS
    assert counted.wait("a", "a") == 0
    assert counted.failed("a", "a") is True
    assert counted.wait("a", "a") > 0
    clock.now += token_attempts.BURST * token_attempts.REFILL_SECONDS
    assert counted.failed("a", "a") is False
    # However long it went on, it is over as soon as that.
    for _ in range(10_000):
        counted.failed("b", "b")
    clock.now += 2 * token_attempts.BURST * token_attempts.REFILL_SECONDS
    assert counted.wait("b", "b") == 0


def test_trust_ends() -> None:
    clock = Ticks()
    counted = Attempts(clock)
    counted.succeeded("a", "a")
    for _ in range(token_attempts.BURST):
        counted.failed("a", "a")
    assert counted.wait("a", "a") == 0
    clock.now += token_attempts.TRUST_SECONDS
    for _ in range(token_attempts.BURST):
        counted.failed("a", "a")
    assert counted.wait("a", "a") > 0


def test_the_memory_of_callers_has_a_limit() -> None:
    counted = Attempts(Ticks())
    for number in range(token_attempts.CALLERS_MAX + 500):
        counted.failed(f"peer-{number}", f"caller-{number}")
        counted.succeeded("peer", f"friend-{number}")
    assert len(counted._forgiven) <= token_attempts.CALLERS_MAX
    assert len(counted._trusted) <= token_attempts.CALLERS_MAX
    assert len(counted._named) <= token_attempts.CALLERS_MAX


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "multipart/form-data", ""])
def test_a_web_page_in_an_insiders_browser_cannot_send_in_the_brands_name(
    client: FlaskClient, services: Services, content_type: str
) -> None:
    body: Any = json.dumps(cim())
    headers = {"Origin": "https://evil.example"}
    response = client.post("/cim-messages", data=body, content_type=content_type, headers=headers)
    assert response.status_code == 403
    assert is_problem(response)
    assert client.post("/dead-letters/replay", data="{}", content_type=content_type, headers=headers).status_code == 403
    assert services.lanes.waiting(ACCOUNT.id) == dict.fromkeys(services.lanes.waiting(ACCOUNT.id), 0)
    # What a browser would ask for first is never granted.
    asked = client.options("/cim-messages", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert not [name for name, _ in asked.headers if name.lower().startswith("access-control-allow")]


def test_ccm_may_send_any_content_type_and_even_an_origin_with_json(client: FlaskClient) -> None:
    assert client.post("/cim-messages", data=json.dumps(cim("1")), content_type="text/plain").status_code == 202
    headers = {"Origin": "https://cx.example.com"}
    assert client.post("/cim-messages", json=cim("2"), headers=headers).status_code == 202
