"""Registering an account: the route, what it does at Twitter, what it says when it cannot, and the same as commands."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests_oauthlib import OAuth1
from tree import Tree

from tests.integration.conversations import Account, Json


class Elsewhere:
    """A webhook of somebody else in the same environment: it answers Twitter's challenge and nothing more."""

    def __init__(self, secret: str) -> None:
        import base64
        import hashlib
        import hmac

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = parse_qs(urlsplit(self.path).query)["crc_token"][0]
                digest = hmac.new(secret.encode(), token.encode(), hashlib.sha256).digest()
                body = json.dumps({"response_token": f"sha256={base64.b64encode(digest).decode()}"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/another/bot"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def newcomer(tree: Tree) -> Account:
    """An account nobody has registered yet."""
    return Account.new(tree)


@pytest.fixture
def elsewhere(newcomer: Account) -> Iterator[Elsewhere]:
    server = Elsewhere(newcomer.body["API-KEY-SECRET"])
    yield server
    server.close()


def at_twitter(account: Account, method: str, path: str, **more: Any) -> requests.Response:
    """Ask the sandbox's Twitter in the account's own name, past the connector."""
    keys = [account.body[k] for k in ("API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET")]
    url = f"{account.tree.sandbox.url}/1.1/account_activity/all/{account.body['ENVIRONMENT-NAME']}/{path}"
    return account.tree.http.request(method, url, auth=OAuth1(*keys), timeout=30, **more)


def webhooks(account: Account) -> list[Json]:
    found: list[Json] = at_twitter(account, "GET", "webhooks.json").json()
    return found


def subscribed(account: Account) -> bool:
    return at_twitter(account, "GET", "subscriptions.json").status_code == 204


def challenge(account: Account) -> requests.Response:
    url = account.body["WEBHOOK-URL"]
    return account.tree.http.get(url, params={"crc_token": "abc"}, timeout=10, allow_redirects=False)


def changes_at_twitter(account: Account) -> list[tuple[str, str]]:
    """Return method and path of every request with which the account's tokens changed something at Twitter."""
    log = account.tree.sandbox.get("requests", family="twitter", path="account_activity")["requests"]
    return [(r["method"], r["path"]) for r in log if r["account_id"] == account.id and r["method"] != "GET"]


def assert_nothing_left(account: Account) -> None:
    listed = account.tree.http.get(f"{account.tree.url}/accounts", timeout=10).json()["items"]
    assert account.id not in [item["account_id"] for item in listed]
    assert challenge(account).status_code == 404
    assert (
        account.tree.http.get(f"{account.tree.url}/webhook/twitter/{account.id}/status", timeout=10).status_code == 404
    )


def assert_problem(answer: requests.Response, status: int, step: str) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: Json = answer.json()
    assert (problem["status"], problem["step"]) == (status, step)
    return problem


# The call that works


def test_registering_answers_the_object_of_the_interface_and_twitter_can_deliver(newcomer: Account) -> None:
    answer = newcomer.register()
    assert answer.status_code == 200
    (hook,) = webhooks(newcomer)
    assert hook["url"] == newcomer.body["WEBHOOK-URL"]
    people = newcomer.tree.sandbox.get("people")["accounts"]
    assert answer.json() == {
        "account_id": newcomer.id,
        "screen_name": next(a["screen_name"] for a in people if a["id"] == newcomer.id),
        "api": "v1.1",
        "webhook": {"id": hook["id"], "url": hook["url"], "valid": True},
        "subscribed": True,
        "events": ["direct_messages", "typing", "read"],
        "actions": ["created", "subscribed"],
    }
    assert subscribed(newcomer)
    shown = newcomer.shown()
    assert shown["state"] == "active"
    # Twitter's challenge came while the registration call was open, to a process that has to know the secret already.
    assert shown["last_crc_at"] is not None
    newcomer.customer().await_round_trip("hello")


def test_the_challenge_is_answered_with_the_secret_of_the_account_in_the_path(account: Account) -> None:
    other = Account.registered(account.tree)
    answers = {challenge(one).json()["response_token"] for one in (account, other)}
    assert len(answers) == 2
    checked = account.tree.sandbox.post("crc", account_id=account.id)["webhooks"]
    assert [hook["objection"] for hook in checked] == [None]


def test_registering_again_changes_nothing_that_is_right(account: Account) -> None:
    before = webhooks(account)
    done = changes_at_twitter(account)
    answer = account.register()
    assert answer.status_code == 200
    assert answer.json()["actions"] == ["kept"]
    assert webhooks(account) == before
    since = changes_at_twitter(account)[len(done) :]
    # Asking for a subscription that is there already is how Twitter is asked whether it is.
    assert [path.rpartition("/")[2] for _, path in since] == ["subscriptions.json"]
    account.customer().await_round_trip("still here")


def test_a_webhook_that_twitter_has_switched_off_is_repaired(account: Account) -> None:
    chat = account.customer()
    account.tree.sandbox.post("crc", account_id=account.id, invalidate=True)
    assert [hook["valid"] for hook in webhooks(account)] == [False]
    before = webhooks(account)[0]["id"]
    answer = account.register()
    assert answer.status_code == 200, answer.text
    assert answer.json()["actions"] == ["revalidated"]
    assert answer.json()["webhook"] == {"id": before, "url": account.body["WEBHOOK-URL"], "valid": True}
    chat.await_round_trip("again")


def test_a_changed_webhook_url_replaces_the_own_webhook(account: Account) -> None:
    (before,) = webhooks(account)
    moved = account.body["WEBHOOK-URL"].replace("127.0.0.1", "localhost")
    answer = account.register(WEBHOOK_URL=moved)
    assert answer.status_code == 200, answer.text
    assert answer.json()["actions"] == ["replaced", "subscribed"]
    (after,) = webhooks(account)
    assert after["url"] == moved
    assert after["id"] != before["id"]
    account.customer().await_round_trip("moved")


def test_two_accounts_of_one_environment_share_its_webhook(account: Account) -> None:
    second = Account.registered(account.tree, share_app_with=account.id)
    assert len(webhooks(account)) == 1
    for one in (account, second):
        one.customer().await_round_trip(f"for {one.id}")


def test_the_heir_of_a_shared_webhook_goes_on_when_the_other_account_leaves(account: Account) -> None:
    second = Account.registered(account.tree, share_app_with=account.id)
    answer = account.tree.http.delete(f"{account.tree.url}/webhook/twitter/{account.id}", timeout=30)
    assert answer.status_code == 204
    assert [hook["url"] for hook in webhooks(second)] == [second.body["WEBHOOK-URL"]]
    second.customer().await_round_trip("inherited")


# What cannot be done


def test_a_webhook_url_of_another_account_is_refused_and_named(newcomer: Account) -> None:
    base, _, _ = newcomer.body["WEBHOOK-URL"].rpartition("/")
    problem = assert_problem(newcomer.register(WEBHOOK_URL=f"{base}/732739707"), 400, "credentials")
    assert newcomer.id in problem["detail"]
    assert "732739707" in problem["detail"]
    assert changes_at_twitter(newcomer) == []
    assert_nothing_left(newcomer)


@pytest.mark.parametrize("key", ["API_KEY", "API_KEY_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET"])
def test_credentials_that_twitter_rejects_are_told_with_twitters_code(newcomer: Account, key: str) -> None:
    problem = assert_problem(newcomer.register(**{key: "wrong-but-well-formed"}), 422, "credentials")
    assert problem["twitter"]["status"] == 401
    assert problem["twitter"]["code"] in (32, 89)
    assert "wrong-but-well-formed" not in json.dumps(problem)
    assert_nothing_left(newcomer)


def test_an_environment_name_in_the_wrong_case_is_told(newcomer: Account) -> None:
    wrong = newcomer.body["ENVIRONMENT-NAME"].upper()
    problem = assert_problem(newcomer.register(ENVIRONMENT_NAME=wrong), 422, "webhook")
    assert (problem["twitter"]["status"], problem["twitter"]["code"]) == (404, 34)
    assert "environment" in problem["detail"].lower()
    assert_nothing_left(newcomer)


def test_a_foreign_webhook_in_the_way_is_named_and_left_alone(newcomer: Account, elsewhere: Elsewhere) -> None:
    assert at_twitter(newcomer, "POST", "webhooks.json", params={"url": elsewhere.url}).status_code == 200
    (foreign,) = webhooks(newcomer)
    problem = assert_problem(newcomer.register(), 422, "webhook")
    assert elsewhere.url in problem["detail"]
    assert foreign["id"] in problem["detail"]
    assert webhooks(newcomer) == [foreign]
    assert_nothing_left(newcomer)


def test_the_advice_about_a_foreign_webhook_can_be_followed(newcomer: Account, elsewhere: Elsewhere) -> None:
    assert at_twitter(newcomer, "POST", "webhooks.json", params={"url": elsewhere.url}).status_code == 200
    advice = assert_problem(newcomer.register(), 422, "webhook")["detail"]
    command = advice.partition("`twitter-connector ")[2].partition("`")[0].split()
    assert command[:2] == ["webhooks", "delete"]
    registration = newcomer.tree.home / f"{newcomer.id}.json"
    registration.write_text(json.dumps(newcomer.body))
    done = newcomer.tree.cli(*(str(registration) if word == "FILE" else word for word in command))
    assert done.returncode == 0, done.stderr
    assert newcomer.register().status_code == 200


def test_a_webhook_that_fails_its_challenge_is_told_as_step_crc(newcomer: Account) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/webhook/twitter/{newcomer.id}"
        problem = assert_problem(newcomer.register(WEBHOOK_URL=url), 422, "crc")
    assert (problem["twitter"]["status"], problem["twitter"]["code"]) == (403, 214)
    assert "curl" in problem["detail"]
    assert_nothing_left(newcomer)


def test_a_subscription_that_twitter_refuses_leaves_no_account_behind(newcomer: Account) -> None:
    newcomer.tree.sandbox.fault(
        family="twitter",
        method="POST",
        path="subscriptions",
        account_id=newcomer.id,
        times=1,
        status=403,
        body={
            "errors": [{"code": 348, "message": "Client application is not permitted to access this user's webhook"}]
        },
    )
    problem = assert_problem(newcomer.register(), 422, "subscription")
    assert problem["twitter"]["code"] == 348
    assert_nothing_left(newcomer)
    assert newcomer.register().status_code == 200


def test_a_failed_registration_of_a_known_account_keeps_what_worked(account: Account) -> None:
    assert account.register(ACCESS_TOKEN_SECRET="wrong-but-well-formed").status_code == 422
    account.customer().await_round_trip("unharmed")


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        ({"status": 429, "headers": {"x-rate-limit-reset": "{now+7}"}, "body": {"errors": [{"code": 88}]}}, 503),
        ({"status": 503, "body": {"errors": [{"code": 130, "message": "Over capacity"}]}}, 502),
        ({"action": "reset"}, 502),
    ],
    ids=["rate limit", "over capacity", "connection lost"],
)
def test_trouble_on_twitters_side_is_passed_on_as_such(newcomer: Account, trouble: Json, status: int) -> None:
    newcomer.tree.sandbox.fault(family="twitter", path="verify_credentials", account_id=newcomer.id, times=1, **trouble)
    answer = newcomer.register()
    assert_problem(answer, status, "credentials")
    if status == 503:
        assert 1 <= int(answer.headers["Retry-After"]) <= 8
    assert_nothing_left(newcomer)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"API_KEY": ""}, "API-KEY"),
        ({"API_SECRET": "misspelt"}, "API-SECRET"),
        ({"WEBHOOK_URL": "x" * 300}, "WEBHOOK-URL"),
        ({"ENVIRONMENT_NAME": "no/slash"}, "ENVIRONMENT-NAME"),
    ],
)
def test_a_body_that_is_not_the_guides_is_refused_by_field(newcomer: Account, changes: Json, field: str) -> None:
    answer = newcomer.register(**changes)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


