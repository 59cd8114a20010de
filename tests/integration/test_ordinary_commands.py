"""The usual commands, as everybody types them: gunicorn, celery, honcho and flask, with their usual flags."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tree import ROOT, Control, environment, eventually, free_ports

from tests.brokers import Broker, running

BIN = Path(sys.executable).parent


class Installation:
    """A folder, ports and an environment, in which commands are typed. Everything that runs is ended at the end."""

    def __init__(self, ports: tuple[int, int] | None = None) -> None:
        """ports: of the connector and of the sandbox."""
        self._folder = tempfile.TemporaryDirectory(prefix="tc-")
        self.home = Path(self._folder.name)
        port, sandbox_port, self.other_port = free_ports(3)
        self.port, self.sandbox_port = ports or (port, sandbox_port)
        self.log = self.home / "log"
        self.log.touch()
        self.env = environment(
            VAR_DIR=str(self.home / "var"),
            HOST="127.0.0.1",
            PORT=str(self.port),
            SANDBOX="1",
            SANDBOX_PORT=str(self.sandbox_port),
            NO_PROXY="*",
            HOME=str(self.home),
        )
        self.env["PATH"] = f"{BIN}:{self.env['PATH']}"
        self._started: list[subprocess.Popen[bytes]] = []
        self.http = requests.Session()
        self.http.trust_env = False

    def start(self, command: str, *, cwd: Path = ROOT, **env: str) -> subprocess.Popen[bytes]:
        """Type a command that goes on running."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command.split(),
                cwd=cwd,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def run(self, command: str, *, seconds: float = 40.0, **env: str) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end. A variable that is "" is unset."""
        variables = {name: value for name, value in {**self.env, **env}.items() if value}
        return subprocess.run(
            command.split(), cwd=ROOT, env=variables, capture_output=True, text=True, timeout=seconds, check=False
        )

    def stop(self, process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(30)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def readiness(self) -> requests.Response | None:
        try:
            return self.http.get(self.url("/health/ready"), timeout=5)
        except OSError:
            return None

    def ready(self) -> bool:
        answer = self.readiness()
        return answer is not None and answer.status_code == 200

    def start_sandbox(self) -> None:
        """Start a sandbox that speaks to a connector on this installation's port."""
        self.start(
            f"python -m sandbox --port {self.sandbox_port} --state-dir {self.home}/sandbox "
            f"--connector-url {self.url('/twitter-connector')}"
        )
        control = Control(f"http://127.0.0.1:{self.sandbox_port}")

        def answers() -> bool:
            try:
                return bool(control.get("demo"))
            except OSError:
                return False

        eventually(answers, what="the sandbox")
        control.http.close()

    def command_with_port(self, command: str) -> str:
        """Return a command line that names the connector's port, which then wins over PORT."""
        self.env["PORT"] = str(self.other_port)
        return command.format(port=self.port)

    def register(self, sandbox: Control) -> requests.Response:
        """Register the sandbox's demo account as an operator does."""
        url = self.url("/webhook/twitter/register-and-subscribe")
        return self.http.post(url, json=sandbox.get("demo"), timeout=30)

    def close(self) -> None:
        for process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._started):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.http.close()
        self._folder.cleanup()


@pytest.fixture(scope="module")
def other_sides() -> Iterator[Installation]:
    """Where the sandbox of all tests runs. Starting one takes as long as starting a web process."""
    installation = Installation()
    installation.start_sandbox()
    yield installation
    installation.close()


@pytest.fixture
def sandbox(other_sides: Installation) -> Iterator[Control]:
    """The sandbox in the state of its first start."""
    control = Control(f"http://127.0.0.1:{other_sides.sandbox_port}")
    control.post("reset")
    yield control
    control.http.close()


@pytest.fixture
def here(other_sides: Installation) -> Iterator[Installation]:
    installation = Installation((other_sides.port, other_sides.sandbox_port))
    yield installation
    installation.close()


@pytest.fixture
def alone() -> Iterator[Installation]:
    """An installation without a sandbox yet."""
    installation = Installation()
    yield installation
    installation.close()


@pytest.fixture
def external_broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as broker:
        yield broker


@pytest.fixture
def with_broker(external_broker: Broker, here: Installation) -> Installation:
    """An installation whose broker is an external one, named by REDIS_URL, which ends after everything else."""
    here.env["REDIS_URL"] = external_broker.settings.redis_url
    return here


