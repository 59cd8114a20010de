"""The process: start, stop, and state over a restart."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from fake_connector import FakeConnector
from sample_files import png
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, ROOT, V2_ACCOUNT, V2_PAIR, Sandbox, running_sandbox, until

from sandbox.journal import Journal

pytestmark = pytest.mark.integration


def test_what_happened_is_remembered_over_a_restart(tmp_path: Path) -> None:
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url) as sandbox:
            webhook = sandbox.register(connector).json()
            sandbox.post("accounts", id="555", screen_name="globex")
            sandbox.post("customers", id="666", name="Grace")
            keys = sandbox.keys("555")
            dm = _picture(sandbox)
            reply = sandbox.post("agent/messages", **PAIR, text="hello")
            stored = _to_file_engine(sandbox)
            until(lambda: sandbox.get("webhook-deliveries", status="delivered")["deliveries"])
            before = sandbox.get("conversation", **PAIR)
        connector.events.clear()
        with running_sandbox(tmp_path, connector.url) as sandbox:
            assert sandbox.get("conversation", **PAIR) == before
            assert sandbox.keys("555") == keys
            listed = sandbox.twitter("GET", "/1.1/account_activity/all/sandbox/webhooks.json").json()
            assert listed == [webhook]
            media = sandbox.http.get(f"{sandbox.url}/_sandbox/media/{dm['media_id']}", timeout=10)
            assert media.content == png()
            fetched = sandbox.http.get(
                f"{sandbox.url}/file-engine/api/downloadFileStream", params={"filename": stored}, timeout=10
            )
            assert fetched.content == b"kept"
            newer = sandbox.post("customer/messages", account_id=ACCOUNT, customer_id="666", text="after")
            assert int(newer["id"]) > int(dm["id"])
            until(lambda: connector.events)
            assert [e["direct_message_events"][0]["id"] for e in connector.envelopes()] == [newer["id"]]
            assert reply["id"] in str(before["desk"])
    finally:
        connector.close()


def test_what_api_v2_knows_is_remembered_over_a_restart(tmp_path: Path) -> None:
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url) as sandbox:
            webhook_id = sandbox.subscribe(connector, "dm.received")
            path = f"/2/account_activity/webhooks/{webhook_id}/subscriptions/all"
            assert sandbox.as_user("POST", path, json={}).ok
            access = sandbox.grant()["OAUTH2-ACCESS-TOKEN"]
            before = sandbox.get("x/webhooks", account_id=V2_ACCOUNT)
        with running_sandbox(tmp_path, connector.url) as sandbox:
            assert sandbox.get("x/webhooks", account_id=V2_ACCOUNT) == before
            assert [webhook["id"] for webhook in before["webhooks"]] == [webhook_id]
            assert (len(before["subscriptions"]), len(before["account_activity"])) == (1, 1)
            assert sandbox.with_token("GET", "/2/users/me", access).json()["data"]["id"] == V2_ACCOUNT
            sandbox.post("customer/messages", **V2_PAIR, text="after")
            until(lambda: len(connector.events) == 2)
    finally:
        connector.close()


def test_encrypted_conversations_are_remembered_over_a_restart_and_stored_as_ciphertext(tmp_path: Path) -> None:
    pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url) as sandbox:
            before = sandbox.post("x-chat", **V2_PAIR)
            sandbox.http.post(
                f"{sandbox.url}/_sandbox/customer/messages",
                data={**V2_PAIR, "text": "the planted secret"},
                files={"media_file": ("p.png", png(), "image/png")},
            ).raise_for_status()
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert [data for data in files if b"the planted secret" in data or png() in data] == []
        with running_sandbox(tmp_path, connector.url) as sandbox:
            assert sandbox.get("x-chat", **V2_PAIR) == {**before, "missing": ""}
            (shown,) = sandbox.get("conversation", **V2_PAIR)["phone"]
            assert shown["text"] == "the planted secret"
            assert sandbox.http.get(sandbox.url + shown["media_url"]).content == png()
    finally:
        connector.close()


def test_ccm_shows_the_connectors_token_to_the_connector_and_twitter_shows_none(tmp_path: Path) -> None:
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url, CONNECTOR_API_TOKEN=" newest-token, former-token") as sandbox:
            sandbox.post("register", account_id=ACCOUNT)
            sandbox.post("agent/messages", **PAIR, text="hello")
            assert connector.tokens == ["Bearer newest-token"] * 2
            assert b"newest-token" not in Path(f"/proc/{sandbox.process.pid}/cmdline").read_bytes()
            sandbox.register(connector)
            connector.tokens.clear()
            sandbox.post("customer/messages", **PAIR, text="hello")
            until(lambda: connector.events)
            assert connector.tokens == [None]
    finally:
        connector.close()


def test_a_page_of_somebody_elses_cannot_steer_the_sandbox(tmp_path: Path) -> None:
    """Such a page could write as an agent, since the connector trusts CCM."""
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url) as sandbox:
            port = sandbox.url.rpartition(":")[2]
            for origin, expected in (
                ("https://evil.example", 403),
                ("null", 403),
                (f"http://evil.example:{port}", 403),
                ("http://127.0.0.1:9", 403),
                (sandbox.url, 200),
                (f"http://localhost:{port}", 200),
            ):
                answer = sandbox.http.post(
                    f"{sandbox.url}/_sandbox/agent/messages",
                    data={**PAIR, "text": "hello"},
                    headers={"Origin": origin},
                    timeout=10,
                )
                assert answer.status_code == expected, origin
            assert len(connector.messages) == 2
    finally:
        connector.close()


def test_an_event_not_yet_delivered_is_delivered_after_a_restart(tmp_path: Path) -> None:
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path, connector.url) as sandbox:
            sandbox.register(connector)
            connector.event_statuses[:] = [503]
            dm = sandbox.post("customer/messages", **PAIR, text="twice")
            until(lambda: connector.events)
        with running_sandbox(tmp_path, connector.url):
            until(lambda: len(connector.events) == 2)
        assert connector.envelopes()[1]["direct_message_events"][0]["id"] == dm["id"]
    finally:
        connector.close()


def test_a_killed_sandbox_starts_again(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "http://127.0.0.1:9") as sandbox:
        dm = sandbox.post("customer/messages", **PAIR, text="kept")
        until(lambda: _written_down(tmp_path))
        sandbox.process.kill()
        sandbox.process.wait(timeout=5)
    with running_sandbox(tmp_path, "http://127.0.0.1:9") as sandbox:
        assert [entry["id"] for entry in sandbox.get("twitter/messages")["messages"]] == [dm["id"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_whatever_hangs(tmp_path: Path, number: signal.Signals) -> None:
    with running_sandbox(tmp_path, "http://127.0.0.1:9") as sandbox:
        sandbox.post("faults", family="ccm", action="hang")
        with pytest.raises(requests.RequestException):
            sandbox.http.post(f"{sandbox.url}/ccm/message/receive", json={}, timeout=0.3)
        with sandbox.http.get(f"{sandbox.url}/_sandbox/events", stream=True, timeout=5):
            begun = time.monotonic()
            sandbox.process.send_signal(number)
            assert sandbox.process.wait(timeout=5) == 0
            assert time.monotonic() - begun < 2


@dataclass
class Note:
    """A record to save."""

    text: str


def test_while_the_disk_is_full_nothing_is_forgotten_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "state.sqlite", delay_seconds=0.01, retry_seconds=0.01)
    tries: list[str] = []
    # From here on the file must not grow, so SQLite says what it says of a full disk.
    journal._db.execute("PRAGMA max_page_count=1")
    journal._db.set_trace_callback(lambda words: tries.append(words) if words == "BEGIN" else None)
    journal.save("note", "1", Note("x" * 100_000))
    until(lambda: len(tries) > 3)
    journal.save("note", "2", Note("later"))
    journal.save("note", "1", Note("y" * 100_000))
    tried = len(tries)
    until(lambda: len(tries) > tried + 2)
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert "database or disk is full" in caplog.text
    journal._db.execute("PRAGMA max_page_count=1000000")
    notes = until(lambda: journal.load("note"))
    assert [note["text"][:5] for note in notes] == ["yyyyy", "later"]
    until(lambda: [r.levelname for r in caplog.records] == ["ERROR", "WARNING"])


def test_only_loopback_is_listened_on(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.1", "example.com"):
        command = [sys.executable, "-m", "sandbox", "--host", host, "--port", "0", "--state-dir", str(tmp_path)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == 2
        assert "not a loopback address" in ended.stderr


def test_a_folder_belongs_to_one_sandbox_at_a_time(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "http://127.0.0.1:9"):
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", str(tmp_path)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("Error: another sandbox is using")


def test_connections_are_kept_also_after_a_body_nobody_read(sandbox: Sandbox) -> None:
    def local_port() -> int:
        answer = sandbox.http.get(f"{sandbox.url}/health", stream=True, timeout=10)
        port: int = answer.raw.connection.sock.getsockname()[1]
        assert answer.content == b"ok\n"
        return port

    first = local_port()
    unread = sandbox.http.post(f"{sandbox.url}/nowhere", data=os.urandom(300_000), timeout=10)
    assert unread.status_code == 404
    assert local_port() == first
    assert sandbox.http.post(f"{sandbox.url}/nowhere", data=iter([b"a" * 1000] * 50), timeout=10).status_code == 404
    assert local_port() == first


def test_a_reset_forgets_all_but_the_demo(sandbox: Sandbox, connector: FakeConnector) -> None:
    sandbox.register(connector)
    sandbox.post("accounts", id="555")
    sandbox.post("customers", count=20)
    sandbox.post("customer/messages", **PAIR, text="x")
    sandbox.post("agent/messages", **PAIR, text="x")
    sandbox.post("settings", ccm_answer="delivered")
    sandbox.post("faults", family="ccm")
    sandbox.post("reset")
    assert sandbox.get("conversation", **PAIR) == {"phone": [], "desk": [], "posts": []}
    people = sandbox.get("people")
    registered = [(account["id"], account["api"], account["registered"]) for account in people["accounts"]]
    assert registered == [(ACCOUNT, "v1.1", False), (V2_ACCOUNT, "v2", False)]
    assert people["customers"][0]["id"] == CUSTOMER
    assert len(people["customers"]) == 4
    assert sandbox.get("settings")["ccm_answer"] == "accepted"
    assert sandbox.get("faults")["faults"] == []
    assert sandbox.get("requests")["requests"] == []
    assert sandbox.get("webhook-deliveries")["deliveries"] == []


def test_the_demo_is_ready_to_be_posted_to_the_connector(sandbox: Sandbox, connector: FakeConnector) -> None:
    demo = sandbox.get("demo")
    assert set(demo) == {
        "API-KEY",
        "API-KEY-SECRET",
        "ACCESS-TOKEN",
        "ACCESS-TOKEN-SECRET",
        "WEBHOOK-URL",
        "ENVIRONMENT-NAME",
    }
    assert demo["WEBHOOK-URL"] == f"{connector.url}/webhook/twitter/{ACCOUNT}"
    assert demo["ACCESS-TOKEN"].startswith(f"{ACCOUNT}-")
    got: list[dict[str, str]] = []
    connector.on_register = lambda body: got.append(body) or 200
    assert sandbox.post("register", account_id=ACCOUNT)["status"] == 200
    assert got == [demo]


def test_the_log_of_requests_holds_no_secret(sandbox: Sandbox) -> None:
    sandbox.send_dm({"text": "between us"})
    sandbox.bearer()
    log = sandbox.http.get(f"{sandbox.url}/_sandbox/requests", timeout=10).text
    assert "between us" not in log
    for name, value in sandbox.keys().items():
        if name not in {"WEBHOOK-URL", "ENVIRONMENT-NAME"}:
            assert value not in log
    (entry,) = sandbox.get("requests", path="events/new")["requests"]
    assert (entry["auth"], entry["account_id"], entry["status"]) == ("oauth", ACCOUNT, 200)


def _picture(sandbox: Sandbox) -> dict[str, str]:
    answer = sandbox.http.post(
        f"{sandbox.url}/_sandbox/customer/messages",
        data={**PAIR, "text": "look"},
        files={"media_file": ("p.png", png(), "image/png")},
        timeout=10,
    )
    shown: dict[str, str] = answer.json()
    return shown


def _to_file_engine(sandbox: Sandbox) -> str:
    answer = sandbox.http.post(
        f"{sandbox.url}/file-engine/api/uploadFileStream",
        files={"file": ("k.txt", b"kept")},
        data={"conversationId": "1"},
        timeout=10,
    )
    name: str = answer.json()["name"]
    return name


def _written_down(state_dir: Path) -> bool:
    return any(b'"kept"' in path.read_bytes() for path in state_dir.glob("state.sqlite3*"))
