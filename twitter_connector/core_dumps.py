"""Keeps the system from writing a process's memory into a file when it crashes: keys and texts are in it."""

from __future__ import annotations

import resource


def forbid() -> None:
    """Allow no core dump of this process and its children. A handler outside, like systemd-coredump, is left alone."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
