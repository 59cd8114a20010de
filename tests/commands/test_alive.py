"""The probe of the scheduler. The other probes are in tests/integration/test_ordinary_commands.py."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from twitter_connector.cli import main


def alive(directory: Path, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["alive", *options], env={"VAR_DIR": str(directory), "REDIS_URL": "", "CCM_URL": ""}
    )


def test_a_scheduler_that_did_something_five_minutes_ago_is_alive(tmp_path: Path) -> None:
    (tmp_path / "beat").touch()
    os.utime(tmp_path / "beat", (time.time() - 300,) * 2)
    result = alive(tmp_path, "--beat")
    assert (result.exit_code, result.output) == (0, "beat is alive.\n")


@pytest.mark.parametrize(("age", "words"), [(None, "no scheduler has run"), (800, "has done nothing for 800 s")])
def test_a_scheduler_that_does_nothing_is_not_alive(tmp_path: Path, age: int | None, words: str) -> None:
    if age is not None:
        (tmp_path / "beat").touch()
        os.utime(tmp_path / "beat", (time.time() - age,) * 2)
    result = alive(tmp_path, "--beat")
    assert result.exit_code == 1
    assert words in result.output
    assert "`twitter-connector beat`" in result.output


def test_one_probe_is_for_one_process(tmp_path: Path) -> None:
    assert alive(tmp_path, "--beat", "--worker").exit_code == 2
