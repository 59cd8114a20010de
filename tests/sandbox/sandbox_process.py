"""Runs the sandbox as a process and calls it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from fake_connector import FakeConnector
from requests_oauthlib import OAuth1

ROOT = Path(__file__).parents[2]
ACCOUNT = "732739706"
CUSTOMER = "210375291"
V2_ACCOUNT = "1750214466953510912"
V2_PAIR = {"account_id": V2_ACCOUNT, "customer_id": CUSTOMER}
PAIR = {"account_id": ACCOUNT, "customer_id": CUSTOMER}


def until(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true answer of `check`; fail if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Sandbox:
    """A running sandbox, with methods to call it."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url = url
        self.process = process
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, where: str, /, **query: Any) -> Any:
        """GET from the control API."""
        answer = self.http.get(f"{self.url}/_sandbox/{where}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def post(self, where: str, body: Any = None, /, **fields: Any) -> Any:
        """POST to the control API."""
        answer = self.http.post(f"{self.url}/_sandbox/{where}", json=body or fields, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def delete(self, path: str) -> None:
        """DELETE in the control API."""
        self.http.delete(f"{self.url}/_sandbox/{path}", timeout=10).raise_for_status()

    def keys(self, account_id: str = ACCOUNT) -> dict[str, str]:
        """Return the register body of an account."""
        body: dict[str, str] = self.get(f"accounts/{account_id}")
        return body

    def auth(self, account_id: str = ACCOUNT, **wrong: str) -> OAuth1:
        """Return the signature of an account; `wrong` replaces parts of it."""
        keys = self.keys(account_id)
        parts = {
            "client_key": keys["API-KEY"],
            "client_secret": keys["API-KEY-SECRET"],
            "resource_owner_key": keys["ACCESS-TOKEN"],
            "resource_owner_secret": keys["ACCESS-TOKEN-SECRET"],
        }
        return OAuth1(**{**parts, **wrong})

    def twitter(self, method: str, path: str, account_id: str = ACCOUNT, **more: Any) -> requests.Response:
        """Call X in the name of an account, signed with OAuth 1.0a."""
        more.setdefault("auth", self.auth(account_id))
        return self.http.request(method, self.url + path, timeout=10, allow_redirects=False, **more)

    def send_dm(self, data: dict[str, Any], to: str = CUSTOMER, **more: Any) -> requests.Response:
        """Send a DM from the demo account."""
        event = {"type": "message_create", "message_create": {"target": {"recipient_id": to}, "message_data": data}}
        return self.twitter("POST", "/1.1/direct_messages/events/new.json", json={"event": event}, **more)

    def bearer(self, account_id: str = ACCOUNT) -> str:
        """Fetch the app-only token of an account's app."""
        keys = self.keys(account_id)
        answer = self.http.post(
            f"{self.url}/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(keys["API-KEY"], keys["API-KEY-SECRET"]),
            timeout=10,
        )
        token: str = answer.json()["access_token"]
        return token

    def as_app(self, method: str, path: str, account_id: str = V2_ACCOUNT, **more: Any) -> requests.Response:
        """Call X with the app-only token of an account's app."""
        headers = {"Authorization": f"Bearer {self.bearer(account_id)}"}
        return self.twitter(method, path, auth=None, headers=headers, **more)

    def as_user(self, method: str, path: str, account_id: str = V2_ACCOUNT, **more: Any) -> requests.Response:
        """Call X in the name of an account of API v2, signed with OAuth 1.0a."""
        return self.twitter(method, path, account_id, **more)

    def grant(self, account_id: str = V2_ACCOUNT, **fields: Any) -> dict[str, str]:
        """Return OAuth 2.0 attributes of an account that has just authorized its app."""
        attributes: dict[str, str] = self.post("oauth2/grant", account_id=account_id, **fields)
        return attributes

    def with_token(self, method: str, path: str, token: str, **more: Any) -> requests.Response:
        """Call X with an OAuth 2.0 user token."""
        return self.twitter(method, path, auth=None, headers={"Authorization": f"Bearer {token}"}, **more)

    def subscribe(
        self, connector: FakeConnector, *event_types: str, account_id: str = V2_ACCOUNT, tag: str = "ours"
    ) -> str:
        """Register the connector's webhook in API v2, subscribe to event types, and return the webhook's id."""
        keys = self.keys(account_id)
        connector.secrets[account_id] = keys["API-KEY-SECRET"]
        answer = self.as_app("POST", "/2/webhooks", account_id, json={"url": keys["WEBHOOK-URL"]})
        assert answer.status_code == 200, answer.text
        webhook_id: str = answer.json()["data"]["id"]
        for event_type in event_types:
            body = {
                "event_type": event_type,
                "filter": {"user_id": account_id},
                "tag": tag,
                "webhook_id": webhook_id,
            }
            made = self.as_user("POST", "/2/activity/subscriptions", account_id, json=body)
            assert made.status_code == 200, made.text
        return webhook_id

    def register(self, connector: FakeConnector, account_id: str = ACCOUNT) -> requests.Response:
        """Register the connector's webhook for an account and subscribe it."""
        keys = self.keys(account_id)
        connector.secrets[account_id] = keys["API-KEY-SECRET"]
        base = f"/1.1/account_activity/all/{keys['ENVIRONMENT-NAME']}"
        answer = self.twitter("POST", f"{base}/webhooks.json", account_id, params={"url": keys["WEBHOOK-URL"]})
        assert answer.status_code == 200, answer.text
        assert self.twitter("POST", f"{base}/subscriptions.json", account_id).status_code == 204
        return answer


@contextmanager
def running_sandbox(state_dir: Path, connector_url: str, **env: str) -> Iterator[Sandbox]:
    """Run a sandbox during the block."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", str(state_dir)]
    command += ["--connector-url", connector_url]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("sandbox: http://127.0.0.1:"), line
        sandbox = Sandbox(line.removeprefix("sandbox: ").strip().rstrip("/"), process)
        with sandbox.http:
            yield sandbox
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
