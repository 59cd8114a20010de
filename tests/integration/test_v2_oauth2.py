"""Accounts with OAuth 2.0 tokens through the whole service: authorized by command, rotated by several processes."""

import subprocess
import time
from collections.abc import Iterator

import pytest
import requests
from tree import COMMAND, ROOT, Tree, eventually, running_tree

from tests.integration.conversations import Account, Json
from tests.integration.media_files import customer_attaches, in_the_file_engine, settings
from tests.media.files import JPEG

# Tokens are refreshed in the last quarter of their life, or when X refuses them.
ROTATING = {"oauth2_access_seconds": 12.0, "window_scale": 0.05}


@pytest.fixture(scope="module")
def busy() -> Iterator[Tree]:
    """An installation with two worker processes."""
    with running_tree(WORKER_PROCESSES="2") as tree, settings(tree, **ROTATING):
        assert len(tree.pids("worker")) == 2
        yield tree


def with_grant(tree: Tree, **changes: str | None) -> tuple[Account, Json]:
    """Make an account with an OAuth 2.0 grant and return it with the body that registers it with nothing else."""
    account = Account.new(tree, api="v2")
    attributes = tree.sandbox.post("oauth2/grant", account_id=account.id)
    body: Json = {**account.body, **attributes, "INBOUND": "poll", **changes}
    for name in ("ACCESS-TOKEN", "ACCESS-TOKEN-SECRET", "WEBHOOK-URL"):
        del body[name]
    return account, {name: value for name, value in body.items() if value is not None}


def register(account: Account, body: Json) -> requests.Response:
    url = f"{account.tree.url}/webhook/twitter/register-and-subscribe"
    return account.tree.http.post(url, json=body, timeout=60)


def grant(account: Account) -> Json:
    (found,) = account.tree.sandbox.get("oauth2/grants", account_id=account.id)["grants"]
    shown: Json = found
    return shown


@pytest.mark.parametrize("access_token", [True, False])
def test_two_processes_rotate_the_token_and_the_grant_never_dies(busy: Tree, access_token: bool) -> None:
    account, body = with_grant(busy, **({} if access_token else {"OAUTH2-ACCESS-TOKEN": None}))
    answer = register(account, body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["account_id"] == account.id
    chat = account.customer()
    texts = []
    for number in range(3):
        before = grant(account)["refreshed"]
        texts.append(f"line {number}")
        chat.customer_says(texts[-1])
        chat.await_ccm(texts, 40)
        reply = chat.agent_says(f"answer {number}")
        assert chat.await_report(reply["id"])["status"] == "DELIVERED"
        eventually(lambda before=before: grant(account)["refreshed"] > before, 40, what="a refresh")
    # The seed that CCM and the operator still have changes nothing.
    assert register(account, body).status_code == 200
    refreshed = grant(account)["refreshed"]
    eventually(lambda: grant(account)["refreshed"] > refreshed, 40, what="a refresh")
    assert grant(account)["revoked"] is False
    assert account.shown()["attention"] is None


def test_a_picture_is_fetched_by_api_v2(busy: Tree) -> None:
    account, body = with_grant(busy)
    assert register(account, body).status_code == 200
    chat = account.customer()
    customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg", text="look")
    (message,) = eventually(lambda: [m for m in chat.ccm_messages() if m["body"]["type"] == "IMAGE"], 40)
    assert in_the_file_engine(chat, message) == JPEG
    paths = [r["path"] for r in busy.sandbox.get("requests/recorded")["requests"]]
    assert any(path.startswith("/2/dm_conversations/media/") for path in paths)


def test_authorize_takes_the_address_that_x_redirects_to(busy: Tree) -> None:
    account = Account.new(busy, api="v2")
    client = busy.sandbox.post("oauth2/grant", account_id=account.id)
    body = {name: value for name, value in account.body.items() if name != "WEBHOOK-URL"}
    assert register(account, {**body, "INBOUND": "poll"}).status_code == 200
    command = [str(COMMAND), "authorize", account.id, "--client-id", client["CLIENT-ID"], "--client-secret"]
    with subprocess.Popen(
        [*command, client["CLIENT-SECRET"]],
        cwd=ROOT,
        env=busy.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        fields = dict(part.split("=", 1) for part in requests.utils.urlparse(link).query.split("&"))
        form = {name: requests.utils.unquote(value) for name, value in fields.items()}
        page = link.partition("?")[0]
        answer = busy.http.post(page, data={**form, "account_id": account.id}, timeout=10, allow_redirects=False)
        out, err = process.communicate(answer.headers["Location"] + "\n", timeout=60)
    assert process.returncode == 0, err
    assert f"account {account.id} has an OAuth 2.0 token" in out
    grants = busy.sandbox.get("oauth2/grants", account_id=account.id)["grants"]
    began = time.monotonic()
    eventually(
        lambda: any(g["refreshed"] for g in busy.sandbox.get("oauth2/grants", account_id=account.id)["grants"]), 30
    )
    assert len(grants) == 2
    assert time.monotonic() - began < 30
    assert account.shown()["attention"] is None
