"""OAuth 2.0: the link with PKCE, and what each answer of the token endpoint means."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from twitter_connector.errors import ConnectorError, CredentialsRejected, RateLimited, ServiceUnavailable
from twitter_connector.model.account import Credentials
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.oauth2 import OAuth2

TOKEN = "https://api.x.com/2/oauth2/token"
GOOD = {"token_type": "bearer", "expires_in": 7200, "access_token": "access", "refresh_token": "next"}
CLIENT = Credentials("k", "s", "", "", client_id="the client", client_secret="sec:ret").seeded("seed")


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def oauth2() -> OAuth2:
    return OAuth2(HttpClient(), "https://api.x.com", lambda: datetime(2026, 11, 27, tzinfo=UTC))


def form(call: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(call.request.body).items()}


def test_the_link_proves_the_verifier_without_telling_it() -> None:
    link = urlsplit(oauth2().link("the client", "http://127.0.0.1/callback", "state", "verifier"))
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (link.scheme, link.netloc, link.path) == ("https", "x.com", "/i/oauth2/authorize")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
    assert (query["code_challenge"], query["code_challenge_method"]) == (challenge, "S256")
    assert query["scope"].split() == [
        "dm.read",
        "dm.write",
        "tweet.read",
        "users.read",
        "media.write",
        "offline.access",
    ]
    assert "verifier" not in link.query


def test_a_confidential_client_shows_its_secret_as_basic_and_a_public_one_its_id(
    http: responses.RequestsMock,
) -> None:
    http.post(TOKEN, json=GOOD)
    pair = oauth2().refresh(CLIENT)
    assert (pair.access_token, pair.refresh_token, pair.seconds) == ("access", "next", 7200)
    expected = base64.b64encode(b"the%20client:sec%3Aret").decode()
    assert http.calls[0].request.headers["Authorization"] == f"Basic {expected}"
    assert form(http.calls[0]) == {"grant_type": "refresh_token", "refresh_token": "seed"}
    oauth2().redeem(Credentials("k", "s", "", "", client_id="public"), "code", "http://127.0.0.1/callback", "verifier")
    assert "Authorization" not in http.calls[1].request.headers
    assert form(http.calls[1])["client_id"] == "public"


@pytest.mark.parametrize(
    ("status", "body", "family", "reason"),
    [
        (400, {"error": "invalid_grant"}, CredentialsRejected, "oauth2_grant_ended"),
        (400, {"error": "invalid_request", "error_description": "x"}, CredentialsRejected, "oauth2_grant_ended"),
        (401, {"error": "unauthorized_client"}, CredentialsRejected, "oauth2_client_refused"),
        (400, {"error": "invalid_client"}, CredentialsRejected, "oauth2_client_refused"),
        (400, {}, ServiceUnavailable, "twitter_odd_answer"),
        (429, {"title": "Too Many Requests"}, RateLimited, "rate_limited"),
        (503, {}, ServiceUnavailable, "twitter_unavailable"),
        (200, {}, ServiceUnavailable, "twitter_odd_answer"),
        (200, {**GOOD, "refresh_token": None}, ServiceUnavailable, "twitter_odd_answer"),
    ],
)
def test_each_answer_has_its_meaning(
    http: responses.RequestsMock, status: int, body: dict[str, Any], family: type[ConnectorError], reason: str
) -> None:
    http.post(TOKEN, status=status, json=body)
    with pytest.raises(family) as failure:
        oauth2().refresh(CLIENT)
    assert failure.value.reason == reason
    assert "seed" not in str(failure.value) + repr(failure.value.__dict__)


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [("3600", 3600), (3600, 3600), (0, 7200), ("soon", 7200), (None, 7200), (True, 7200)]
)
def test_how_long_a_token_lasts_may_be_text(http: responses.RequestsMock, expires_in: object, seconds: int) -> None:
    http.post(TOKEN, json={**GOOD, "expires_in": expires_in})
    assert oauth2().refresh(CLIENT).seconds == seconds


def test_an_answer_that_never_came_is_no_refusal(http: responses.RequestsMock) -> None:
    http.post(TOKEN, body=ConnectionError("gone"))
    with pytest.raises((ServiceUnavailable, ConnectionError)):
        oauth2().refresh(CLIENT)
