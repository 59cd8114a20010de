"""Runs a Python module as a process of its own, forked from this one.

It starts at once, and shares the memory of what this process has imported: see docs/decisions/0026-forked-processes.md.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .parent_death import signal_at_parents_death

# What web, workers and scheduler import before their first work.
MODULES = (
    "twitter_connector.web.application",
    "twitter_connector.processes.gunicorn_worker",
    "gunicorn.app.wsgiapp",
    "celery.bin.worker",
    "celery.bin.beat",
    "celery.apps.worker",
    "celery.worker.consumer",
    "celery.concurrency.thread",
    "kombu.pidbox",
    "kombu.transport.redis",
)
# Fields of /proc/PID/stat behind the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 45, 46
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


def import_shared() -> None:
    """Import what the forked processes use. They share it, and need no time for it."""
    # Imports leave little garbage. Searching for it would take a tenth of their time.
    gc.disable()
    for name in MODULES:
        importlib.import_module(name)
    gc.enable()
    # Otherwise each forked process runs the destructors of this garbage. One of them swallowed the exception by which
    # the scheduler ends on SIGTERM.
    gc.collect()
    # Searches of the forked processes go through their own objects only.
    gc.freeze()


class Forked:
    """A process that runs `python -m MODULE`, with the part of Popen's interface that the supervisor uses.

    It has a session of its own, ends when its parent does, and its standard output is this process's standard error.
    inherited: file descriptors that it does not get. Only a process with one thread may make it.
    """

    def __init__(self, command: list[str], inherited: Iterable[int] = ()) -> None:
        self._command = command
        self._parent = os.getpid()
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(tuple(inherited),))
        # Until the new process has the handlers of a new one, a signal must wait.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._mask = before
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The status, negative for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the status, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once it has ended. Raises TimeoutExpired after so many seconds."""
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._command, timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _run(self, inherited: tuple[int, ...]) -> None:
        """Be the new process."""
        os.setsid()
        signal_at_parents_death(signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)  # the parent ended before the kernel was asked to say so
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in inherited:
            with suppress(OSError):
                os.close(descriptor)
        os.dup2(2, 1)
        _show(self._command)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        _, _, module, *arguments = self._command
        sys.argv = [module, *arguments]
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            # Python runs these in a forked process from 3.13 on only.
            atexit._run_exitfuncs()


def _show(command: list[str]) -> None:
    """Show a command line in the list of processes, in the place of this process's own. Linux only."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return
    begin, end = int(fields[_ARGUMENTS_BEGIN]), int(fields[_ARGUMENTS_END])
    if begin and (shown := _shortened(command, end - begin)):
        ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)


def _shortened(command: list[str], length: int) -> bytes:
    """Return `python -m MODULE` and those arguments for which the length in bytes is enough, empty if it is too short.

    Python's folder is left out where the module would not be shown otherwise.
    """
    for python in (command[0], os.path.basename(command[0])):
        words = [python, *command[1:]]
        while len(words) >= len(("python", "-m", "MODULE")):
            # Word by word, as tools expect it: the libraries that set titles write one word.
            if len(shown := b"".join(os.fsencode(word) + b"\0" for word in words)) <= length:
                return shown
            words.pop()
            while words[-1].startswith("--"):
                words.pop()
    return b""
