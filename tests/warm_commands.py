"""Commands of `twitter-connector` in forks of one process that has imported them all.

A command imports for a second, and the tests of the running service call some seventy and start some fifty services.
The import of the first is the import of all. What follows is the command line's own: arguments, environment, input,
both outputs and status. tests/test_guide.py, tests/test_cli.py and tests/integration/test_lifecycle.py start commands
as an operator does.

Run as a script, this is that process. Each connection is a command: a JSON object in, and one out at its end. If the
output goes to a file, the number of the process comes out first.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
# These become other processes, or start some.
COLD = {"up", "web", "worker", "beat", "broker"}
# Fields of /proc/PID/stat behind the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_ENVIRONMENT_BEGINS, _ENVIRONMENT_ENDS = 47, 48


class Started:
    """A command that goes on, with the part of Popen's interface that the tests use."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._answers = line.makefile("rb")
        self.pid: int = json.loads(self._answers.readline())["pid"]
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the status, negative for the signal that ended it, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once it has ended. Raises TimeoutExpired after so many seconds."""
        if self.returncode is None:
            ready, _, _ = select.select([self._line], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("twitter-connector", timeout or 0.0)
            self.returncode = json.loads(self._answers.readline())["status"]
            self._answers.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Commands:
    """The process that forks, seen from the tests. path: of its socket."""

    def __init__(self, path: str) -> None:
        self.path = path

    def start(self, arguments: tuple[str, ...], env: dict[str, str], output: Path) -> Started:
        """Start a command and do not wait for its end. Both its outputs go to the end of a file."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(self.path)
        asked = {"arguments": arguments, "env": env, "output": str(output)}
        line.sendall(json.dumps(asked).encode() + b"\n")
        return Started(line)

    def run(
        self, arguments: tuple[str, ...], env: dict[str, str], stdin: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Raises TimeoutExpired."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            try:
                line.connect(self.path)
                line.sendall(json.dumps({"arguments": arguments, "env": env, "stdin": stdin}).encode() + b"\n")
                with line.makefile("rb") as answers:
                    answer = json.loads(answers.read())
            except TimeoutError:
                raise subprocess.TimeoutExpired(arguments, seconds) from None
        return subprocess.CompletedProcess(arguments, answer["status"], answer["stdout"], answer["stderr"])


class CommandsOfOurs(Commands):
    """That process, started here. It ends with this process."""

    def __init__(self) -> None:
        # A short path: the kernel allows those of sockets about a hundred bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="tc-commands-")
        super().__init__(f"{self._folder.name}/socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.path)
            listening.listen()
            variables = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
            # The end of this pipe is the end of the tests, whichever way they end.
            self._alive = subprocess.Popen(
                [sys.executable, __file__, str(listening.fileno())],
                cwd=ROOT,
                env={**variables, "VAR_DIR": self._folder.name, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[listening.fileno()],
            )

        atexit.register(self.close)

    def close(self) -> None:
        with self._alive:
            self._alive.kill()
        self._folder.cleanup()


_of_all: list[Commands] = []


def use(path: str) -> None:
    """Have commands run by a process that was started for all processes of the tests."""
    _of_all.append(Commands(path))


@cache
def commands() -> Commands:
    """Return the process for all, if there is one, or else one of this test process, which starts at the first use."""
    return _of_all[0] if _of_all else CommandsOfOurs()


def _serve(listening: socket.socket) -> NoReturn:
    """Fork for each connection, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        line, _ = listening.accept()
        if not os.fork():
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(line)
        line.close()


def _answer(line: socket.socket) -> NoReturn:
    """Read a command, run it in a fork of its own, write how it ended, and end."""
    with suppress(BrokenPipeError), line, line.makefile("rb") as requests, tempfile.TemporaryDirectory() as folder:
        asked = json.loads(requests.readline())
        in_background = "output" in asked
        standard = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        standard[0].write_text(asked.get("stdin", ""))
        if in_background:
            standard[1:] = [Path(asked["output"])] * 2
        child = os.fork()
        if not child:
            line.close()
            requests.close()
            _become(asked, standard)
        if in_background:
            line.sendall(json.dumps({"pid": child}).encode() + b"\n")
        _, status = os.waitpid(child, 0)
        said = {} if in_background else {"stdout": standard[1].read_text(), "stderr": standard[2].read_text()}
        line.sendall(json.dumps({"status": os.waitstatus_to_exitcode(status), **said}).encode() + b"\n")
    os._exit(0)


def _become(asked: dict[str, Any], standard: list[Path]) -> NoReturn:
    """Do what a new process of the command does after its imports."""
    from twitter_connector.cli import main
    from twitter_connector.config import share_metrics_directory

    for descriptor, (path, flags) in enumerate(
        zip(standard, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2), strict=True)
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["env"])
    _show_environment(asked["env"])
    # As the import of the metrics does. prometheus_client opens new files in a process with a new number.
    share_metrics_directory()
    status: object = 1
    try:
        main(args=asked["arguments"], prog_name="twitter-connector")
    except SystemExit as end:
        status = end.code
    except Exception:  # noqa: BLE001 - as at the end of any process
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def _show_environment(env: dict[str, str]) -> None:
    """Show VAR_DIR in /proc/PID/environ, as it stands there in a new process. Tests know their processes by it.

    All variables have been set again before, so neither Python nor the C library reads the memory behind that file.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(fields[_ENVIRONMENT_BEGINS]), int(fields[_ENVIRONMENT_ENDS])
    shown = f"VAR_DIR={env.get('VAR_DIR', '')}".encode()
    assert len(shown) < end - begin
    ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)


if __name__ == "__main__":
    from importlib import import_module

    from twitter_connector.cli import COMMANDS
    from twitter_connector.processes import forked

    for module, _ in COMMANDS.values():
        import_module(f"twitter_connector.commands.{module}")
    # `up` has a process that imports the sandbox, and one that imports the pages.
    for module in ("sandbox.app", "twitter_connector.console.account_page"):
        import_module(module)
    # The forks share these imports, and do not search them for garbage.
    forked.import_shared()

    _serve(socket.socket(fileno=int(sys.argv[1])))
