"""The whole service for tests: `twitter-connector up` as an operator starts it, in a folder and on ports of its own.

It looks at the service from outside only: by HTTP, by what it prints, and by its processes in /proc. It never imports
the service, so a test that uses it proves what an operator would see.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.warm_commands import COLD, Started, commands

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("twitter-connector")
# The children of the supervisor, as its log names them, and the words of a command line that give each away.
PARTS = {
    "broker": {"valkey-server", "redis-server"},
    "sandbox": {"sandbox"},
    "web": {"gunicorn"},
    "worker": {"worker"},
    "beat": {"beat"},
}
READY_SECONDS = 60.0
_TAIL_BYTES = 6_000

T = TypeVar("T")


def eventually(check: Callable[[], T], seconds: float = 20.0, *, what: str = "it") -> T:
    """Return the first true answer of `check`. Fails when none has come in time, and shows the last answer."""
    begun = time.monotonic()
    while True:
        answer = check()
        if answer:
            return answer
        waited = time.monotonic() - begun
        if waited > seconds:
            raise AssertionError(f"{what} did not happen within {seconds:g} s; last seen: {answer!r:.2000}")
        # Checks are requests to processes that share the processor with what is waited for.
        time.sleep(min(max(waited / 10, 0.02), 0.25))


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on. They lie below the range from which outgoing connections take theirs, so
    that a service which is killed and started again finds its port still free."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Control:
    """The control API of the sandbox; see sandbox/README.md."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        # A proxy of the machine has no business between parts of one test.
        self.http.trust_env = False

    def get(self, where: str, /, **query: Any) -> Any:
        answer = self.http.get(f"{self.url}/_sandbox/{where}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, where: str, /, **fields: Any) -> Any:
        answer = self.http.post(f"{self.url}/_sandbox/{where}", json=fields, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def fault(self, **wanted: Any) -> str:
        """Put a fault in force and return its id."""
        found: str = self.post("faults", **wanted)["id"]
        return found

    def lift(self, fault_id: str) -> None:
        self.http.delete(f"{self.url}/_sandbox/faults/{fault_id}", timeout=30).raise_for_status()

    def hits(self, fault_id: str) -> int:
        """Return how many requests a fault has met so far."""
        return next(int(f["hits"]) for f in self.get("faults")["faults"] if f["id"] == fault_id)


class Tree:
    """One installation: its folder, its ports, its environment, and the processes that run in it just now."""

    def __init__(self, **env: str) -> None:
        # A short path: the broker's socket lies in it, and the kernel allows such paths about a hundred bytes.
        self.home = Path(tempfile.mkdtemp(prefix="tc-"))
        self.var_dir = self.home / "var"
        self.log = self.home / "log"
        self.log.touch()
        self.port, self.sandbox_port = free_ports(2)
        self.root_url = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root_url}/twitter-connector"
        self.env = environment(
            VAR_DIR=str(self.var_dir),
            HOST="127.0.0.1",
            PORT=str(self.port),
            SANDBOX_PORT=str(self.sandbox_port),
            **env,
        )
        self.sandbox = Control(f"http://127.0.0.1:{self.sandbox_port}")
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.hooks["response"].append(self._check_answer)
        self.supervisor: subprocess.Popen[bytes] | Started | None = None
        self._starts = 0

    def _check_answer(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        """Check an answer of the connector against its OpenAPI document."""
        # Only tests of the whole service need it.
        from tests.answer_check import check

        asked = answer.request
        if (asked.url or "").startswith(self.root_url):
            path = asked.path_url.partition("?")[0]
            check(asked.method or "", path, answer.status_code, answer.headers.get("Content-Type", ""), answer.content)

    # Running

    def start(self, *, warm: bool = True) -> None:
        """Run `twitter-connector up` and wait until it says that it is ready."""
        self.launch(warm=warm)
        self.wait_ready()

    def launch(self, *, warm: bool = True) -> None:
        """Run `twitter-connector up` and do not wait. warm: in a fork of a process that has imported everything."""
        self._starts = self.log.stat().st_size
        if warm:
            self.supervisor = commands().start(("up",), self.env, self.log)
            return
        with self.log.open("ab") as out:
            self.supervisor = subprocess.Popen(
                [str(COMMAND), "up"], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def wait_ready(self, seconds: float = READY_SECONDS) -> str:
        """Return the `ready:` line of the present start. Fails with the log's tail when it does not come."""
        end = time.monotonic() + seconds
        while True:
            for line in self.output().splitlines():
                if line.startswith("ready: "):
                    return line
            assert self.supervisor is not None
            if self.supervisor.poll() is not None or time.monotonic() > end:
                state = f"ended with status {self.supervisor.poll()}" if self.supervisor.returncode else "is silent"
                raise AssertionError(f"`up` did not become ready, it {state}. The end of its log:\n{self.tail()}")
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 40.0) -> int:
        """Ask the supervisor to end, as Ctrl-C or an orchestrator does; return its exit status."""
        assert self.supervisor is not None
        self.supervisor.send_signal(number)
        try:
            return self.supervisor.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"`up` still runs {seconds:g} s after {number.name}:\n{self.tail()}") from None

    def kill_everything(self) -> None:
        """kill -9 of every process, the supervisor first, so that it starts nothing again."""
        if self.supervisor is not None:
            self.supervisor.kill()
            self.supervisor.wait()
        end = time.monotonic() + 20.0
        while left := self.processes():
            assert time.monotonic() < end, f"these do not die: {left}"
            for pid in left:
                _kill(pid)
            time.sleep(0.02)

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill_everything()
        self.http.close()
        self.sandbox.http.close()
        shutil.rmtree(self.home)

    def cli(
        self, *arguments: str, stdin: str = "", seconds: float = 60.0, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run another `twitter-connector` command in the same installation, to its end."""
        if not COLD.intersection(arguments[:1]):
            return commands().run(arguments, {**self.env, **env}, stdin, seconds)
        return subprocess.run(
            [str(COMMAND), *arguments],
            cwd=ROOT,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    # Looking

    def output(self) -> str:
        """Return what the processes have printed since the last start."""
        with self.log.open("rb") as log:
            log.seek(self._starts)
            return log.read().decode(errors="replace")

    def tail(self) -> str:
        """Return the end of everything printed, over all starts."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").partition("\n")[2]

    def processes(self) -> dict[int, list[str]]:
        """Return pid -> command line of everything that runs in this folder, orphans too."""
        mark = f"VAR_DIR={self.var_dir}".encode()
        return {
            pid: command
            for pid, command, variables in _all_processes()
            # The broker writes its title, which names its socket, over its environment.
            if mark in variables or any(str(self.var_dir) in word for word in command)
        }

    def pids(self, part: str) -> list[int]:
        """Return the processes of a part: broker, sandbox, web, web-worker, worker or beat."""
        if part == "web-worker":
            masters = set(self.pids("web"))
            return [pid for pid in self.processes() if _parent(pid) in masters]
        assert self.supervisor is not None
        return [
            pid
            for pid, command in self.processes().items()
            if _parent(pid) == self.supervisor.pid and not PARTS[part].isdisjoint(Path(word).name for word in command)
        ]

    def kill(self, part: str) -> int:
        """kill -9 of one process of a part; return its pid. Fails where there is none."""
        found = self.pids(part)
        assert found, f"no {part} runs: {self.processes()}"
        pid = random.choice(found)
        _kill(pid)
        return pid


def environment(**changes: str) -> dict[str, str]:
    """Return an environment for the service: what any program needs, and what the test sets, nothing else."""
    kept = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "PYTHONHASHSEED", "SYSTEMROOT"}
    own = {name: value for name, value in os.environ.items() if name in kept}
    return {**own, "PYTHONUNBUFFERED": "1", **changes}


@contextmanager
def running_tree(**env: str) -> Iterator[Tree]:
    """Run a tree for as long as the block lasts."""
    tree = Tree(**env)
    try:
        tree.start()
        yield tree
    finally:
        tree.close()


def can_look_at_processes() -> bool:
    """Say whether this system shows the environment of processes, which is how a tree finds its own."""
    return Path("/proc/self/environ").exists()


def _all_processes() -> Iterator[tuple[int, list[str], list[bytes]]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            # A title a process has given itself has spaces where the zeros were.
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
        except OSError:
            continue  # it has just ended, or is somebody else's
        # A process that has ended and waits to be noticed has neither.
        if variables != [b""]:
            yield int(entry.name), command, variables


def _parent(pid: int) -> int:
    try:
        # The name in parentheses may hold anything, so count from behind it.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was quicker
