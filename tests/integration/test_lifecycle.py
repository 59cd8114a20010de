"""Starting, stopping and dying: Ctrl-C, kill -9 of everything and of each process, wrong settings, another broker."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tree import READY_SECONDS, Tree, eventually, free_ports

from benchmarks.at_rest import measure
from tests.integration.conversations import Account
from tests.integration.troubles import another_worker
from twitter_connector.processes.embedded_broker import binary

NewTree = Callable[..., Tree]


# Starting and stopping


def test_one_line_says_that_it_is_ready_and_then_it_is(mortal: Tree) -> None:
    lines = [line for line in mortal.output().splitlines() if line.startswith("ready: ")]
    assert lines == [f"ready: {mortal.url}"]
    # Also where to chat is said once, though two processes know it.
    assert mortal.output().count("sandbox: http") == 1
    assert mortal.http.get(f"{mortal.url}/health/ready", timeout=10).status_code == 200
    for part in ("broker", "sandbox", "web", "worker", "beat"):
        assert len(mortal.pids(part)) == 1, part


def test_at_rest_it_seldom_wakes_up_and_writes_little(mortal: Tree) -> None:
    assert mortal.supervisor is not None
    pid, seconds = mortal.supervisor.pid, 5.0

    def rests() -> bool:
        # Once a minute the regular work takes some more, so one window of several has to be quiet.
        rows = [row for row in measure(pid, seconds) if row.name != "sandbox"]
        assert {row.name for row in rows} == {"supervisor", "broker", "web", "worker", "beat"}
        seen.append((sum(row.wakeups for row in rows) / seconds, sum(row.disk_bytes for row in rows)))
        # Before, it was 50 a second and 5 pages.
        return seen[-1][0] < 12 and seen[-1][1] <= 2 * 4096

    seen: list[tuple[float, int]] = []
    while not rests():
        assert len(seen) < 20, f"wake-ups a second and bytes written in {seconds:g} s: {seen}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_stop_in_the_middle_of_work_leaves_no_process(mortal: Tree, number: signal.Signals) -> None:
    account = Account.registered(mortal)
    chats = account.customers(3)
    # Somebody is being delivered to at that very moment.
    slow = mortal.sandbox.fault(family="ccm", account_id=account.id, delay=1.0)
    for chat in chats:
        chat.customer_says("at the last moment")
        chat.agent_says("at the last moment")
    eventually(lambda: mortal.sandbox.hits(slow) >= 3)
    begun = time.monotonic()
    assert mortal.stop(number) == 0
    assert time.monotonic() - begun < 30
    assert mortal.processes() == {}
    assert "Traceback" not in mortal.output()
    assert "process_killed" not in mortal.output()


def test_what_was_being_worked_on_at_the_stop_is_done_after_the_next_start(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    mortal.sandbox.fault(family="ccm", customer_id=chat.customer_id, status=503)
    chat.customer_says("before the stop")
    eventually(chat.requests_to_ccm)
    # The signal of a terminal that is closed.
    assert mortal.stop(signal.SIGHUP) == 0
    mortal.start()
    chat.await_ccm(["before the stop"])
    chat.await_round_trip("after it")


def test_a_stop_while_starting_leaves_no_process(new_tree: NewTree) -> None:
    tree = new_tree()
    tree.launch(warm=False)
    eventually(lambda: tree.pids("web"), READY_SECONDS, what="a web process")
    assert tree.stop(signal.SIGINT) == 0
    assert tree.processes() == {}


# kill -9


def test_killing_everything_loses_neither_accounts_nor_pending_work(mortal: Tree) -> None:
    account = Account.registered(mortal)
    chats = account.customers(5)
    for chat in chats:
        chat.await_round_trip("as usual")
    mortal.sandbox.fault(family="ccm", account_id=account.id, status=503)
    mortal.sandbox.fault(
        family="twitter",
        path="events/new",
        account_id=account.id,
        status=429,
        headers={"x-rate-limit-reset": "{now+4}"},
        body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    )
    replies = {}
    for chat in chats:
        chat.customer_says("pending one")
        chat.customer_says("pending two")
        replies[chat.customer_id] = [chat.agent_says(text)["id"] for text in ("reply one", "reply two")]
    eventually(lambda: account.shown()["pauses"], what="a pause")
    eventually(lambda: all(len(chat.requests_to_ccm()) >= 3 for chat in chats), what="tries at CCM")
    _until_the_sandbox_has_written_it_down(mortal)
    registration_status = account.shown()["webhook"]
    mortal.kill_everything()
    assert mortal.processes() == {}

    mortal.start(warm=False)
    assert account.shown()["webhook"] == registration_status
    for chat in chats:
        chat.await_ccm(["as usual", "pending one", "pending two"], seconds=40)
        chat.await_twitter(["as usual", "reply one", "reply two"], seconds=40)
        for message_id in replies[chat.customer_id]:
            assert chat.await_report(message_id)["status"] == "DELIVERED"
    for chat in chats:
        chat.await_round_trip("as ever")


def test_killing_the_supervisor_takes_everything_with_it_and_the_next_start_succeeds(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    _until_the_sandbox_has_written_it_down(mortal)
    assert mortal.supervisor is not None
    mortal.supervisor.kill()
    mortal.supervisor.wait()
    eventually(lambda: not mortal.processes(), what="the end of every process")
    mortal.start()
    chat.await_round_trip("again")


@pytest.mark.parametrize("part", ["web-worker", "web", "worker", "broker", "beat", "sandbox"])
def test_a_process_that_is_killed_comes_back_and_messages_flow_again(mortal: Tree, part: str) -> None:
    chat = Account.registered(mortal).customer()
    chat.await_round_trip("before")
    _until_the_sandbox_has_written_it_down(mortal)
    before = set(mortal.pids(part))
    children = set(mortal.pids("web-worker")) if part == "web" else set()
    mortal.kill(part)

    def gone_with_its_children() -> bool:
        # A connection in use is what keeps them alive longest.
        _ready(mortal)
        return children.isdisjoint(mortal.processes())

    # Left behind, they would hold the port for ten seconds more and let Twitter's requests wait in its queue.
    eventually(gone_with_its_children, seconds=5, what="the end of what the dead one had made")
    eventually(lambda: set(mortal.pids(part)) - before, what=f"a new {part}")
    eventually(lambda: _ready(mortal), seconds=30, what="readiness")
    chat.await_round_trip("after", seconds=40)
    assert chat.ccm_texts() == ["before", "after"]
    assert chat.twitter_texts() == ["before", "after"]


def test_messages_taken_in_while_no_worker_runs_are_delivered_by_the_next(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    mortal.kill("worker")
    chat.customer_says("anybody?")
    reply = chat.agent_says("somebody")
    chat.await_ccm(["anybody?"], seconds=40)
    assert chat.await_report(reply["id"], seconds=40)["status"] == "DELIVERED"
    assert chat.twitter_texts() == ["somebody"]


def test_while_the_broker_is_away_nothing_is_acknowledged_and_then_lost(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    mortal.sandbox.post("settings", retry_delays=[0.2] * 100)
    taken: list[str] = []
    mortal.kill("broker")
    end = time.monotonic() + 20
    while time.monotonic() < end and len(taken) < 10:
        text = f"no. {len(taken)}"
        message = chat.cim_message(text)
        answer = mortal.http.post(f"{mortal.url}/cim-messages", json=message, timeout=10)
        assert answer.status_code in (202, 503), answer.text
        if answer.status_code == 202:
            taken.append(text)
        else:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) >= 1
    assert len(taken) == 10
    chat.customer_says("through the outage")
    chat.await_twitter(taken, seconds=40)
    chat.await_ccm(["through the outage"], seconds=40)


def test_a_worker_that_slept_through_its_lease_changes_nothing_in_that_lane(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    said = [f"no. {n}" for n in range(5)]
    slow = [
        mortal.sandbox.fault(family=family, path=path, customer_id=chat.customer_id, delay=1.2)
        for family, path in (("ccm", "message/receive"), ("twitter", "events/new"))
    ]
    chat.customer_says(said[0])
    chat.agent_says(said[0])
    eventually(lambda: all(mortal.sandbox.hits(fault) for fault in slow), what="both sides being asked")
    (sleeper,) = mortal.pids("worker")
    os.kill(sleeper, signal.SIGSTOP)
    for text in said[1:]:
        chat.customer_says(text)
        chat.agent_says(text)
    with another_worker(mortal):
        # The second goes on where the first fell asleep, and is in the middle of it when that wakes up.
        eventually(lambda: len(set(chat.ccm_texts())) >= 2 and len(chat.twitter_texts()) >= 2, seconds=40)
        os.kill(sleeper, signal.SIGCONT)
        eventually(lambda: len(set(chat.ccm_texts())) == 5 and len(chat.reports()) >= 5, seconds=40)
        chat.await_round_trip("mark")
    # What the sleeper had asked CCM, CCM was asked again, under the same id: nobody could know that it was done.
    assert chat.ccm_texts() == [said[0], *said, "mark"]
    assert chat.twitter_texts() == [*said, "mark"]
    chat.await_delivered(6)


# What an operator gets wrong


def test_a_second_start_in_the_same_folder_says_what_is_wrong_and_harms_nothing(mortal: Tree) -> None:
    chat = Account.registered(mortal).customer()
    chat.await_round_trip("before")
    before = {part: mortal.pids(part) for part in ("broker", "web", "worker", "beat", "sandbox")}
    port, sandbox_port = free_ports(2)
    for env in ({}, {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}):
        second = mortal.cli("up", seconds=40, **env)
        assert second.returncode not in (0, None)
        outcome = [line for line in (second.stdout + second.stderr).splitlines() if str(mortal.var_dir) in line]
        assert len(outcome) == 1, second.stdout + second.stderr
        assert "VAR_DIR" in outcome[0]
        assert "ready:" not in second.stdout
    assert {part: mortal.pids(part) for part in before} == before
    chat.await_round_trip("after")
    assert mortal.http.get(f"{mortal.url}/metrics", timeout=10).status_code == 200


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_port_that_is_taken_is_named_by_its_variable(new_tree: NewTree, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = new_tree().cli("up", seconds=40, **{variable: str(taken.getsockname()[1])})
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert [line for line in lines if line.startswith("cannot start: ") and f" {variable}: " in line], lines
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("HOST", "not a host"),
        ("CCM_URL", "ccm:8081"),
        ("REDIS_URL", "http://127.0.0.1:6379"),
        ("TWITTER_API_URL", "https://user:geheim123@api.twitter.com"),
        ("CREDENTIALS_KEY", "geheim123"),
        ("CONNECTOR_API_TOKEN", "geheim1"),
        ("WEB_WORKERS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_variable_that_cannot_be_understood_stops_the_start_with_one_line(
    new_tree: NewTree, variable: str, value: str
) -> None:
    tree = new_tree()
    done = tree.cli("up", seconds=20, **{variable: value})
    assert done.returncode == 2
    (line,) = (done.stdout + done.stderr).splitlines()
    assert variable in line
    assert "geheim" not in line
    assert not tree.var_dir.exists()


# A broker elsewhere


@contextmanager
def _broker_of_ones_own(folder: Path, *more: str) -> Iterator[int]:
    (port,) = free_ports(1)
    command = [binary(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", *more]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(port), what="a broker")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_redis_url_replaces_the_embedded_broker(new_tree: NewTree, tmp_path: Path) -> None:
    with _broker_of_ones_own(tmp_path) as port:
        tree = new_tree(REDIS_URL=f"redis://127.0.0.1:{port}/3")
        tree.start(warm=False)
        assert tree.pids("broker") == []
        chat = Account.registered(tree).customer()
        chat.await_round_trip("through another broker")
        with redis.Redis(port=port, db=3) as client:
            assert client.dbsize() > 0
        assert tree.stop() == 0
        assert tree.processes() == {}
        assert _answers(port)
        # What it knows lies there and nowhere else: a service in another folder, with the key, is the same service.
        assert not (tree.var_dir / "broker").exists()
        tree.start()
        chat.await_round_trip("and again")


def test_a_broker_that_wants_a_password_is_told_at_once(new_tree: NewTree, tmp_path: Path) -> None:
    with _broker_of_ones_own(tmp_path, "--requirepass", "right-password") as port:
        done = new_tree().cli("up", seconds=40, REDIS_URL=f"redis://:wrong-password@127.0.0.1:{port}/0")
    assert done.returncode == 1
    outcome = [line for line in (done.stdout + done.stderr).splitlines() if "REDIS_URL" in line]
    assert len(outcome) == 1, done.stdout + done.stderr
    assert "password" in outcome[0]
    assert "wrong-password" not in done.stdout + done.stderr


def _answers(port: int) -> bool:
    with redis.Redis(port=port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


def _ready(tree: Tree) -> bool:
    try:
        tree.sandbox.get("settings")
        return tree.http.get(f"{tree.url}/health/ready", timeout=5).status_code == 200
    except OSError:
        return False


def _until_the_sandbox_has_written_it_down(tree: Tree) -> None:
    """The sandbox writes behind by a tenth of a second; a kill -9 must not take the test's own people away."""
    (made,) = tree.sandbox.post("customers")["customers"]
    state = tree.var_dir / "sandbox"

    def written() -> Any:
        return any(made["id"].encode() in file.read_bytes() for file in state.glob("state.sqlite3*"))

    eventually(written, what="the sandbox's journal")
