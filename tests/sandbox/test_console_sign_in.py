"""OAuth 2.0 sign-in with X from the console, against the sandbox: for a new account, and for a registered one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox_process import V2_ACCOUNT, Sandbox
from werkzeug.test import TestResponse

from tests.brokers import Broker, broker_process, inspector, services_of
from tests.console.conftest import Browser, users
from twitter_connector import create_app
from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.config_values import ConsoleUser
from twitter_connector.model.oauth2 import POST_SCOPES
from twitter_connector.store.account_rows import NAMED_FIELDS

__all__ = ["broker_process", "inspector", "users"]

pytestmark = pytest.mark.integration
HERE = "https://cx.example.com"


@pytest.fixture
def services(
    broker_process: Broker, inspector: Any, sandbox: Sandbox, users: tuple[ConsoleUser, ...]
) -> Iterator[Services]:
    inspector.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    made = services_of(
        replace(broker_process.settings, console_users=users, twitter_api_url=sandbox.url, x_api_url=sandbox.url)
    )
    yield made
    made.redis.close()


@pytest.fixture
def operator(services: Services) -> Browser:
    browser = Browser(create_app(services.settings, services).test_client())
    assert browser.log_in("ada").status_code == 303
    return browser


def authorized(sandbox: Sandbox, page: TestResponse, decision: str = "allow", account_id: str = V2_ACCOUNT) -> str:
    """Decide on the page that X shows. Return the path that X sends the browser back to."""
    assert page.status_code == 200, page.text
    link = re.search(r'class="button" href="([^"]+)"', page.text)
    assert link is not None
    asked = {name: values[0] for name, values in parse_qs(urlsplit(unescape(link[1])).query).items()}
    answer = sandbox.http.post(
        f"{sandbox.url}/i/oauth2/authorize",
        data={**asked, "account_id": account_id, "decision": decision},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.headers["Location"].startswith(f"{HERE}/console/authorized?")
    return answer.headers["Location"].removeprefix(HERE)


def client_of(sandbox: Sandbox) -> dict[str, str]:
    return {name: value for name, value in sandbox.grant().items() if name.startswith("CLIENT-")}


def test_a_new_account_is_registered_with_the_tokens_of_the_sign_in(
    sandbox: Sandbox, services: Services, operator: Browser
) -> None:
    app = {name: value for name, value in sandbox.keys(V2_ACCOUNT).items() if name.startswith("API-")}
    page = operator.act("/console/register/sign-in", **app, **client_of(sandbox), INBOUND="poll")
    back = authorized(sandbox, page)
    answer = operator.get(back)
    assert (answer.status_code, answer.location) == (303, f"../console/accounts/{V2_ACCOUNT}"), answer.text
    account = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert account is not None
    assert account.credentials.oauth2_seed
    assert account.credentials.access_token == ""
    assert "registered" in operator.said(answer)
    # The same return once more does nothing.
    assert operator.get(back).status_code == 403


def test_a_registered_account_gets_a_new_grant_and_only_its_owner_can_give_it(
    sandbox: Sandbox, services: Services, operator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    body = {**sandbox.keys(V2_ACCOUNT), **sandbox.grant(), "INBOUND": "poll"}
    body.pop("WEBHOOK-URL")
    services.registration.register(load_registration(body))
    before = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert before is not None
    path = f"/console/accounts/{V2_ACCOUNT}/sign-in"
    denied = operator.get(authorized(sandbox, operator.act(path), "deny"))
    assert (denied.status_code, "access_denied" in denied.text) == (403, True)
    answer = operator.get(authorized(sandbox, operator.act(path)))
    assert "new OAuth 2.0 token" in operator.said(answer)
    after = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert after is not None
    assert after.credentials.oauth2_seed not in ("", before.credentials.oauth2_seed)
    assert after.credentials.access_token == before.credentials.access_token
    actions = [r.__dict__["action"] for r in caplog.records if r.message == "console_action"]
    assert actions[-2:] == ["console_x_sign_in.sign_in", "console_x_sign_in.finish"]
    page = operator.get(f"/console/accounts/{V2_ACCOUNT}").text
    assert "Sign in with X" in page
    for secret in (after.credentials.oauth2_seed, after.credentials.oauth2_access_token, body["CLIENT-SECRET"]):
        assert secret not in page


@pytest.mark.parametrize("posts", ["off", "all"])
def test_an_account_that_takes_in_posts_is_asked_for_their_scopes_too(
    sandbox: Sandbox, services: Services, operator: Browser, posts: str
) -> None:
    app = {name: value for name, value in sandbox.keys(V2_ACCOUNT).items() if name.startswith("API-")}
    chosen = {"INBOUND": "poll", "POSTS": posts}
    back = authorized(sandbox, operator.act("/console/register/sign-in", **app, **client_of(sandbox), **chosen))
    assert operator.get(back).status_code == 303
    operator.get(authorized(sandbox, operator.act(f"/console/accounts/{V2_ACCOUNT}/sign-in")))
    for grant in sandbox.get("oauth2/grants", account_id=V2_ACCOUNT)["grants"][-2:]:
        assert set(grant["scopes"]).intersection(POST_SCOPES) == (set(POST_SCOPES) if posts == "all" else set())
