"""Tests in forked processes report what tests in one process report, whatever becomes of the processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[1]
CONFTEST = """
import atexit, os, pathlib, pytest
from tests import forked_run

def pytest_addoption(parser):
    parser.addoption("--processes", type=int)

@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    groups = {}
    for place, item in enumerate(session.items):
        groups.setdefault(item.path, []).append(place)
    forked_run.run(session, groups.values(), session.config.option.processes)
    return True

SEEN = pathlib.Path(__file__).with_name("seen")

def note(*words):
    with SEEN.open("a") as seen:
        print(os.getpid(), *words, file=seen)

@pytest.fixture(scope="session")
def service():
    atexit.register(note, "exit")
    yield "a service"
    note("service ended")
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*options: str, **files: str) -> subprocess.CompletedProcess[str]:
        for name, text in {"conftest": CONFTEST, **files}.items():
            (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-rA"]
        return subprocess.run(
            [*command, "--processes", "2", "--basetemp", str(tmp_path / "t"), *options],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def results(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return what the summary says, without the reasons."""
    return set(
        re.findall(r"^(?:PASSED|FAILED|ERROR|SKIPPED)(?: \[1\])? [^\s:]+(?:::[^\s:]+)?", done.stdout, re.MULTILINE)
    )


def test_each_result_is_shown_with_what_the_test_printed(run: Run) -> None:
    done = run(
        test_a="import pytest\ndef test_good(): pass\n@pytest.mark.skip\ndef test_skipped(): pass\n",
        test_b="def test_bad():\n    print('a word of the test')\n    left = 1\n    assert left == 2\n",
        test_c="import pytest\n@pytest.fixture\ndef broken(): raise OSError('away')\ndef test_broken(broken): pass\n",
    )
    assert done.returncode == 1
    assert results(done) == {
        "PASSED test_a.py::test_good",
        "SKIPPED [1] test_a.py",
        "FAILED test_b.py::test_bad",
        "ERROR test_c.py::test_broken",
    }
    assert done.stdout.count("a word of the test\n") == 1
    assert "assert 1 == 2" in done.stdout
    assert "OSError: away" in done.stdout
    assert "1 failed, 1 passed, 1 skipped, 1 error in" in done.stdout


def test_a_file_runs_in_one_process_and_what_lasts_for_the_session_ends_with_the_process(
    run: Run, tmp_path: Path
) -> None:
    one = (
        "import time\nfrom conftest import note\n"
        "def test_first(service, tmp_path): note('{0}', tmp_path.parent.name); time.sleep(0.3)\n"
        "def test_second(service): note('{0}')\n"
    )
    done = run(**{f"test_{name}": one.format(name) for name in "abc"})
    assert done.returncode == 0, done.stdout
    notes = [line.split(" ", 2) for line in (tmp_path / "seen").read_text().splitlines()]
    pids = {name: {pid for pid, *words in notes if words[0] == name} for name in "abc"}
    assert all(len(each) == 1 for each in pids.values())
    assert len(set.union(*pids.values())) == 2
    for pid in set.union(*pids.values()):
        assert [words for other, *words in notes if other == pid][-2:] == [["service", "ended"], ["exit"]]
    folders = {words[1] for _, *words in notes if words[0] in "abc" and len(words) == 2}
    assert folders == {"process-0", "process-1"}


def test_the_test_in_which_a_process_dies_fails_and_the_others_of_its_file_run(run: Run) -> None:
    done = run(
        test_a="import os, signal\ndef test_before(): pass\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "def test_after(): pass\n",
        test_b="def test_other(): pass\n",
    )
    assert done.returncode == 1
    assert results(done) == {
        "PASSED test_a.py::test_before",
        "ERROR test_a.py::test_dies",
        "PASSED test_a.py::test_after",
        "PASSED test_b.py::test_other",
    }
    assert "the process of the tests ended with status -9 in this test" in done.stdout


def test_a_service_that_does_not_end_fails_the_run(run: Run) -> None:
    done = run(
        test_a="import pytest\n@pytest.fixture(scope='session')\n"
        "def stubborn():\n    yield\n    raise OSError('it lives')\n"
        "def test_with_it(stubborn): pass\n"
    )
    assert done.returncode == 1
    assert "OSError: it lives" in done.stdout
    assert "1 passed, 1 error in" in done.stdout


def test_after_the_first_failure_nothing_new_begins(run: Run, tmp_path: Path) -> None:
    files = {f"test_{number}": "def test_bad(): assert False\ndef test_more(): assert False\n" for number in range(9)}
    done = run("-x", **files)
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout
    # The other process may have reported one meanwhile.
    assert len(results(done)) in {1, 2}


def test_a_warning_of_a_test_is_shown(run: Run) -> None:
    done = run("-W", "default", test_a="import warnings\ndef test_it(): warnings.warn('mind this', UserWarning)\n")
    assert done.returncode == 0
    assert "UserWarning: mind this" in done.stdout
