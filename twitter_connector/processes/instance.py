"""Prepares a process with an embedded broker: protects its files, and takes VAR_DIR for itself."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from twitter_connector import core_dumps


class InUse(Exception):
    """Another instance runs on this VAR_DIR. The text says what to do."""


def protect_files() -> None:
    """Let only this user read what this process and its children write. The broker's files, the journal and a core dump
    contain what people wrote."""
    os.umask(0o077)
    core_dumps.forbid()


def take(var_dir: Path) -> IO[str]:
    """Return an open file. No other instance can take VAR_DIR while this process, or the program it becomes, has it
    open. Raises InUse. Two brokers would write into one append-only file, and the second takes the first one's socket.
    """
    lock = (var_dir / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InUse(f"another instance runs on {var_dir}. Stop it, or give this one its own VAR_DIR.") from None
    return lock
