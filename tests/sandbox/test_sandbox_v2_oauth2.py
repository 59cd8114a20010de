"""OAuth 2.0: the page, codes with PKCE, tokens that end, refresh tokens that rotate."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sandbox_process import V2_ACCOUNT, Sandbox, until

pytestmark = pytest.mark.integration

CLIENT = ("SANDBOX-demo-v2-client-id", "SANDBOX-demo-v2-client-secret-not-a-secret")
REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-the-standard-0123456789"


def asked(**changes: str) -> dict[str, str]:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    return {
        "response_type": "code",
        "client_id": CLIENT[0],
        "redirect_uri": REDIRECT,
        "scope": "dm.read dm.write tweet.read users.read offline.access",
        "state": "s-1",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        **changes,
    }


def authorize(sandbox: Sandbox, **changes: str) -> dict[str, list[str]]:
    """Press the page's button and return the query of the redirect."""
    answer = sandbox.http.post(
        f"{sandbox.url}/i/oauth2/authorize",
        data={**asked(), "account_id": V2_ACCOUNT, **changes},
        timeout=10,
        allow_redirects=False,
    )
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT}?")
    return parse_qs(urlsplit(answer.headers["location"]).query)


def token(sandbox: Sandbox, auth: Any = CLIENT, **form: str) -> requests.Response:
    return sandbox.http.post(f"{sandbox.url}/2/oauth2/token", data=form, auth=auth, timeout=10)


def redeem(sandbox: Sandbox, code: str, /, **changes: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    return token(sandbox, **{**form, **changes})


def refresh(sandbox: Sandbox, refresh_token: str) -> requests.Response:
    return token(sandbox, grant_type="refresh_token", refresh_token=refresh_token)


def test_the_page_names_the_app_and_what_it_asks_for(sandbox: Sandbox) -> None:
    page = sandbox.http.get(f"{sandbox.url}/i/oauth2/authorize", params=asked(), timeout=10)
    assert page.status_code == 200
    for words in ("Northwind Care", "@northwind", "dm.write", "Authorize app"):
        assert words in page.text
    assert "@acme" not in page.text
    for wrong in ({"client_id": "x"}, {"state": ""}, {"scope": "everything"}, {"code_challenge": ""}):
        refused = sandbox.http.get(f"{sandbox.url}/i/oauth2/authorize", params=asked(**wrong), timeout=10)
        assert refused.status_code == 400


def test_a_code_becomes_tokens_once(sandbox: Sandbox) -> None:
    query = authorize(sandbox)
    assert query["state"] == ["s-1"]
    answer = redeem(sandbox, query["code"][0])
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 7200)
    assert body["scope"] == asked()["scope"]
    me = sandbox.with_token("GET", "/2/users/me", body["access_token"])
    assert me.json()["data"]["username"] == "northwind"
    assert redeem(sandbox, query["code"][0]).json()["error"] == "invalid_request"


@pytest.mark.parametrize("wrong", [{"code_verifier": "no"}, {"redirect_uri": "http://127.0.0.1:9/x"}, {"code": "no"}])
def test_a_code_needs_its_verifier_and_its_address(sandbox: Sandbox, wrong: dict[str, str]) -> None:
    answer = redeem(sandbox, authorize(sandbox)["code"][0], **wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_user_may_say_no(sandbox: Sandbox) -> None:
    assert authorize(sandbox, decision="deny") == {"state": ["s-1"], "error": ["access_denied"]}


def test_codes_and_access_tokens_end(sandbox: Sandbox) -> None:
    sandbox.post("settings", oauth2_code_seconds=0.0)
    assert redeem(sandbox, authorize(sandbox)["code"][0]).status_code == 400
    sandbox.post("settings", oauth2_code_seconds=30.0, oauth2_access_seconds=0.5)
    access = redeem(sandbox, authorize(sandbox)["code"][0]).json()["access_token"]
    until(lambda: sandbox.with_token("GET", "/2/users/me", access).status_code == 401)


def test_a_public_client_names_itself_and_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    code = authorize(sandbox)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    wrong = token(sandbox, (CLIENT[0], "no"), **form)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "unauthorized_client")
    assert token(sandbox, None, **form, client_id=CLIENT[0]).status_code == 200


def test_a_refresh_token_rotates_and_its_second_use_ends_the_grant(sandbox: Sandbox) -> None:
    first = redeem(sandbox, authorize(sandbox)["code"][0]).json()
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert sandbox.with_token("GET", "/2/users/me", first["access_token"]).status_code == 401
    assert sandbox.with_token("GET", "/2/users/me", second["access_token"]).status_code == 200
    reused = refresh(sandbox, first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert sandbox.with_token("GET", "/2/users/me", second["access_token"]).status_code == 401
    assert refresh(sandbox, second["refresh_token"]).status_code == 400
    (grant,) = sandbox.get("oauth2/grants", account_id=V2_ACCOUNT)["grants"]
    assert (grant["refreshed"], grant["revoked"]) == (1, True)


@pytest.mark.parametrize(("setting", "status"), [("refuse", 400), ("repeat", 200)])
def test_the_second_use_can_be_milder(sandbox: Sandbox, setting: str, status: int) -> None:
    sandbox.post("settings", oauth2_reuse=setting)
    first = redeem(sandbox, authorize(sandbox)["code"][0]).json()
    second = refresh(sandbox, first["refresh_token"]).json()
    assert refresh(sandbox, first["refresh_token"]).status_code == status
    assert sandbox.with_token("GET", "/2/users/me", second["access_token"]).status_code == 200


def test_without_offline_access_there_is_no_refresh_token(sandbox: Sandbox) -> None:
    code = authorize(sandbox, scope="users.read tweet.read")["code"][0]
    assert "refresh_token" not in redeem(sandbox, code).json()


def test_a_token_for_client_credentials_opens_no_webhooks(sandbox: Sandbox) -> None:
    access = token(sandbox, grant_type="client_credentials").json()["access_token"]
    answer = sandbox.with_token("GET", "/2/webhooks", access)
    assert (answer.status_code, answer.json()["title"]) == (403, "Unsupported Authentication")


def test_a_grant_is_given_by_the_control_api_and_ends_on_demand(sandbox: Sandbox) -> None:
    attributes = sandbox.grant()
    assert set(attributes) == {"CLIENT-ID", "CLIENT-SECRET", "OAUTH2-ACCESS-TOKEN", "OAUTH2-REFRESH-TOKEN"}
    access = attributes["OAUTH2-ACCESS-TOKEN"]
    assert sandbox.with_token("GET", "/2/users/me", access).status_code == 200
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    assert sandbox.with_token("GET", "/2/users/me", access).status_code == 401
    assert refresh(sandbox, attributes["OAUTH2-REFRESH-TOKEN"]).status_code == 200
