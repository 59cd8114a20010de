"""The supervisor goes on while the system cannot start a process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twitter_connector.config import Settings
from twitter_connector.processes.supervisor import CannotStart, Child, Supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    yield Supervisor(Settings.from_env({"SANDBOX": "1", "VAR_DIR": str(tmp_path)}), print)
    signal.set_wakeup_fd(-1)


def test_a_process_that_cannot_be_started_is_started_later(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    # The system's answer is the same kind of error as for too little memory or too many processes.
    child = Child("beat", ["/no/such/program"])
    supervisor._children.append(child)
    before = time.monotonic()
    supervisor._restart_dead()
    assert [record.message for record in caplog.records] == ["process_not_started"]
    assert caplog.records[0].__dict__["error"] == "No such file or directory"
    assert (child.process, child.restarts) == (None, 0)
    assert child.restart_at > before
    child.command, child.restart_at = ["true"], before
    supervisor._restart_dead()
    assert child.restarts == 1
    assert child.process is not None
    assert child.process.wait(20) == 0


def test_a_process_that_cannot_be_started_first_stops_the_start_with_its_name(supervisor: Supervisor) -> None:
    with pytest.raises(CannotStart, match=r"beat: .* \(No such file or directory\)"):
        supervisor._add("beat", ["/no/such/program"])
