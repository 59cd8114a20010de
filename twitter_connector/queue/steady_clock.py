"""The steady clock of this machine, which nobody can step."""

from __future__ import annotations

import time
from pathlib import Path


def boot() -> str:
    """Return the id of this boot of the machine; "" where there is none. Its processes have one steady clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def steady() -> float:
    """Return seconds that only grow, and that pass while the machine is suspended too, where it can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
