"""Log-in by an OpenID Connect provider, over real HTTP: who is let in, with which role, and what is refused."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from tests.console.conftest import Browser
from tests.console.openid_provider import CLIENT_ID, CLIENT_SECRET, SYMMETRIC, OpenIdProvider, other_key, running
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.config import BadSetting, Settings

HERE = "https://cx.example.com"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[OpenIdProvider, dict[str, Any]]]:
    with running() as provider:
        yield provider, {"address": provider.address, "key": provider.key}


@pytest.fixture
def provider(shared: tuple[OpenIdProvider, dict[str, Any]]) -> OpenIdProvider:
    """Return the provider as it was at first."""
    provider, first = shared
    provider.__dict__.update({**OpenIdProvider(**first).__dict__, "published": [first["key"]]})
    return provider


def with_provider(services: Services, provider: OpenIdProvider, **changes: Any) -> Services:
    settings = replace(
        services.settings,
        console_users=(),
        console_oidc_issuer=provider.address,
        console_oidc_client_id=CLIENT_ID,
        console_oidc_client_secret=CLIENT_SECRET,
        console_oidc_operators="cx-operators",
    )
    return replace(services, settings=replace(settings, **changes))


@pytest.fixture
def browser(services: Services, provider: OpenIdProvider) -> Browser:
    made = with_provider(services, provider)
    return Browser(create_app(made.settings, made).test_client())


def began(browser: Browser, prefix: str = "") -> str:
    """Begin to log in. Return the address that the provider sends the browser back to."""
    answer = browser.get(f"{prefix}/console/login/provider")
    assert answer.status_code == 303, answer.text
    sent = requests.get(answer.location, allow_redirects=False, timeout=10)
    return sent.headers["Location"]


def logged_in(browser: Browser) -> TestResponse:
    """Log in and return the last answer of it."""
    back = began(browser)
    assert back.startswith(f"{HERE}/console/login/return?")
    return browser.get(back.removeprefix(HERE))


def test_a_person_is_let_in_by_the_provider_with_the_role_of_the_group_and_logged_with_its_id(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert browser.get("/console").status_code == 303
    answer = logged_in(browser)
    assert answer.status_code == 200
    assert 'content="0;url=../../console"' in answer.text
    assert "ada.l (operator)" in browser.get("/console").text
    (record,) = [record for record in caplog.records if record.message == "console_login"]
    assert (record.__dict__["user"], record.__dict__["role"], record.__dict__["subject"]) == (
        "ada.l",
        "operator",
        "5f1c",
    )
    caplog.clear()
    assert browser.act("/console/waiting/now", account_id="732739706", direction="in").status_code == 303
    (record,) = [record for record in caplog.records if record.message == "console_action"]
    assert record.__dict__["subject"] == "5f1c"


def test_only_the_group_of_the_settings_may_act_and_all_others_look(browser: Browser, provider: OpenIdProvider) -> None:
    cases: list[tuple[Any, str]] = [
        (["cx-operators"], "operator"),
        (["/cx-operators"], "operator"),
        (["/other/cx-operators"], "viewer"),
        (["CX-Operators"], "viewer"),
        ([], "viewer"),
        (None, "viewer"),
        ("cx-operators", "viewer"),
        ([["cx-operators"]], "viewer"),
    ]
    for groups, role in cases:
        provider.claims = {"groups": groups}
        logged_in(browser)
        assert f"({role})" in browser.get("/console").text, groups
    assert browser.post("/console/waiting/now").status_code == 403


def test_without_a_group_in_the_settings_everybody_looks_only(services: Services, provider: OpenIdProvider) -> None:
    made = with_provider(services, provider, console_oidc_operators=None)
    browser = Browser(create_app(made.settings, made).test_client())
    logged_in(browser)
    assert "(viewer)" in browser.get("/console").text


def test_the_request_has_pkce_state_and_nonce_and_asks_for_a_code(browser: Browser) -> None:
    answer = browser.get("/twitter-connector/console/login/provider")
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}
    assert query["realm"] == "cx"
    assert (query["response_type"], query["code_challenge_method"], query["client_id"]) == ("code", "S256", CLIENT_ID)
    assert "openid" in query["scope"].split()
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 32
    assert query["redirect_uri"] == f"{HERE}/twitter-connector/console/login/return"
    other = browser.get("/twitter-connector/console/login/provider").location
    assert other != answer.location


def test_the_attempt_is_kept_in_a_short_lived_lax_cookie_and_the_session_in_a_strict_one(browser: Browser) -> None:
    (header,) = browser.get("/console/login/provider").headers.getlist("Set-Cookie")
    assert header.startswith("console_sign_in=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"} <= set(header.split("; "))
    cookies = logged_in(browser).headers.getlist("Set-Cookie")
    strict = next(cookie for cookie in cookies if cookie.startswith("console_session="))
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(strict.split("; "))
    assert any(cookie.startswith("console_sign_in=;") for cookie in cookies)


def test_with_a_public_address_the_provider_leads_back_to_it(services: Services, provider: OpenIdProvider) -> None:
    made = with_provider(services, provider, public_url="https://gate.example.com/twitter-connector")
    browser = Browser(create_app(made.settings, made).test_client())
    # The gateway has stripped the prefix.
    assert began(browser).startswith("https://gate.example.com/twitter-connector/console/login/return?")


def test_a_log_in_may_begin_in_one_replica_and_end_in_another(services: Services, provider: OpenIdProvider) -> None:
    made = with_provider(services, provider)
    one, other = (Browser(create_app(made.settings, made).test_client()) for _ in range(2))
    back = began(one)
    cookie = one.client.get_cookie("console_sign_in", domain="cx.example.com")
    assert cookie is not None
    other.client.set_cookie("console_sign_in", cookie.value, domain="cx.example.com", secure=True)
    assert other.get(back.removeprefix(HERE)).status_code == 200
    session = other.client.get_cookie("console_session", domain="cx.example.com")
    assert session is not None
    one.client.set_cookie("console_session", session.value, domain="cx.example.com", secure=True)
    assert one.get("/console").status_code == 200


@pytest.mark.parametrize("change", [{"console_oidc_operators": "others"}, {"console_oidc_client_id": "another"}])
def test_another_group_or_client_in_the_settings_ends_the_sessions(browser: Browser, change: dict[str, str]) -> None:
    logged_in(browser)
    made = browser.client.application.extensions["services"]
    settings = replace(made.settings, **change)
    browser.client.application.extensions["services"] = replace(made, settings=settings)
    assert browser.get("/console").status_code == 303


def test_after_an_hour_the_provider_is_asked_again(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    logged_in(browser)
    begun = time.time()
    monkeypatch.setattr("twitter_connector.console.sessions.time.time", lambda: begun + 3_500)
    assert browser.get("/console").status_code == 200
    monkeypatch.setattr("twitter_connector.console.sessions.time.time", lambda: begun + 3_700)
    assert browser.get("/console").status_code == 303


def test_a_return_that_this_browser_did_not_begin_is_refused(browser: Browser, services: Services) -> None:
    back = began(browser).removeprefix(HERE)
    stranger = Browser(browser.client.application.test_client())
    for path in (back, "/console/login/return", "/console/login/return?code=x&state="):
        answer = stranger.get(path)
        assert answer.status_code == 403
        assert "not begun in this browser" in answer.text
    assert browser.get(re.sub("state=[^&]+", "state=guess", back)).status_code == 403
    assert browser.get(re.sub("state=[^&]+", "state=%C3%A9", back)).status_code == 403
    assert browser.get("/console").status_code == 303
    assert browser.get(back).status_code == 200
    # The same code once more.
    assert browser.get(back).status_code == 403


def test_a_cookie_that_is_too_old_or_forged_is_refused(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    back = began(browser).removeprefix(HERE)
    cookie = browser.client.get_cookie("console_sign_in", domain="cx.example.com")
    assert cookie is not None
    session = browser.client.get_cookie("console_session", domain="cx.example.com")
    browser.client.set_cookie("console_sign_in", cookie.value[:-5], domain="cx.example.com", secure=True)
    assert browser.get(back).status_code == 403
    browser.client.set_cookie("console_sign_in", cookie.value, domain="cx.example.com", secure=True)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 700)
    assert browser.get(back).status_code == 403
    # An attempt is no session.
    browser.client.set_cookie("console_session", cookie.value, domain="cx.example.com", secure=True)
    monkeypatch.undo()
    assert browser.get("/console").status_code == 303
    assert session is None


def test_an_id_token_for_others_is_refused_and_the_page_names_what_is_wrong(
    browser: Browser, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"aud": "another-client"}, "its aud is"),
        ({"aud": [CLIENT_ID, "another-client"], "azp": "another-client"}, "its azp is"),
        ({"iss": "https://evil.example"}, "its iss is"),
        ({"nonce": "another"}, "its nonce is"),
        ({"nonce": None}, "its nonce is"),
        ({"exp": 1_000_000_000}, "it has ended"),
        ({"exp": None}, "its exp is"),
        ({"iat": 4_000_000_000}, "its iat is"),
        ({"sub": None}, "its sub is"),
    ]
    for claims, said in cases:
        provider.claims = claims
        answer = logged_in(browser)
        assert (answer.status_code, said in answer.text) == (502, True), claims
        assert "CONSOLE_OIDC_" in answer.text
        assert browser.get("/console").status_code == 303
    reasons = [record.__dict__["reason"] for record in caplog.records if record.message == "console_login_failed"]
    assert reasons == ["id_token_refused"] * len(cases)


def test_an_id_token_with_a_wrong_signature_is_refused(browser: Browser, provider: OpenIdProvider) -> None:
    for key, algorithm in ((other_key(), "ES256"), (SYMMETRIC, "HS256"), (SYMMETRIC, "none")):
        provider.key, provider.algorithm = key, algorithm
        answer = logged_in(browser)
        assert (answer.status_code, "signature" in answer.text) == (502, True), algorithm
        assert browser.get("/console").status_code == 303


def test_a_key_that_the_provider_has_changed_is_read_again(browser: Browser, provider: OpenIdProvider) -> None:
    logged_in(browser)
    provider.rotate(other_key(), "ES256")
    assert logged_in(browser).status_code == 200


def test_a_log_in_that_fails_says_what_to_do(browser: Browser, provider: OpenIdProvider) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"token_answer": (401, {"error": "invalid_client"})}, 502, "CONSOLE_OIDC_CLIENT_SECRET"),
        ({"token_answer": (400, {"error": "invalid_grant"})}, 502, "Log in again"),
        ({"token_answer": (500, "<html>")}, 502, "HTTP 500"),
        ({"token_answer": (200, "[]")}, 502, "HTTP 200"),
        ({"token_answer": (200, {"access_token": "a"})}, 502, "signature"),
        ({"token_answer": (200, {"id_token": 5})}, 502, "signature"),
        ({"token_answer": None, "broken": "/keys"}, 502, "has no keys"),
        ({"error": "access_denied"}, 403, "access_denied"),
        ({"error": "<b>call 555</b>"}, 403, "unknown error"),
    ]
    for fault, status, said in cases:
        provider.__dict__.update(fault)
        answer = logged_in(browser)
        assert (answer.status_code, said in answer.text) == (status, True), fault
        assert "555" not in answer.text
        assert "planted" not in answer.text
        assert browser.get("/console").status_code == 303


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"broken": "/.well-known/openid-configuration"}, "no OpenID Connect configuration"),
        ({"metadata": {"issuer": "https://another.example"}}, "https://another.example"),
        ({"metadata": {"authorization_endpoint": None}}, "authorization_endpoint"),
        ({"address": "http://127.0.0.1:9"}, "did not answer"),
    ],
)
def test_a_provider_that_cannot_be_used_is_named_with_the_variable_to_check(
    services: Services, provider: OpenIdProvider, fault: dict[str, Any], said: str
) -> None:
    provider.__dict__.update(fault)
    made = with_provider(services, provider)
    answer = Browser(create_app(made.settings, made).test_client()).get("/console/login/provider")
    assert answer.status_code == 502
    assert said in answer.text
    assert "CONSOLE_OIDC_ISSUER" in answer.text


def test_the_answer_of_another_issuer_is_refused(browser: Browser) -> None:
    back = re.sub("iss=[^&]+", "iss=https://evil.example", began(browser))
    assert browser.get(back.removeprefix(HERE)).status_code == 502
    assert browser.get("/console").status_code == 303


def test_logging_out_ends_the_session_and_leads_to_the_providers_own_log_out(
    browser: Browser, provider: OpenIdProvider
) -> None:
    logged_in(browser)
    answer = browser.post("/console/logout")
    assert (answer.status_code, answer.location) == (303, "../console/login?out=1")
    page = browser.get("/console/login?out=1").text
    assert f"{provider.address}/logout?client_id={CLIENT_ID}" in page
    assert "post_logout_redirect_uri=https%3A%2F%2Fcx.example.com%2Fconsole%2Flogin" in page
    assert browser.get("/console").status_code == 303
    provider.broken = "/.well-known/openid-configuration"
    browser.client.application.extensions["console_openid_provider"]._discovery._read_at = -1e9
    assert browser.get("/console/login?out=1").status_code == 200


def test_passwords_and_the_provider_work_beside_each_other(services: Services, provider: OpenIdProvider) -> None:
    made = with_provider(services, provider, console_users=services.settings.console_users)
    browser = Browser(create_app(made.settings, made).test_client())
    page = browser.get("/console/login").text
    assert 'name="password"' in page
    assert "/console/login/provider" in page
    assert browser.log_in("vic").status_code == 303
    assert "vic (viewer)" in browser.get("/console").text


def test_with_the_provider_alone_no_password_is_taken(browser: Browser) -> None:
    assert 'name="password"' not in browser.get("/console/login").text
    assert browser.log_in("ada").status_code == 404
    # Nor does a name of the provider's become that of a user with a password.
    assert browser.get("/console").status_code == 303


def test_nothing_of_the_log_in_is_in_a_log(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    back = began(browser)
    browser.get(back.removeprefix(HERE))
    code = parse_qs(urlsplit(back).query)["code"][0]
    ours = [record for record in caplog.records if record.name.startswith("twitter_connector")]
    assert ours
    for record in ours:
        assert code not in str(record.__dict__)
        assert "planted" not in str(record.__dict__)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CONSOLE_OIDC_ISSUER": "https://id.example"}, "CONSOLE_OIDC_CLIENT_ID is not set"),
        ({"CONSOLE_OIDC_CLIENT_ID": "console"}, "CONSOLE_OIDC_ISSUER is not set"),
        ({"CONSOLE_OIDC_CLIENT_SECRET": "planted"}, "CONSOLE_OIDC_ISSUER is not set"),
        ({"CONSOLE_OIDC_OPERATORS": "cx"}, "CONSOLE_OIDC_ISSUER is not set"),
        ({"CONSOLE_OIDC_ISSUER": "http://id.example", "CONSOLE_OIDC_CLIENT_ID": "c"}, "https://"),
        ({"CONSOLE_OIDC_ISSUER": "id.example", "CONSOLE_OIDC_CLIENT_ID": "c"}, "URL"),
    ],
)
def test_a_client_that_is_not_whole_stops_the_start_with_the_name_of_the_variable(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(BadSetting, match="CONSOLE_OIDC_") as caught:
        Settings.from_env({"CCM_URL": "http://ccm", **given})
    assert said in str(caught.value)
    assert "planted" not in str(caught.value)
