"""The processes of a running service: their names, and the processor time and memory they use. Linux only."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path


def tree(pid: int) -> list[int]:
    """Return a process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in tree(int(child)))]


def name_of(pid: int) -> str:
    """Return which part of the service a process is."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    names = {Path(word).name for word in words}
    for name, mark in (
        ("broker", {"valkey-server", "redis-server"}),
        ("sandbox", {"sandbox"}),
        ("web", {"gunicorn"}),
        ("worker", {"worker"}),
        ("beat", {"beat"}),
    ):
        if names & mark:
            return name
    return "supervisor"


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far, user and system together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_by_name(pid: int) -> Counter[str]:
    """Return the processor time (seconds) of each part of a service so far. pid: the supervisor."""
    used: Counter[str] = Counter()
    for process in tree(pid):
        used[name_of(process)] += cpu_seconds(process)  # type: ignore[assignment]  # a Counter of fractions
    return used


def memory_mb(pid: int) -> float:
    """Return the proportional set size of a process, in MB: what it really takes from the machine."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if not rollup.exists():
        return 0.0
    return next(int(x.split()[1]) for x in rollup.read_text().splitlines() if x.startswith("Pss:")) / 1024
