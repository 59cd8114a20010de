"""The register page: fields while they are typed, our own challenge, what would change, and that no secret is shown."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from werkzeug.serving import make_server

from tests.console.conftest import ACCOUNT, Browser
from twitter_connector import create_app
from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.web.registration import ONE_REQUEST_AT_A_TIME

NEW = "210375999"
# X accepts an address on loopback from the sandbox only; our own challenge needs no X.
KEYS = {
    "API-KEY": "planted-api-key",
    "API-KEY-SECRET": "planted-api-secret",
    "ACCESS-TOKEN": f"{NEW}-planted",
    "ACCESS-TOKEN-SECRET": "planted-token-secret",
}


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    """Return the base of webhook addresses of this service, which is served over HTTP."""
    server = make_server("127.0.0.1", 0, create_app(services.settings, services), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/webhook/twitter"
    server.shutdown()
    thread.join(10)
    server.server_close()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_while_somebody_types_empty_fields_are_missing_and_only_wrong_ones_are_errors(operator: Browser) -> None:
    part = words(operator.act("/console/register/check", **{"API-KEY": "k", "WEBHOOK-URL": "ftp://x"}).text)
    assert "WEBHOOK-URL : " in part
    assert "Still missing: API-KEY-SECRET, ACCESS-TOKEN, ACCESS-TOKEN-SECRET" in part
    assert operator.act("/console/register", **{"API-KEY": "k"}).status_code == 400
    good = operator.act("/console/register/check", **KEYS, INBOUND="poll").text
    assert "The account is a new one." in words(good)
    assert "planted" not in good


def test_htmx_gets_the_part_about_the_fields_and_a_browser_without_it_the_page(operator: Browser) -> None:
    page = operator.act("/console/register/check", **{"API-KEY": "planted"})
    assert "<!doctype html>" in page.text
    assert "Still missing" in page.text
    operator.client.environ_base["HTTP_HX_REQUEST"] = "true"
    part = operator.post("/console/register/check")
    assert (part.status_code, "<html" in part.text, 'role="alert"' in part.text) == (403, False, True)


def test_our_own_challenge_is_tried_before_x_is_asked_and_answered_for_an_account_that_is_not_registered(
    services: Services, operator: Browser, address: str
) -> None:
    tried = operator.act("/console/register/try", **KEYS, **{"WEBHOOK-URL": f"{address}/{NEW}"})
    assert "the address answered as X needs it" in words(tried.text)
    # Only while it is tried.
    assert requests.get(f"{address}/{NEW}?crc_token=x", timeout=5).status_code == 404
    assert services.accounts.get(NEW) is None


def test_a_server_with_one_thread_says_why_no_challenge_is_answered(
    operator: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StepFailed("crc", "X got no answer to its challenge.")

    monkeypatch.setattr(AccountRegistration, "register", refuse)
    form = {**KEYS, "WEBHOOK-URL": f"{address.replace('/webhook', '/nowhere/webhook')}/{NEW}"}
    sentence = ONE_REQUEST_AT_A_TIME.partition(":")[0]
    for said in (True, False):
        operator.client.application.extensions["one_request_at_a_time"] = said
        tried = words(operator.act("/console/register", **form).text)
        at_x = words(operator.act("/console/register", **form, anyway="1").text)
        assert (sentence in html.unescape(tried)) is said
        assert "X was not asked, and nothing was changed." in tried
        assert (sentence in html.unescape(at_x)) is said
        assert ("X got no answer to its challenge." in at_x) is not said


def test_an_address_that_answers_wrongly_keeps_x_from_being_asked_unless_the_operator_insists(
    services: Services, operator: Browser, address: str
) -> None:
    form = {**KEYS, "WEBHOOK-URL": f"{address.replace('/webhook', '/nowhere/webhook')}/{NEW}"}
    refused = operator.act("/console/register", **form)
    assert refused.status_code == 422
    assert "X was not asked, and nothing was changed." in refused.text
    assert "answered HTTP 404 instead of 200" in refused.text
    assert services.accounts.get(NEW) is None
    insisted = operator.act("/console/register", **form, anyway="1")
    assert insisted.status_code == 422
    assert "Step credentials: X cannot be reached" in words(insisted.text)
    assert "planted" not in refused.text + insisted.text


def test_an_account_in_force_is_compared_and_its_own_secret_answers_the_challenge(
    services: Services, operator: Browser, address: str
) -> None:
    services.accounts.save(replace(ACCOUNT, webhook_url=f"{address}/{ACCOUNT.id}"))
    page = operator.get(f"/console/register?account_id={ACCOUNT.id}").text
    assert f'value="{address}/{ACCOUNT.id}"' in page
    assert 'value="prod"' in page
    same = {"account_id": ACCOUNT.id, "WEBHOOK-URL": f"{address}/{ACCOUNT.id}", "ENVIRONMENT-NAME": "prod"}
    assert f"Nothing changes for {ACCOUNT.id}" in words(operator.act("/console/register/check", **same).text)
    # Secrets that are left empty stay; the others are named and not shown.
    other = {**same, "ENVIRONMENT-NAME": "stage", "API-KEY-SECRET": "planted-new"}
    tried = operator.act("/console/register/try", **other).text
    assert "ENVIRONMENT-NAME prod stage" in words(tried)
    assert "API-KEY-SECRET set another one" in words(tried)
    assert "ACCESS-TOKEN set" not in words(tried)
    assert "the address answered as X needs it" in words(tried)
    assert "planted" not in tried
    moved = operator.act("/console/register/check", **{**same, "WEBHOOK-URL": f"{address}/{NEW}"}).text
    assert f"It must end in {ACCOUNT.id}" in words(moved)
    assert operator.get("/console/register?account_id=7").status_code == 404


def test_a_sign_in_with_x_names_what_it_needs_and_shows_no_secret(operator: Browser) -> None:
    refused = operator.act("/console/register/sign-in", **{"API-KEY": "planted"})
    assert refused.status_code == 400
    assert "API-KEY-SECRET : The sign-in with X needs it." in words(refused.text)
    needed = {"API-KEY": "planted", "API-KEY-SECRET": "planted", "CLIENT-ID": "client", "CLIENT-SECRET": "planted"}
    shown = operator.act("/console/register/sign-in", **needed).text
    assert "https://cx.example.com/console/authorized" in shown
    assert "client_id=client" in shown
    assert "planted" not in shown
    cookie = operator.client.get_cookie("console_session", domain="cx.example.com")
    assert cookie is not None
    assert len(cookie.value) < 3_500
    # Account 732739706 speaks API v1.1, which has no such tokens.
    assert operator.act(f"/console/accounts/{ACCOUNT.id}/sign-in").status_code == 404


def test_a_return_from_x_that_was_not_begun_here_does_nothing(operator: Browser) -> None:
    answer = operator.get("/console/authorized?code=c&state=s")
    assert (answer.status_code, "not begun in this session" in answer.text) == (403, True)
    bounced = operator.get("/console/authorized?code=c&state=s", headers={"Sec-Fetch-Site": "cross-site"})
    assert 'content="0;url=../console/authorized?state=s&amp;code=c&amp;again=1"' in bounced.text
