"""A disk that is nearly full is a finding of `doctor`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import inside

from twitter_connector import var_dir

LOOK = """
import pathlib, sys
from twitter_connector import var_dir
print(*var_dir.disk_space(pathlib.Path(sys.argv[1])))
"""


def test_a_small_disk_is_a_finding_that_says_how_much_is_needed(tmp_path: Path) -> None:
    command = inside(tmp_path, "1m", [sys.executable, "-c", LOOK, str(tmp_path)])
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.startswith("1 MiB free for ")
    assert "128 MiB at least" in done.stdout


def test_a_disk_with_space_is_none(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    if free.f_bavail * free.f_frsize < var_dir.FREE_BYTES_MIN:
        pytest.skip("the disk of this machine is nearly full itself")
    assert var_dir.disk_space(tmp_path)[1] == ""


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    words, advice = var_dir.disk_space(tmp_path / "missing")
    assert "missing" in words
    assert advice
