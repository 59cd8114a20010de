"""Authentication, limits and errors of API v1.1."""

import time

import pytest
import requests
from oauthlib.oauth1 import Client
from sandbox_process import ACCOUNT, Sandbox, until

pytestmark = pytest.mark.integration

WHO = "/1.1/account/verify_credentials.json"


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"client_secret": "no"}, 401, 32),
        ({"client_key": "no"}, 401, 32),
        ({"resource_owner_secret": "no"}, 401, 32),
        ({"resource_owner_key": "732739706-no"}, 401, 89),
        ({"timestamp": str(int(time.time()) - 3600)}, 401, 135),
        ({"signature_method": "PLAINTEXT"}, 401, 32),
    ],
)
def test_a_wrong_signature_is_refused(sandbox: Sandbox, wrong: dict[str, str], status: int, code: int) -> None:
    answer = sandbox.twitter("GET", WHO, auth=sandbox.auth(**wrong))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


@pytest.mark.parametrize("header", [None, "Basic eDp5", "OAuth nonsense", 'OAuth oauth_token="x"'])
def test_no_signature_is_bad_authentication_data(sandbox: Sandbox, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = sandbox.http.get(sandbox.url + WHO, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert answer.json() == {"errors": [{"code": 215, "message": "Bad Authentication data"}]}


def test_query_and_form_are_part_of_the_signature(sandbox: Sandbox) -> None:
    keys = sandbox.keys()
    client = Client(keys["API-KEY"], keys["API-KEY-SECRET"], keys["ACCESS-TOKEN"], keys["ACCESS-TOKEN-SECRET"])
    address = f"{sandbox.url}/1.1/users/show.json?screen_name=ada"
    address, headers, _ = client.sign(address)
    assert sandbox.http.get(address, headers=headers, timeout=10).json()["id_str"] == "210375291"
    tampered = sandbox.http.get(address.replace("ada", "zoe"), headers=headers, timeout=10)
    assert tampered.json()["errors"][0]["code"] == 32
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    address = f"{sandbox.url}/1.1/direct_messages/indicate_typing.json"
    address, headers, body = client.sign(address, "POST", "recipient_id=210375291", form)
    assert sandbox.http.post(address, data=body, headers=headers, timeout=10).status_code == 204
    tampered = sandbox.http.post(address, data="recipient_id=318692762", headers=headers, timeout=10)
    assert tampered.status_code == 401


def test_the_owner_of_a_token_is_told(sandbox: Sandbox) -> None:
    assert sandbox.twitter("GET", WHO).json()["id_str"] == ACCOUNT
    assert sandbox.twitter("GET", "/2/users/me").json() == {"data": {"id": ACCOUNT, "name": "Acme", "username": "acme"}}


def test_users_are_found_by_name(sandbox: Sandbox) -> None:
    bearer = {"Authorization": f"Bearer {sandbox.bearer()}"}
    path = "/2/users/by/username/"
    user = sandbox.twitter("GET", f"{path}ACME", auth=None, headers=bearer)
    assert user.json()["data"]["id"] == ACCOUNT
    assert user.headers["x-rate-limit-limit"] == "300"
    missing = sandbox.twitter("GET", f"{path}nobody", auth=None, headers=bearer)
    assert missing.status_code == 200
    assert missing.json()["errors"][0]["title"] == "Not Found Error"
    assert sandbox.twitter("GET", f"{path}much-too-long-a-name", auth=None, headers=bearer).status_code == 400
    refused = sandbox.twitter("GET", f"{path}acme", auth=None)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


def test_the_app_only_token_is_given_for_key_and_secret_only(sandbox: Sandbox) -> None:
    keys = sandbox.keys()
    address, right = f"{sandbox.url}/oauth2/token", (keys["API-KEY"], keys["API-KEY-SECRET"])
    form = {"grant_type": "client_credentials"}
    assert sandbox.http.post(address, data=form, auth=right, timeout=10).json()["token_type"] == "bearer"
    assert sandbox.http.post(address, data=form, auth=(right[0], "no"), timeout=10).status_code == 403
    assert sandbox.http.post(address, data=form, timeout=10).status_code == 403
    assert sandbox.http.post(address, data={"grant_type": "password"}, auth=right, timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/1.1/account_activity/all/sandbox/webhooks.json?url=http%3A%2F%2F127.0.0.1", 261),
        ("POST", "/1.1/account_activity/all/sandbox/subscriptions.json", 32),
        ("POST", "/1.1/direct_messages/events/new.json", 32),
        ("GET", WHO, 32),
    ],
)
def test_an_app_only_token_does_not_speak_for_a_user(sandbox: Sandbox, method: str, path: str, code: int) -> None:
    bearer = {"Authorization": f"Bearer {sandbox.bearer()}"}
    answer = sandbox.twitter(method, path, auth=None, headers=bearer)
    assert answer.json()["errors"][0]["code"] == code


def test_a_user_token_does_not_list_subscriptions(sandbox: Sandbox) -> None:
    answer = sandbox.twitter("GET", "/1.1/account_activity/all/sandbox/subscriptions/list.json")
    assert answer.json()["errors"][0]["code"] == 32


def test_requests_beyond_the_limit_are_refused_with_the_time_to_come_back(sandbox: Sandbox) -> None:
    path = "/1.1/direct_messages/events/list.json"
    remaining = []
    for _ in range(15):
        answer = sandbox.twitter("GET", path)
        assert answer.status_code == 200
        remaining.append(int(answer.headers["x-rate-limit-remaining"]))
    assert remaining == list(range(14, -1, -1))
    refused: requests.Response = sandbox.twitter("GET", path)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, 88)
    assert 0 < int(refused.headers["x-rate-limit-reset"]) - time.time() <= 900
    other = sandbox.post("accounts", share_app_with=ACCOUNT)["WEBHOOK-URL"].rpartition("/")[2]
    assert sandbox.twitter("GET", path, other).status_code == 200


def test_limits_can_be_set_and_lifted(sandbox: Sandbox) -> None:
    assert "x-rate-limit-limit" not in sandbox.send_dm({"text": "1"}).headers
    sandbox.post("settings", limits={"events/new": 2, "events/list": None})
    assert [sandbox.send_dm({"text": "x"}).status_code for _ in range(3)] == [200, 200, 429]
    path = "/1.1/direct_messages/events/list.json"
    assert {sandbox.twitter("GET", path).status_code for _ in range(16)} == {200}


def test_a_limit_is_whole_again_after_its_window(sandbox: Sandbox) -> None:
    sandbox.post("settings", limits={"events/new": 1}, limit_window=4)
    assert [sandbox.send_dm({"text": "x"}).status_code for _ in range(2)] == [200, 429]
    until(lambda: sandbox.send_dm({"text": "x"}).status_code == 200)


def test_an_account_can_be_authorised_anew(sandbox: Sandbox) -> None:
    old = sandbox.auth()
    keys = sandbox.post("authorise", account_id=ACCOUNT)
    assert keys == sandbox.keys()
    assert sandbox.twitter("GET", WHO, auth=old).json()["errors"][0]["code"] == 89
    assert sandbox.twitter("GET", WHO).status_code == 200


@pytest.mark.parametrize("path", ["/1.1/direct_messages/events/new", "/1.1/nothing.json", "/2/nothing"])
def test_a_path_that_leads_nowhere_is_answered_in_twitters_words(sandbox: Sandbox, path: str) -> None:
    answer = sandbox.twitter("POST", path)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, 34)
