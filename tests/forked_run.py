"""Runs the collected tests in several processes, all forked from the one that has collected them.

Collecting imports every test and most of the service. Where each process did that for itself, each took seconds of the
processor: see docs/decisions/0027-processes-of-the-tests.md.

A group of tests runs in one process, in its order. A process asks for the next group when it has finished one. One that
dies fails the test that it was running, and another one goes on.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest.reports import TestReport

# How long a process may take to end once it has nothing left to do, with its services.
END_SECONDS = 60.0


class _Forwarded:
    """A plugin of a forked process: keeps what its tests report, for the process that shows it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.reports: list[dict[str, Any]] = []
        self.warnings: list[tuple[Any, ...]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        self.reports.append(hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str, nodeid: str) -> None:
        said = (
            str(warning_message.message),
            warning_message.category,
            warning_message.filename,
            warning_message.lineno,
        )
        self.warnings.append((said, when, nodeid))

    def taken(self) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
        """Return what came since the last call."""
        taken = self.reports, self.warnings
        self.reports, self.warnings = [], []
        return taken


@dataclass
class _Process:
    """A forked process, as seen by the one that forked it."""

    pid: int
    line: Connection
    # The tests that it was given and has not finished. It runs the first.
    given: deque[int] = field(default_factory=deque)


def run(session: pytest.Session, groups: Iterable[list[int]], processes: int) -> None:
    """Run groups of `session.items`, which are given by their places, in so many processes.

    Raises what pytest's own loop raises when it stops early.
    """
    _Run(session, deque(groups), processes).run()


class _Run:
    def __init__(self, session: pytest.Session, groups: deque[list[int]], processes: int) -> None:
        self._session = session
        self._hook = session.config.hook
        self._groups = groups
        self._wanted = min(processes, len(groups))
        self._living: dict[Connection, _Process] = {}
        self._started = 0
        # The processes have folders of their own in this one, which pytest removes some runs later.
        self._folder: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]

    def run(self) -> None:
        if reporter := self._session.config.pluginmanager.getplugin("terminalreporter"):
            # The results of several files come mixed.
            reporter.showfspath = False
        try:
            for _ in range(self._wanted):
                self._fork()
            while self._living:
                for line in wait(list(self._living)):
                    self._hear(self._living[line])  # type: ignore[index]
                    if self._session.shouldfail:
                        raise self._session.Failed(self._session.shouldfail)
                    if self._session.shouldstop:
                        raise self._session.Interrupted(self._session.shouldstop)
        finally:
            self._stop()

    def _fork(self) -> None:
        ours, theirs = Pipe()
        # What lies in a buffer would be written by both.
        sys.stdout.flush()
        sys.stderr.flush()
        number, self._started = self._started, self._started + 1
        pid = os.fork()
        if not pid:
            for line in (ours, *self._living):
                # The end of the line is how this process learns of the end of the other one.
                line.close()
            _be_forked(self._session, theirs, self._folder / f"process-{number}")
        theirs.close()
        self._living[ours] = _Process(pid, ours)

    def _hear(self, process: _Process) -> None:
        """Act on one message of a process, or on its end."""
        try:
            kind, *said = process.line.recv()
        except (EOFError, ConnectionResetError):
            self._ended(process)
            return
        if kind == "next":
            process.given = deque(self._groups.popleft() if self._groups else ())
            process.line.send(list(process.given))
        elif kind == "ran":
            self._show(self._session.items[process.given.popleft()], *said)
        else:
            self._show_failure(*said)

    def _show(self, item: pytest.Item, reports: list[dict[str, Any]], warned: list[tuple[Any, ...]]) -> None:
        """Report a test as if it had run here."""
        config = self._session.config
        self._hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in reports:
            report = self._hook.pytest_report_from_serializable(config=config, data=data)
            self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        for said, when, nodeid in warned:
            message = warnings.WarningMessage(*said)
            self._hook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": None}
            )

    def _show_failure(self, nodeid: str, reason: str) -> None:
        """Report a failure that pytest has no report of."""
        failed = TestReport(nodeid, (nodeid.partition("::")[0], None, nodeid), {}, "failed", reason, "teardown")
        self._hook.pytest_runtest_logreport(report=failed)

    def _ended(self, process: _Process) -> None:
        """Report the test during which a process died, if it has, and have another one do the rest."""
        process.line.close()
        del self._living[process.line]
        _, status = os.waitpid(process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if not process.given and not code:
            return
        died = f"the process of the tests ended with status {code}"
        if not process.given:
            self._show_failure("", f"{died} after its last test")
            return
        self._show_failure(self._session.items[process.given.popleft()].nodeid, f"{died} in this test")
        if process.given:
            self._groups.appendleft(list(process.given))
        if self._groups:
            self._fork()

    def _stop(self) -> None:
        """End all processes. Each finishes the test that it runs, unless the terminal has told it to stop as well."""
        living = {process.pid for process in self._living.values()}
        for line in self._living:
            line.close()
        end = time.monotonic() + END_SECONDS
        while living := {pid for pid in living if os.waitpid(pid, os.WNOHANG) == (0, 0)}:
            if time.monotonic() > end:
                for pid in living:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


def _be_forked(session: pytest.Session, line: Connection, folder: Path) -> NoReturn:
    """Be a forked process: run what the other one sends, end all services, and end."""
    status = 1
    try:
        _part(session.config, folder)
        _run_groups(session, line)
        status = 0
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass  # the other process has stopped, or all were told to
    except BaseException:  # noqa: BLE001 - as at the end of any process
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
        finally:
            os._exit(status)


def _part(config: pytest.Config, folder: Path) -> None:
    """Share no file with the process that forked this one, and say nothing to the terminal."""
    # What is to be done at the end of that process is done there.
    atexit._clear()
    for finalizer in weakref.finalize._registry:  # type: ignore[attr-defined]
        finalizer.atexit = False
    atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()
    config.pluginmanager.unregister(name="terminalreporter")
    folder.mkdir(mode=0o700)
    config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
        (folder / "metrics").mkdir()


def _run_groups(session: pytest.Session, line: Connection) -> None:
    config = session.config
    forwarded = _Forwarded(config)
    config.pluginmanager.register(forwarded)
    # Warnings of the collection, which a new plugin is told.
    forwarded.taken()
    nodeid = ""
    try:
        while given := _asked(line):
            for index, following in zip(given, [*given[1:], None], strict=True):
                item = session.items[index]
                nodeid = item.nodeid
                # The last test of a group ends everything but what lasts for the session.
                nextitem: Any = session if following is None else session.items[following]
                config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
                line.send(("ran", *forwarded.taken()))
    finally:
        # As at the end of any session: its services end.
        try:
            session._setupstate.teardown_exact(None)  # type: ignore[attr-defined]
        except BaseException:  # noqa: BLE001 - it becomes a report
            line.send(("failed", nodeid, f"at the end of the session:\n{traceback.format_exc()}"))


def _asked(line: Connection) -> list[int]:
    """Return the places of the next tests; none at the end."""
    line.send(("next",))
    places: list[int] = line.recv()
    return places
