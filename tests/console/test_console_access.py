"""Who may reach the console, and what each may do: each sentence of the interface's section on it."""

from __future__ import annotations

import re
from dataclasses import replace
from http.cookies import SimpleCookie

import pytest

from tests.brokers import Broker, services_of
from tests.console.conftest import ACCOUNT, PASSWORD, Browser
from tests.tree import eventually
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.config import BadSetting, Settings

PAGES = [
    "/console",
    "/console/findings",
    f"/console/accounts/{ACCOUNT.id}",
    "/console/register",
    f"/console/register?account_id={ACCOUNT.id}",
    "/console/waiting",
    "/console/messages",
    "/console/messages/1",
    "/console/dead-letters",
    "/console/dead-letters/a0",
    "/console/dead-letters/group",
    "/console/dead-letters/progress/w",
    "/console/usage",
    "/console/system",
    "/console/authorized",
]
ACTIONS = [
    f"/console/accounts/{ACCOUNT.id}/check",
    f"/console/accounts/{ACCOUNT.id}/refresh",
    f"/console/accounts/{ACCOUNT.id}/resume",
    f"/console/accounts/{ACCOUNT.id}/unregister",
    f"/console/accounts/{ACCOUNT.id}/sign-in",
    "/console/register",
    "/console/register/check",
    "/console/register/try",
    "/console/register/sign-in",
    "/console/waiting/now",
    "/console/dead-letters/replay",
    "/console/dead-letters/discard",
]


def example(rule: str) -> str:
    """Return a path of a route."""
    values = {"account_id": ACCOUNT.id, "any_id": "1", "letter_id": "a0", "work_id": "w"}
    return re.sub(r"<(\w+)>", lambda name: values[name[1]], rule)


