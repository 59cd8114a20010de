"""A clock that a test can step, for a process that it starts. Needs Linux and a C compiler."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from tests.process_folder import process_folder

# A server looks at its clock with each command, and in between it may use what it saw.
CACHED_SECONDS = 0.25
SOURCE = Path(__file__).with_suffix(".c")


@cache
def _library() -> str:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("stepping a process's clock needs Linux and a C compiler (cc)")
    target = process_folder("clock") / "stepped_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, SOURCE, "-ldl"], check=True)
    return str(target)


class SteppedClock:
    """The clock of the processes that get its environment. Starts at the machine's time.

    only: the end of the name of the only program whose clock it is, e.g. "-server".
    """

    def __init__(self, directory: Path, *, only: str = "") -> None:
        self._file = directory / "clock-offset"
        directory.mkdir(exist_ok=True)
        self._file.write_bytes(struct.pack("=q", 0))
        self.variables = {"LD_PRELOAD": _library(), "CLOCK_OFFSET_FILE": str(self._file)}
        if only:
            self.variables["CLOCK_OFFSET_ONLY"] = only
        self.env = {**os.environ, **self.variables}

    def set(self, seconds: float) -> None:
        """Set the difference from the machine's clock."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", int(seconds * 1e6)))
        time.sleep(CACHED_SECONDS)