def message_reaches_ccm(sandbox: Control, text: str) -> None:
    """A customer of the demo account writes, and CCM receives it within two seconds."""
    demo = sandbox.get("demo")
    account_id = demo["WEBHOOK-URL"].rpartition("/")[2]
    (customer,) = sandbox.post("customers")["customers"]
    begun = time.monotonic()
    pair = {"account_id": account_id, "customer_id": customer["id"]}
    sandbox.post("customer/messages", **pair, text=text)
    eventually(lambda: text in json.dumps(sandbox.get("ccm/messages", **pair)), what="the text at CCM")
    assert time.monotonic() - begun < 2.5


def test_gunicorn_and_celery_as_typed_serve_everything(with_broker: Installation, sandbox: Control) -> None:
    here = with_broker
    web = here.start("gunicorn wsgi:app")
    eventually(lambda: here.readiness() is not None, what="gunicorn")
    answer = here.readiness()
    assert answer is not None
    assert (answer.status_code, answer.json()["failing"]) == (503, "worker")

    worker = here.start("celery -A workers.app worker -l INFO -n one@%h -c 16")
    beat = here.start("celery -A workers beat -l INFO")
    eventually(here.ready, what="readiness")
    registered = here.register(sandbox)
    assert registered.status_code == 200, registered.text
    message_reaches_ccm(sandbox, "typed as usual")

    ping = here.run("celery -A workers.app inspect ping")
    assert ping.returncode == 0, ping.stderr
    assert "pong" in ping.stdout
    assert here.run("twitter-connector alive").returncode == 0
    assert here.run("twitter-connector alive --worker").returncode == 0
    assert here.run("twitter-connector alive --beat").returncode == 0

    for process in (beat, worker, web):
        assert here.stop(process) == 0
    assert here.run("twitter-connector alive").returncode == 1
    gone = here.run("twitter-connector alive --worker")
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)
    # Nothing was written outside VAR_DIR: no socket in the home folder, no schedule in the checkout.
    assert {path.name for path in here.home.iterdir()} == {"var", "log"}
    assert not list(ROOT.glob("celerybeat-schedule*"))


def test_a_worker_for_some_queues_leaves_readiness_red_and_says_which_are_missing(with_broker: Installation) -> None:
    here = with_broker
    here.start("gunicorn wsgi:app")
    some = here.start("celery -A workers.app worker -Q inbound,upkeep -c 8")

    def unserved() -> list[str]:
        answer = here.readiness()
        return [] if answer is None else answer.json().get("parts", {}).get("unserved", [])

    eventually(unserved, what="a worker")
    assert unserved() == ["flash", "outbound"]
    others = here.start("celery -A workers.app worker -Q outbound,flash -c 8 -n two@%h")
    eventually(here.ready, what="readiness")
    here.stop(others)
    eventually(lambda: not here.ready(), what="its end")
    here.stop(some)


def test_a_worker_with_beat_inside_runs_the_upkeep(with_broker: Installation) -> None:
    worker = with_broker.start("celery -A workers.app worker -B -l INFO")
    eventually(lambda: "beat: Starting" in with_broker.log.read_text(), what="beat")
    with_broker.start("gunicorn wsgi:app")
    eventually(with_broker.ready, what="readiness")
    with_broker.stop(worker)


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn wsgi:app --threads 8 --workers 1 -b 127.0.0.1:{port}",
        "gunicorn wsgi:app -w 2",
        "flask --app wsgi run -p {port}",
    ],
)
def test_a_web_process_registers_an_account_with_the_usual_flags(
    with_broker: Installation, sandbox: Control, command: str
) -> None:
    here = with_broker
    here.start(here.command_with_port(command) if "{port}" in command else command)
    eventually(lambda: here.readiness() is not None, what="the web process")
    assert here.register(sandbox).status_code == 200


@pytest.mark.parametrize(
    "command", ["gunicorn wsgi:app -w 1 --threads 1", "flask --app wsgi run --without-threads -p {port}"]
)
def test_one_process_with_one_thread_says_why_it_cannot_register(
    with_broker: Installation, sandbox: Control, command: str
) -> None:
    here = with_broker
    here.start(command.format(port=here.port))
    eventually(lambda: here.readiness() is not None, what="the web process")
    refused = here.register(sandbox)
    assert (refused.status_code, refused.json()["step"]) == (422, "crc")
    assert refused.json()["detail"] == (
        "This web process handles one request at a time, so it cannot answer X's challenge while it registers an "
        "account: start it with at least two threads, for example `gunicorn --threads 8 wsgi:app`, and register again."
    )