def rules(services: Services) -> set[tuple[str, str]]:
    app = create_app(services.settings, services)
    return {
        (method, example(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/console") and method in ("GET", "POST")
    }


def test_these_are_all_routes_of_the_console(services: Services) -> None:
    known = {("GET", path.partition("?")[0]) for path in PAGES} | {("POST", path) for path in ACTIONS}
    open_ones = {("GET", "/console/login"), ("POST", "/console/login"), ("POST", "/console/logout")}
    assert rules(services) == known | open_ones | {("GET", "/console/static/<path:filename>")}


@pytest.mark.parametrize("path", PAGES)
def test_without_login_every_page_leads_to_the_login_page(browser: Browser, path: str) -> None:
    for prefix in ("", "/twitter-connector"):
        answer = browser.get(prefix + path)
        assert (answer.status_code, ACCOUNT.screen_name in answer.text) == (303, False)
        assert browser.client.get(answer.location, base_url="https://cx.example.com").status_code in (200, 404)
    assert browser.get("/console/login").status_code == 200


@pytest.mark.parametrize("path", ACTIONS)
def test_without_login_no_action_is_done(browser: Browser, path: str) -> None:
    assert browser.post(path, csrf="guess").status_code == 401


@pytest.mark.parametrize("path", ACTIONS)
def test_a_viewer_may_look_and_not_act(viewer: Browser, path: str) -> None:
    assert viewer.get("/console").status_code == 200
    assert "viewer" in (answer := viewer.post(path)).text
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ACTIONS)
def test_an_operators_browser_does_nothing_for_a_foreign_page(operator: Browser, path: str) -> None:
    for form in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": "-"}):
        assert operator.post(path, **form).status_code == 403


def test_a_request_that_the_browser_calls_foreign_is_refused_even_with_the_right_token(operator: Browser) -> None:
    for site in ("cross-site", "same-site"):
        operator.client.environ_base["HTTP_SEC_FETCH_SITE"] = site
        assert operator.act(f"/console/accounts/{ACCOUNT.id}/resume").status_code == 403
    operator.client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    assert operator.act(f"/console/accounts/{ACCOUNT.id}/resume").status_code == 303


def test_the_cookie_is_secure_and_strict_and_names_no_prefix(browser: Browser) -> None:
    answer = browser.log_in("ada")
    (header,) = answer.headers.getlist("Set-Cookie")
    cookie = SimpleCookie(header)["console_session"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Strict", "/")


def test_a_session_is_good_in_every_replica_and_after_a_rotation_of_the_key(
    services: Services, operator: Browser
) -> None:
    other = create_app(services.settings, services).test_client()
    cookie = operator.client.get_cookie("console_session", domain="cx.example.com")
    assert cookie is not None
    other.set_cookie("console_session", cookie.value, domain="cx.example.com", secure=True)
    assert Browser(other).get("/console").status_code == 200


def test_another_password_ends_the_sessions_of_the_former_one(services: Services, operator: Browser) -> None:
    user = services.settings.console_users[0]
    changed = replace(user, hash=user.hash[:-1] + ("1" if user.hash[-1] == "0" else "0"))
    made = replace(services, settings=replace(services.settings, console_users=(changed,)))
    operator.client.application.extensions["services"] = made
    assert operator.get("/console").status_code == 303


def test_logging_out_ends_the_session(operator: Browser) -> None:
    assert operator.post("/console/logout").status_code == 303
    assert operator.get("/console").status_code == 303


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_from_the_fifth_wrong_password_on_the_next_one_waits_and_the_right_one_is_let_in_after_it(
    services: Services, browser: Browser, name: str
) -> None:
    answers = [browser.log_in(name, "wrong").status_code for _ in range(5)]
    assert answers == [401] * 5
    late = browser.log_in(name, PASSWORD)
    assert late.status_code == 429
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    waits = []
    for _ in range(8):
        services.logins.failed(name)
        waits.append(round(services.logins.wait(name)))
    assert waits == sorted(waits)
    assert waits[-1] == 60
    for key in services.redis.scan_iter("tc:login:*:wait"):
        services.redis.pexpire(key, 1)
    eventually(lambda: not services.logins.wait(name), 5, what="the end of the wait")
    assert browser.log_in(name).status_code == (303 if name == "ada" else 401)


def test_every_page_forbids_foreign_scripts_frames_and_caches(operator: Browser) -> None:
    for path in (*PAGES, "/console/login", "/console/static/console.css"):
        with operator.get(path) as answer:
            headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_a_script_or_a_style_of_its_own(operator: Browser) -> None:
    for path in PAGES:
        text = operator.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "onclick" not in text
        assert "<script>" not in text


def test_no_page_shows_a_secret(operator: Browser) -> None:
    operator.post("/console/register")
    pages = [operator.get(path).text for path in PAGES]
    pages.append(operator.act("/console/register", **{"API-KEY-SECRET": "planted-typed", "WEBHOOK-URL": "x"}).text)
    assert "planted" not in "".join(pages)


def test_every_action_leaves_a_line_with_its_user(operator: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for path in ACTIONS:
        caplog.clear()
        operator.act(path, typed="no", account_id=ACCOUNT.id, direction="in", reason="too_old")
        (record,) = [record for record in caplog.records if record.message == "console_action"]
        assert record.__dict__["user"] == "ada"


def test_without_users_and_sandbox_there_is_no_console(broker_process: Broker, services: Services) -> None:
    made = services_of(broker_process.settings)
    client = Browser(create_app(made.settings, made).test_client())
    for path in (*PAGES, "/console/login", "/console/static/console.css"):
        assert client.get(path).status_code == 404
    made.redis.close()


@pytest.mark.parametrize(
    ("host", "peer", "headers", "status"),
    [
        ("127.0.0.1:8080", "127.0.0.1", {}, 200),
        ("localhost", "::1", {}, 200),
        ("[::1]:8080", "127.0.0.1", {}, 200),
        ("evil.example", "127.0.0.1", {}, 404),
        ("127.0.0.1", "10.0.0.5", {}, 404),
        ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "10.0.0.5"}, 404),
        ("127.0.0.1", "127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 404),
    ],
)
def test_beside_the_sandbox_it_is_open_to_look_at_on_this_machine_only(
    services: Services, host: str, peer: str, headers: dict[str, str], status: int
) -> None:
    settings = replace(services.settings, console_users=(), use_sandbox=True)
    client = create_app(settings, replace(services, settings=settings)).test_client()
    answer = client.get("/console", base_url=f"http://{host}", environ_overrides={"REMOTE_ADDR": peer}, headers=headers)
    assert answer.status_code == status
    answer = client.post("/console/waiting/now", base_url=f"http://{host}", environ_overrides={"REMOTE_ADDR": peer})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ada", "entry 1"),
        ("ada:admin:scrypt:1:1:1$a$b", "viewer or operator"),
        ("ada:viewer:secret-hash", "console-password"),
        ("ada:viewer:scrypt:1:1:1$a$b,ada:viewer:scrypt:1:1:1$a$b", "twice"),
    ],
)
def test_a_user_that_cannot_be_understood_stops_the_start_without_its_hash(value: str, said: str) -> None:
    with pytest.raises(BadSetting, match="CONSOLE_USERS") as caught:
        Settings.from_env({"CCM_URL": "http://ccm", "CONSOLE_USERS": value})
    assert said in str(caught.value)
    assert "secret-hash" not in str(caught.value)
