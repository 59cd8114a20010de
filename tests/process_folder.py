"""Folders of one process of the tests, which are removed when the process ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def process_folder(name: str) -> Path:
    """Return a new folder. name: what it is for."""
    folder = tempfile.mkdtemp(prefix=f"twitter-connector-test-{name}-")
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def metrics_folder() -> str:
    """Return the folder for PROMETHEUS_MULTIPROC_DIR in this process. prometheus_client reads the variable while it is
    imported, and the checkout is no place for its files."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR") or str(process_folder("metrics"))


def _remove(folder: str, owner: int) -> None:
    # A process that was forked from this one has the same functions to run at its end.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
