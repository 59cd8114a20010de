"""Two complete replicas on one broker behave as one, also while one after the other is stopped and started again.

Twitter and CCM reach them through a front door that knows both, as a Service of Kubernetes does.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from tree import ROOT, Control, Tree, can_look_at_processes, environment, eventually, free_ports

from tests.brokers import Broker, running
from tests.integration.conversations import Account
from tests.integration.crowd import Crowd, Talk
from tests.integration.media_files import agent_attaches, failure
from twitter_connector.broker import keys
from twitter_connector.queue.wakeups import UPKEEP_QUEUE, UPKEEP_TASK, celery_app

pytestmark = pytest.mark.integration

# More than anybody comes to say before both replicas have been stopped and started.
MANY = 1000
_PASSED_ON = ("content-type", "authorization", "x-twitter-webhooks-signature")


class Door:
    """Hands each request to the next replica, and to the other one where that does not take it."""

    def __init__(self, ports: list[int]) -> None:
        self.answered: Counter[int] = Counter()
        turn = count()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._passed_on()

            def do_POST(self) -> None:
                self._passed_on()

            def _passed_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
                first = next(turn) % len(ports)
                for port in ports[first:] + ports[:first]:
                    try:
                        status, content_type, content = self._asked(port, body, headers)
                    except (ConnectionError, HTTPException):
                        continue
                    door.answered[port] += self.command == "POST" and status < 300
                    self.send_response(status)
                    self.send_header("Content-Type", content_type)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                    return
                self.send_error(502)

            def _asked(self, port: int, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
                with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as replica:
                    replica.request(self.command, self.path, body, headers)
                    answer = replica.getresponse()
                    return answer.status, answer.getheader("Content-Type", "text/plain"), answer.read()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Pair:
    """Two replicas, what they share, and the way in."""

    replicas: list[Tree]
    broker: Broker
    door: Door
    sandbox: Control = field(repr=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The replicas, while the sandbox plays the other sides for both."""
    if not can_look_at_processes():
        pytest.skip("the processes of the service are found through /proc, which this system does not have")
    folder = tmp_path_factory.mktemp("pair")
    (sandbox_port,) = free_ports(1)
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    key = Fernet.generate_key().decode()
    with running(folder) as broker:
        replicas = [
            Tree(
                REDIS_URL=broker.settings.redis_url,
                CREDENTIALS_KEY=key,
                CCM_URL=f"{sandbox}/ccm",
                FILE_ENGINE_URL=f"{sandbox}/file-engine",
                TWITTER_API_URL=sandbox,
                TWITTER_UPLOAD_URL=sandbox,
                X_API_URL=sandbox,
                TWITTER_MEDIA_HOSTS=f"127.0.0.1:{sandbox_port}",
            )
            for _ in range(2)
        ]
        door = Door([replica.port for replica in replicas])
        other_sides = _sandbox(sandbox_port, folder / "sandbox", f"http://127.0.0.1:{door.port}/twitter-connector")
        try:
            for replica in replicas:
                replica.sandbox = Control(sandbox)
                replica.launch()
            for replica in replicas:
                replica.wait_ready()
            eventually(lambda: _answers(sandbox), what="the sandbox")
            # Twitter repeats what nobody took; quickly, so that nobody has to wait for it.
            replicas[0].sandbox.post("settings", retry_delays=[0.3] * 1000, limits={"events/list": None})
            yield Pair(replicas, broker, door, replicas[0].sandbox)
        finally:
            for replica in replicas:
                replica.close()
            other_sides.kill()
            other_sides.wait()
            door.close()


def _sandbox(port: int, folder: Path, connector_url: str) -> subprocess.Popen[bytes]:
    options = {"--port": str(port), "--state-dir": str(folder), "--connector-url": connector_url}
    words = [word for option in options.items() for word in option]
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *words], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL
    )


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/_sandbox/settings", timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def checked(talks: list[Talk]) -> None:
    """Wait until everything has arrived; it must be there once and in order, and reported once."""
    for talk in talks:
        chat, replies = talk.chat, list(talk.outbound.values())
        eventually(lambda chat=chat, talk=talk: set(talk.inbound) <= set(chat.ccm_texts()), 30, what="all at CCM")  # type: ignore[misc]
        eventually(lambda chat=chat, want=replies: set(want) <= set(chat.twitter_texts()), 30, what="all at Twitter")  # type: ignore[misc]
        eventually(lambda chat=chat, want=replies: len(chat.reports()) >= len(want), 30, what="all reports")  # type: ignore[misc]
    for talk in talks:
        taken = [r for r in talk.chat.requests_to_ccm() if r["accepted"] and not r["repeat"]]
        texts = [r["message"]["body"]["markdownText"] for r in taken if r["type"] == "PLAIN"]
        assert texts == talk.inbound
        assert talk.chat.twitter_texts() == list(talk.outbound.values())
        assert sorted(report["messageId"] for report in talk.chat.reports()) == sorted(talk.outbound)
        assert {report["status"] for report in talk.chat.reports()} <= {"DELIVERED"}


