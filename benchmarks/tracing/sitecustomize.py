"""Python imports this when it starts, if its folder is on PYTHONPATH: records which files of the connector are entered.

TRACE_DIR: where each process writes "seconds file" lines. TRACE_ROOT: the checkout. See files_entered.py.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import FrameType
from typing import Any

# A file that a thread enters again within this time is not written again.
AGAIN_SECONDS = 0.02


class Recorder:
    """Writes a line for each call into a file of the connector. Safe after a fork."""

    def __init__(self, directory: str, root: str) -> None:
        self._directory = directory
        self._packages = tuple(os.path.join(root, package, "") for package in ("twitter_connector", "workers"))
        self._root = os.path.join(root, "")
        self._names: dict[str, str] = {}
        self._written: dict[tuple[str, int], float] = {}
        self._file, self._process = -1, 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        """See sys.setprofile."""
        if event != "call":
            return
        path = frame.f_code.co_filename
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = path.removeprefix(self._root) if path.startswith(self._packages) else ""
        now, key = time.monotonic(), (name, threading.get_ident())
        if not name or now - self._written.get(key, 0.0) < AGAIN_SECONDS:
            return
        self._written[key] = now
        if self._process != os.getpid():
            self._process = os.getpid()
            where = os.path.join(self._directory, str(self._process))
            self._file = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self._file, f"{now} {name}\n".encode())


if "TRACE_DIR" in os.environ:
    recorder = Recorder(os.environ["TRACE_DIR"], os.environ["TRACE_ROOT"])
    threading.setprofile(recorder)
    sys.setprofile(recorder)