@pytest.mark.parametrize("installation", ["here", "with_broker"], ids=["embedded broker", "REDIS_URL"])
def test_honcho_starts_the_procfile(installation: str, sandbox: Control, request: pytest.FixtureRequest) -> None:
    here: Installation = request.getfixturevalue(installation)
    honcho = here.start(here.command_with_port("honcho start -p {port}"))
    eventually(here.ready, seconds=40, what="readiness")
    assert here.register(sandbox).status_code == 200
    message_reaches_ccm(sandbox, "by the Procfile")
    assert honcho.poll() is None
    here.stop(honcho, signal.SIGINT)
    log = here.log.read_text()
    for part in ("web.1", "worker.1", "beat.1", "broker.1"):
        assert f"{part}" in log


@pytest.mark.parametrize("options", ["", "sheduler"], ids=["nothing", "another word"])
def test_the_module_of_the_workers_names_its_two_commands(here: Installation, options: str) -> None:
    done = here.run(f"python -m workers {options}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: python -m workers needs `worker` or `beat` first.")


NO_CCM = [
    "gunicorn wsgi:app",
    "celery -A workers.app worker",
    "celery -A workers.app beat",
    "flask --app wsgi run",
    "twitter-connector web",
    "twitter-connector worker",
    "twitter-connector beat",
]


@pytest.mark.parametrize("command", NO_CCM)
def test_without_ccm_and_sandbox_a_process_stops_with_one_line(here: Installation, command: str) -> None:
    done = here.run(command, SANDBOX="")
    assert done.returncode == 2
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("error: CCM_URL is not set.")


def test_a_mistyped_name_never_starts_the_sandbox_where_there_is_no_checkout(
    here: Installation, tmp_path: Path
) -> None:
    here.env.pop("SANDBOX")
    here.env["CCM_ULR"] = "http://127.0.0.1:9/ccm"
    process = here.start(str(BIN / "twitter-connector") + " up", cwd=tmp_path)
    assert process.wait(30) == 2
    (line,) = here.log.read_text().splitlines()
    assert line == (
        "error: CCM_URL is not set. Set it to CCM's base URL, or set SANDBOX=1 to use the sandbox as X and CCM. "
        "The variable CCM_ULR is set and has no effect. Did you mean CCM_URL?"
    )


def test_a_broker_that_does_not_answer_is_logged_at_once_and_then_every_five_seconds(alone: Installation) -> None:
    up = alone.start("twitter-connector up", REDIS_URL=f"redis://127.0.0.1:{alone.other_port}/0")
    begun = time.monotonic()
    eventually(lambda: alone.log.read_text().count("broker_not_answering") >= 1, 5, what="the first line")
    eventually(lambda: alone.log.read_text().count("broker_not_answering") >= 3, 20, what="two more")
    assert 9 < time.monotonic() - begun < 16
    alone.stop(up)


def test_the_log_lines_of_a_worker_without_a_broker_are_whole(here: Installation) -> None:
    worker = here.start("celery -A workers.app worker", REDIS_URL=f"redis://:geheim123@127.0.0.1:{here.other_port}/0")
    eventually(lambda: "Cannot connect to" in here.log.read_text(), what="Celery's line")
    here.stop(worker)
    lines = [line for line in here.log.read_text().splitlines() if "Cannot connect to" in line]
    assert "%s" not in lines[0]
    assert f"127.0.0.1:{here.other_port}" in lines[0]
    assert "Trying again" in lines[0]
    assert "geheim123" not in here.log.read_text()


def test_a_wrong_key_makes_readiness_red_and_ends_the_worker_with_one_line(
    with_broker: Installation, sandbox: Control
) -> None:
    here = with_broker
    web = here.start("gunicorn wsgi:app")
    eventually(lambda: here.readiness() is not None, what="gunicorn")
    assert here.register(sandbox).status_code == 200
    here.stop(web)
    wrong = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
    here.start("gunicorn wsgi:app", CREDENTIALS_KEY=wrong)
    eventually(lambda: here.readiness() is not None, what="gunicorn")
    answer = here.readiness()
    assert answer is not None
    assert (answer.status_code, answer.json()["failing"]) == (503, "credentials-key")
    assert "CREDENTIALS_KEY" in answer.json()["detail"]
    worker = here.start("celery -A workers.app worker", CREDENTIALS_KEY=wrong)
    assert worker.wait(30) == 1
    log = here.log.read_text()
    assert "error: " in log
    assert "Traceback" not in log
    assert wrong not in log