@pytest.mark.parametrize(
    ("type_", "name", "mime"), [("FILE", "bill.pdf", "application/pdf"), ("AUDIO", "voice.mp3", "audio/mpeg")]
)
def test_what_only_a_link_could_carry_fails_where_no_public_address_of_the_file_engine_is_known(
    pair: Pair, type_: str, name: str, mime: str
) -> None:
    """Only here: with a sandbox of its own, a service knows an address that its customers can open."""
    chat = Account.registered(pair.replicas[0]).customer()
    message = agent_attaches(chat, type_, b"%PDF-1.7" + bytes(2040), name, mime)
    assert failure(chat, message) == (
        "400",
        f"X's Direct Messages carry pictures, GIFs and MP4 videos only, and this file ({mime}, 2 KB) cannot be "
        "offered as a link, because the connector knows no public address of the file engine. Send what matters as "
        "text or as a picture, or ask an administrator to set PUBLIC_FILE_ENGINE_URL.",
    )
    assert chat.twitter_messages() == []


def test_two_replicas_deliver_each_message_once_and_in_order(pair: Pair) -> None:
    first, second = pair.replicas
    # Registered at one, known to the other, whichever of them Twitter's challenge reaches.
    accounts = [Account.registered(first), Account.registered(second)]
    pair.door.answered.clear()
    crowd = Crowd(first, [chat for account in accounts for chat in account.customers(6)], messages=6, pause=0.02)
    crowd.start()
    crowd.finish(60)
    checked(crowd.talks)
    assert all(pair.door.answered[replica.port] > 50 for replica in pair.replicas), pair.door.answered
    for account in accounts:
        assert Account(first, account.body).shown() == Account(second, account.body).shown()


def test_a_rolling_restart_under_load_loses_and_doubles_nothing(pair: Pair) -> None:
    first, second = pair.replicas
    account = Account.registered(first)
    # Some are being delivered at any moment, whichever replica is told to stop.
    for family, path in (("ccm", "message/receive"), ("twitter", "events/new")):
        pair.sandbox.fault(family=family, path=path, account_id=account.id, delay=0.2)
    # Somebody says something thirty times a second, which is enough for every moment of a stop.
    crowd = Crowd(first, account.customers(10), messages=MANY, pause=0.5)
    crowd.start()
    for replica in (first, second):
        assert replica.stop() == 0
        assert "process_killed" not in replica.output()
        assert "Traceback" not in replica.output()
        between = Counter(pair.door.answered)
        eventually(lambda before=between: sum((pair.door.answered - before).values()) > 5, what="traffic meanwhile")  # type: ignore[misc]
        assert (pair.door.answered - between)[replica.port] == 0
        replica.start()
    crowd.suppress_wakeups()
    crowd.finish(60)
    for fault in pair.sandbox.get("faults")["faults"]:
        pair.sandbox.lift(fault["id"])
    checked(crowd.talks)
    assert all(talk.inbound and talk.outbound for talk in crowd.talks)


def test_chores_of_several_schedulers_are_done_once(pair: Pair) -> None:
    account = Account.registered(pair.replicas[0])
    slow = pair.sandbox.fault(family="twitter", path="account_activity", account_id=account.id, delay=1.5)
    since = time.time()
    with pair.broker.client() as client, celery_app(pair.broker.settings, patient=True) as schedulers:
        # The account's look is due, and both schedulers say so, more than once.
        client.hset(keys.ACCOUNT_STATUS.format(account=account.id), "next_check_at", 0)
        for _ in range(8):
            schedulers.send_task(UPKEEP_TASK, queue=UPKEEP_QUEUE)
        eventually(lambda: pair.sandbox.hits(slow), what="a look at the webhook")
        checked_at = eventually(
            lambda: int(client.hget(keys.ACCOUNT_STATUS.format(account=account.id), "next_check_at") or 0),  # type: ignore[arg-type]
            what="the end of the look",
        )
        assert checked_at > since * 1000
        eventually(lambda: not client.exists(keys.LOCK.format(chore="look_after")), what="a free lock")
    asked = pair.sandbox.get("requests", family="twitter", path="account_activity")["requests"]
    # The list of webhooks is asked for by the app, so it does not tell for which account.
    looks = [r["path"] for r in asked if r["account_id"] == account.id and r["method"] == "GET" and r["at"] > since]
    assert len(looks) == 1, looks
