"""Releases of the service that run side by side: one broker and one sandbox, any number of installations on them.

Looks at the service from outside only: commands, HTTP, output. Nothing here imports it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import requests
from tree import ROOT, Control, environment, eventually, free_ports

from tests.warm_commands import Started, commands

READY_SECONDS = 60.0
STOP_SECONDS = 40.0


@dataclass(frozen=True)
class Release:
    """A version of the code. folder: where its packages lie; they come before the installed ones."""

    name: str
    folder: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", "from twitter_connector.cli import main; main()", *words]

    def start(self, words: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Run a command line with this release's code; its output goes to the end of `log`."""
        env = {**env, "PYTHONPATH": str(self.folder)}
        with log.open("ab") as out:
            return subprocess.Popen(
                words, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )


PRESENT = Release("present", ROOT)


@dataclass
class Installation:
    """One `twitter-connector up` of a release on a shared broker, with a folder and a port of its own."""

    release: Release
    var_dir: Path
    port: int
    env: dict[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | Started | None = None
    log_start: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/twitter-connector"

    @property
    def log(self) -> Path:
        return self.var_dir.with_suffix(".log")

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        self.log.touch()
        self.log_start = self.log.stat().st_size
        if self.release is PRESENT:
            self.process = commands().start(("up",), self.env, self.log)
        else:
            self.process = self.release.start(self.release.command("up"), self.env, self.log)

    def wait_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while "\nready: " not in "\n" + self.output()[self.log_start :]:
            assert self.process is not None
            running = self.process.poll() is None and time.monotonic() < end
            assert running, f"{self.release.name} did not become ready:\n{self.output()[-6000:]}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an orchestrator does. Fails where it does not end in good order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS)
        self.process = None
        assert status == 0, f"{self.release.name} ended with status {status}:\n{self.output()[-6000:]}"

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        if self.release is PRESENT:
            return commands().run(words, self.env, "", 60)
        return subprocess.run(
            self.release.command(*words),
            cwd=self.release.folder,
            env={**self.env, "PYTHONPATH": str(self.release.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def kill(self) -> None:
        # Its children are killed with it (PR_SET_PDEATHSIG).
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Setup:
    """A broker, a sandbox, and the installations that share them."""

    def __init__(self, key: str) -> None:
        # A short path: the broker's socket lies in it, and the kernel allows such paths about a hundred bytes.
        self.home = Path(tempfile.mkdtemp(prefix="tc-"))
        self.key = key
        self.sandbox_port, self.port = free_ports(2)
        self.sandbox_host = f"127.0.0.1:{self.sandbox_port}"
        self.sandbox = Control(f"http://{self.sandbox_host}")
        self.redis_url = f"unix://{self.home}/broker/broker/kv.sock"
        self.client = redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=10)
        self.http = requests.Session()
        self.http.trust_env = False
        self.made: list[Installation] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def open(self, sides: Release = PRESENT) -> None:
        """Start the broker and the sandbox, both from one release."""
        broker_env = environment(VAR_DIR=str(self.home / "broker"), BROKER_FSYNC="everysec")
        self.processes.append(sides.start(sides.command("broker"), broker_env, self.home / "broker.log"))
        words = [sys.executable, "-m", "sandbox", "--quiet", "--port", str(self.sandbox_port)]
        words += ["--state-dir", str(self.home / "sandbox"), "--connector-url", self.connector_url]
        self.processes.append(sides.start(words, environment(), self.home / "sandbox.log"))
        eventually(self._broker_answers, what="the broker")
        eventually(self._sandbox_answers, what="the sandbox")
        # Twitter lists and shows messages 15 times in 15 minutes; those limits are no subject here.
        limits = {"events/list": None, "events/show": None}
        self.sandbox.post("settings", limits=limits, retry_delays=[0.3] * 100)

    @property
    def connector_url(self) -> str:
        """Where the first installation answers; the sandbox speaks to it."""
        return f"http://127.0.0.1:{self.port}/twitter-connector"

    def installation(self, release: Release, **env: str) -> Installation:
        """Return a new one that is not started yet. The first one has the port the sandbox speaks to."""
        var_dir = self.home / f"{release.name}-{len(self.made)}"
        var_dir.mkdir()
        port = free_ports(1)[0] if self.made else self.port
        other_sides = f"http://{self.sandbox_host}"
        variables = environment(
            VAR_DIR=str(var_dir),
            HOST="127.0.0.1",
            PORT=str(port),
            REDIS_URL=self.redis_url,
            CREDENTIALS_KEY=self.key,
            CCM_URL=f"{other_sides}/ccm",
            FILE_ENGINE_URL=f"{other_sides}/file-engine",
            PUBLIC_FILE_ENGINE_URL="https://cx.example.com/file-engine",
            TWITTER_API_URL=other_sides,
            TWITTER_UPLOAD_URL=other_sides,
            X_API_URL=other_sides,
            TWITTER_MEDIA_HOSTS=self.sandbox_host,
            WEB_WORKERS="1",
            LOG_FORMAT="text",
            **env,
        )
        self.made.append(Installation(release, var_dir, port, variables))
        return self.made[-1]

    def close(self) -> None:
        for installation in self.made:
            installation.kill()
        for process in self.processes:
            process.kill()
            process.wait()
        self.client.close()
        self.http.close()
        self.sandbox.http.close()
        shutil.rmtree(self.home)

    # Looking

    def waiting(self) -> list[str]:
        """Return what holds work: lanes, as the broker names their queues, and journals."""
        # Journals first: what leaves one meanwhile is in a lane.
        journals = [str(path) for i in self.made if (path := i.var_dir / "journal" / "pending").exists()]
        return journals + sorted(self.client.scan_iter("tc:q:*", count=1000))

    def ask(self, method: str, url: str, **more: Any) -> Any:
        """Return the JSON an installation answers with; None for an empty body. Fails where it refuses."""
        answer = self.http.request(method, url, timeout=60, **more)
        assert answer.status_code < 300, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _broker_answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def _sandbox_answers(self) -> bool:
        try:
            return bool(self.sandbox.get("settings"))
        except requests.RequestException:
            return False


@contextmanager
def running_setup(key: str, sides: Release = PRESENT) -> Iterator[Setup]:
    """Run a setup for as long as the block lasts."""
    made = Setup(key)
    try:
        made.open(sides)
        yield made
    finally:
        made.close()
