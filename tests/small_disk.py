"""A small file system for tests of a full disk. Needs Linux, and a user who is root or may be in a namespace."""

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

# The first argument of the shell is the folder; the rest is the command.
_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"'


def inside(folder: Path, size: str, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command with an empty file system of that size in the folder.

    Only the command sees it, and the system removes it with the command. Skips the test where that cannot be had.
    """
    if refusal := _refusal():
        pytest.skip(f"no small file system can be mounted here: {refusal}")
    return [*_unshare(), "sh", "-c", _MOUNT, str(folder), size, *command]


def _unshare() -> list[str]:
    return ["unshare", "--map-root-user", "--mount"]


@functools.cache
def _refusal() -> str:
    if shutil.which("unshare") is None:
        return "the command unshare is missing"
    probe = [*_unshare(), "sh", "-c", _MOUNT, "/tmp", "64k", "true"]
    answer = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=30)
    return answer.stderr.strip() if answer.returncode else ""
