"""Processes that the supervisor forks behave as those that `python -m MODULE` starts.

Each test forks in a process of its own: that of the tests has threads.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
import atexit, json, os, signal, sys
if "--exit" in sys.argv:
    sys.exit(3)
if "--fail" in sys.argv:
    raise ValueError("planted")
if "--wait" in sys.argv:
    print("waits", flush=True)
    signal.pause()
atexit.register(lambda: print("the end", flush=True))
print(json.dumps({
    "name": __name__, "argv": sys.argv, "session": os.getsid(0) == os.getpid(), "path": sys.path[0],
    "shown": open("/proc/self/cmdline").read().rstrip(chr(0)).split(chr(0)) if sys.platform == "linux" else None,
    "default": [signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)],
    "blocked": [n.name for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "open": os.path.exists(f"/proc/self/fd/{sys.argv[1]}") if sys.platform == "linux" else False,
}), flush=True)
"""
PARENT = """
import os, signal, sys, time
from twitter_connector.processes.forked import Forked, import_shared
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGHUP, lambda *_: None)
signal.signal(signal.SIGCHLD, lambda *_: None)
file = open(os.devnull)
forked = Forked([sys.executable, "-m", "something", str(file.fileno()), {option!r}], [file.fileno()])
{then}
"""


def run(folder: Path, option: str, then: str) -> subprocess.CompletedProcess[str]:
    """Fork `python -m something OPTION`, then run the lines of `then`."""
    (folder / "something.py").write_text(MODULE)
    code = PARENT.format(option=option, then=textwrap.dedent(then))
    command = [sys.executable, "-c", code, "a long command line " * 10]
    env = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=30)


def test_it_runs_as_the_command_line_says_and_ends_as_a_program_does(tmp_path: Path) -> None:
    done = run(tmp_path, "--name", "print(forked.wait(20), forked.poll(), forked.returncode)")
    # Its standard output is the parent's standard error.
    assert done.stdout.split() == ["0", "0", "0"], done.stderr
    line, end = done.stderr.splitlines()
    assert end == "the end"
    seen: dict[str, Any] = json.loads(line)
    assert seen["name"] == "__main__"
    assert seen["argv"][0] == str(tmp_path / "something.py")
    assert seen["argv"][2:] == ["--name"]
    assert (seen["session"], seen["path"], seen["open"]) == (True, str(tmp_path), False)
    assert seen["default"] == [True, True, True]
    assert seen["blocked"] == []
    if sys.platform == "linux":
        assert seen["shown"] == [sys.executable, "-m", "something", seen["argv"][1], "--name"]


@pytest.mark.skipif(sys.platform != "linux", reason="only there the list of processes shows the command")
@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ("x" * 60, "/folder/of/python -m something --quiet --port 1"),
        ("x" * 34, "/folder/of/python -m something"),
        ("x" * 22, "python -m something"),
        ("x" * 10, "x" * 10),
    ],
)
def test_a_short_command_line_of_the_parent_still_shows_the_module(tmp_path: Path, own: str, shown: str) -> None:
    (tmp_path / "something.py").write_text(
        "print(open('/proc/self/cmdline').read().rstrip(chr(0)).replace(chr(0), ' '))"
    )
    command = ["/folder/of/python", "-m", "something", "--quiet", "--port", "1"]
    code = f"from twitter_connector.processes.forked import Forked; Forked({command}).wait()"
    # What the list shows is as long as this command line: a single word.
    done = subprocess.run(
        [own], executable=sys.executable, input=code, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stderr.strip() == shown


@pytest.mark.parametrize(("option", "status"), [("--exit", 3), ("--fail", 1)])
def test_its_status_is_that_of_the_program(tmp_path: Path, option: str, status: int) -> None:
    done = run(tmp_path, option, "print(forked.wait(20))")
    assert done.stdout.strip() == str(status), done.stderr
    assert ("ValueError: planted" in done.stderr) is (option == "--fail")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_and_is_its_status(tmp_path: Path, number: signal.Signals) -> None:
    done = run(tmp_path, "--wait", f"forked.send_signal({int(number)})\nprint(forked.wait(20))")
    assert done.stdout.strip() == str(-number), done.stderr


def test_waiting_ends_after_the_given_time(tmp_path: Path) -> None:
    then = """
        import subprocess
        try:
            forked.wait(0.2)
        except subprocess.TimeoutExpired:
            print("still runs", forked.poll())
        forked.send_signal(signal.SIGKILL)
        forked.wait()
        forked.send_signal(signal.SIGKILL)
        """
    done = run(tmp_path, "--wait", then)
    assert (done.returncode, done.stdout.strip()) == (0, "still runs None"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process of its parent's end")
def test_it_ends_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    # The pipe of standard error ends once nobody has it open, the forked process included.
    done = run(tmp_path, "--wait", "os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
