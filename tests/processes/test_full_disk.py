"""A disk without space under VAR_DIR: no process dies of its counters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import inside
from tree import environment

# Fills the file system, leaving so many bytes.
FILL = """
import os, sys
left = int(sys.argv[1])
if left >= 0:
    os.makedirs("metrics", exist_ok=True)
    free = os.statvfs(".")
    with open("filling", "wb") as file:
        file.write(b"x" * max(0, free.f_bavail * free.f_bsize - left))
import logging
logging.basicConfig(format="%(levelname)s %(message)s %(error)s")
from twitter_connector import metrics
"""
COUNT = (
    FILL
    + """
metrics.count_event("follow_events", "accepted")
metrics.ACKNOWLEDGED.observe(0.1)
for n in range(2000):
    metrics.FAILURES.labels("in", f"a long reason, so that the file grows {n}", "waits").inc()
    metrics.FAILURES.labels("in", f"a long reason, so that the file grows {n}", "waits").inc()
values = {metrics.FAILURES.labels("in", f"a long reason, so that the file grows {n}", "waits")._value.get()
          for n in range(2000)}
assert values == {2.0}, values
from prometheus_client import CollectorRegistry
print(len(metrics.exposition(CollectorRegistry()).splitlines()))
"""
)
LEFT = {"nothing": 0, "less than one file": 60_000, "the files and not their growth": 300_000}


def counting(tmp_path: Path, size: str, left: int) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "var"
    folder.mkdir()
    env = environment(VAR_DIR=str(folder), PYTHONPATH=str(Path(__file__).parents[2]))
    command = ["sh", "-c", 'cd "$VAR_DIR" && exec "$@"', "sh", sys.executable, "-c", COUNT, str(left)]
    return subprocess.run(
        inside(folder, size, command), env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("left", LEFT)
def test_a_process_counts_in_its_own_memory_if_the_disk_has_no_space_and_says_so(tmp_path: Path, left: str) -> None:
    done = counting(tmp_path, "1m", LEFT[left])
    assert done.returncode == 0, done.stderr
    assert "WARNING counters_not_shared No space left on device" in done.stderr
    assert done.stderr.count("counters_not_shared") <= 2  # one for each of its two files


def test_counters_are_shared_where_there_is_space(tmp_path: Path) -> None:
    done = counting(tmp_path, "8m", 4_000_000)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 2000


def test_counters_in_a_folder_that_cannot_be_created_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file, where the folder should be")
    env = environment(PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"))
    done = subprocess.run([sys.executable, "-c", COUNT, "-1"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "counters_not_shared" in done.stderr