# Looking and leaving


def test_status_is_read_afresh_from_twitter(account: Account) -> None:
    where = f"{account.tree.url}/webhook/twitter/{account.id}/status"
    good = account.tree.http.get(where, timeout=30)
    assert good.status_code == 200
    assert good.json() == {**account.register().json(), "actions": []}
    account.tree.sandbox.post("crc", account_id=account.id, invalidate=True)
    at_twitter(account, "DELETE", "subscriptions.json")
    bad = account.tree.http.get(where, timeout=30).json()
    assert bad["webhook"]["valid"] is False
    assert (bad["subscribed"], bad["events"]) == (False, [])


def test_deleting_an_account_unsubscribes_it_and_forgets_it(account: Account) -> None:
    where = f"{account.tree.url}/webhook/twitter/{account.id}"
    answer = account.tree.http.delete(where, timeout=30)
    assert (answer.status_code, answer.content) == (204, b"")
    assert webhooks(account) == []
    assert not subscribed(account)
    assert_nothing_left(account)
    assert account.tree.http.delete(where, timeout=30).status_code == 404
    assert account.register().json()["actions"] == ["created", "subscribed"]


def test_deleting_an_account_leaves_foreign_webhooks_alone(newcomer: Account, elsewhere: Elsewhere) -> None:
    assert newcomer.register().status_code == 200
    for hook in webhooks(newcomer):
        at_twitter(newcomer, "DELETE", f"webhooks/{hook['id']}.json")
    assert at_twitter(newcomer, "POST", "webhooks.json", params={"url": elsewhere.url}).status_code == 200
    answer = newcomer.tree.http.delete(f"{newcomer.tree.url}/webhook/twitter/{newcomer.id}", timeout=30)
    assert answer.status_code == 204
    assert [hook["url"] for hook in webhooks(newcomer)] == [elsewhere.url]


