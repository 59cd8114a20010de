"""A limit of open files that is too low: raised where it may be, otherwise one sentence at the start."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tree import COMMAND, ROOT, environment

LOOK = """
import resource
from twitter_connector.open_files import connections, too_few_files
import sys
print(too_few_files(int(sys.argv[1]))); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0]); print(connections(8))
"""


def run(command: list[str], folder: Path, soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    env = environment(
        VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", REDIS_URL="redis://127.0.0.1:9/0", PORT="1"
    )
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )  # fmt: skip


def look(folder: Path, soft: int, hard: int, concurrency: int = 128) -> list[str]:
    return run([sys.executable, "-c", LOOK, str(concurrency)], folder, soft, hard).stdout.splitlines()


def test_a_low_limit_is_raised_as_far_as_the_system_allows(tmp_path: Path) -> None:
    assert look(tmp_path, 64, 4096) == ["", "4096", "1000"]


def test_a_web_process_accepts_fewer_connections_with_a_low_limit(tmp_path: Path) -> None:
    assert look(tmp_path, 400, 400) == ["", "400", "284"]


def test_the_limit_that_the_sentence_proposes_is_high_enough(tmp_path: Path) -> None:
    assert "`ulimit -n 20100`" in look(tmp_path, 64, 64, 10_000)[0]


@pytest.mark.parametrize("command", ["up", "web", "worker"])
def test_a_limit_that_is_too_low_stops_the_start_with_one_line(tmp_path: Path, command: str) -> None:
    done = run([str(COMMAND), command], tmp_path, 64, 64)
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "A process may have 64 open files, and 356 are needed for WORKER_CONCURRENCY 128." in line
    assert "ulimit -n" in line


def test_a_plain_gunicorn_stops_with_the_same_line(tmp_path: Path) -> None:
    done = run([sys.executable, "-m", "gunicorn", "wsgi:app"], tmp_path, 64, 64)
    assert done.returncode != 0
    assert "error: A process may have 64 open files" in done.stderr


def test_doctor_says_so_too(tmp_path: Path) -> None:
    done = run([str(COMMAND), "doctor"], tmp_path, 64, 64)
    assert "BAD  open files" in done.stdout
