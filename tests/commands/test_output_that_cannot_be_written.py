"""A command whose output cannot be written ends with one line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from twitter_connector.commands.environment import out

FULL = Path("/dev/full")  # every write to it fails as on a full disk


@pytest.mark.skipif(not FULL.exists(), reason="Linux only")
def test_a_full_disk_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with FULL.open("w") as full, contextlib.redirect_stdout(full), pytest.raises(SystemExit) as ended:
        out("a line" * 10_000)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: the output cannot be written (No space left on device).\n"