# The same as commands


def test_the_commands_do_the_guides_steps_one_after_another(newcomer: Account) -> None:
    tree = newcomer.tree
    registration = tree.home / f"{newcomer.id}.json"
    registration.write_text(json.dumps(newcomer.body))
    people = tree.sandbox.get("people")["accounts"]
    name = next(a["screen_name"] for a in people if a["id"] == newcomer.id)

    found = tree.cli("account-id", f"@{name}", "--file", str(registration), "--json")
    assert (found.returncode, json.loads(found.stdout)) == (0, {"username": name, "id": newcomer.id})

    done = tree.cli("register", str(registration), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["actions"] == ["created", "subscribed"]
    newcomer.customer().await_round_trip("by command")

    status = tree.cli("status", newcomer.id, "--json")
    assert (status.returncode, json.loads(status.stdout)) == (0, {**json.loads(done.stdout), "actions": []})

    again = tree.cli("account-id", name, "--account", newcomer.id)
    assert (again.returncode, again.stdout.strip()) == (0, newcomer.id)

    listed = tree.cli("webhooks", "list", "--account", newcomer.id, "--json")
    (hook,) = webhooks(newcomer)
    assert (listed.returncode, json.loads(listed.stdout)) == (
        0,
        [{"id": hook["id"], "valid": True, "url": hook["url"]}],
    )

    refused = tree.cli("webhooks", "delete", hook["id"], "--account", newcomer.id)
    assert (refused.returncode, webhooks(newcomer)) == (1, [hook])
    assert "--yes" in refused.stderr
    deleted = tree.cli("webhooks", "delete", hook["id"], "--account", newcomer.id, "--yes", "--json")
    assert deleted.returncode == 0, deleted.stderr
    assert json.loads(deleted.stdout) == {"webhook_id": hook["id"], "deleted": True}
    assert webhooks(newcomer) == []
    assert tree.http.get(f"{tree.url}/accounts/{newcomer.id}", timeout=10).json()["webhook"] is None

    gone = tree.cli("unregister", newcomer.id, "--json")
    assert gone.returncode == 0, gone.stderr
    assert json.loads(gone.stdout) == {"account_id": newcomer.id, "unregistered": True}
    assert_nothing_left(newcomer)


def test_a_command_reads_the_registration_from_its_input(newcomer: Account) -> None:
    done = newcomer.tree.cli("register", "-", stdin=json.dumps(newcomer.body))
    assert done.returncode == 0, done.stderr
    assert newcomer.id in done.stdout


def test_a_command_that_fails_says_why_in_one_line_and_by_its_status(newcomer: Account) -> None:
    tree = newcomer.tree
    wrong = json.dumps({**newcomer.body, "ACCESS-TOKEN-SECRET": "wrong-but-well-formed"})
    cases = [
        (tree.cli("register", "-", stdin=wrong), "credentials"),
        (tree.cli("register", "-", stdin="{"), "not JSON"),
        (tree.cli("register", "-", stdin="{}"), "API-KEY"),
        (tree.cli("status", newcomer.id), newcomer.id),
        (tree.cli("unregister", newcomer.id), newcomer.id),
        (tree.cli("webhooks", "list", "--account", newcomer.id), newcomer.id),
        (tree.cli("account-id", "nobody_at_all", "--account", "732739706"), "nobody_at_all"),
        (tree.cli("account-id", "acme", "--file", "-", stdin="{}"), "API-KEY"),
    ]
    for done, word in cases:
        assert done.returncode not in (0, None), done.args
        assert done.stdout == "", done.args
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, done.stderr
        assert word in errors[0], done.stderr
        assert "Traceback" not in done.stderr
        assert "wrong-but-well-formed" not in done.stderr
