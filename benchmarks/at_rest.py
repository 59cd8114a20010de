"""What the service costs while nothing happens: bytes written to the disk in a day, and wake-ups a second, by process.

Runs `twitter-connector up` with the sandbox, whose two accounts are registered and get no message. Linux only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_seconds, name_of, tree
from benchmarks.service import free_port

SECONDS = 60.0
# In the first minute the service registers accounts, checks them and looks for missed messages.
SETTLE_SECONDS = 75.0
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Rest:
    """What one process did in a time: bytes of the pages it dirtied in files on a disk, bytes it gave to write calls
    (files, sockets and pipes), how often one of its threads woke up, and seconds of CPU."""

    name: str
    disk_bytes: int
    written_bytes: int
    wakeups: int
    cpu_seconds: float


def measure(pid: int, seconds: float) -> list[Rest]:
    """Return what each process of a tree does in so many seconds. pid: the supervisor. Processes that start or end
    meanwhile are left out."""
    before = {p: _counts(p) for p in tree(pid)}
    time.sleep(seconds)
    after = {p: _counts(p) for p in before if Path(f"/proc/{p}").exists()}
    rows = []
    for p, (disk, written, wakeups, cpu) in after.items():
        was = before[p]
        rows.append(Rest(name_of(p), disk - was[0], written - was[1], wakeups - was[2], cpu - was[3]))
    return rows


def main() -> None:
    """Print one row for each process."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="tc-rest-", dir="/var/tmp") as var_dir:
        env = {**os.environ, "VAR_DIR": var_dir, "HOST": "127.0.0.1", "SANDBOX": "1", "LOG_FORMAT": "json"}
        env |= {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
        for name in ("REDIS_URL", "CCM_URL"):
            env.pop(name, None)
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("twitter-connector")), "up"],
            env=env,
            stdout=subprocess.PIPE,
            # The log costs what its reader makes of it: here it is not written to a disk.
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            if not any(line.startswith("ready:") for line in process.stdout):
                raise RuntimeError("the service did not start")
            time.sleep(SETTLE_SECONDS)
            _print(measure(process.pid, seconds), seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _print(rows: list[Rest], seconds: float) -> None:
    print(f"{'process':12} {'disk MB/day':>12} {'write() MB/day':>15} {'wake-ups/s':>11} {'CPU %':>6}")
    for row in [*rows, _sum([r for r in rows if r.name != "sandbox"])]:
        days = DAY_SECONDS / seconds / 1e6
        print(
            f"{row.name:12} {row.disk_bytes * days:12.1f} {row.written_bytes * days:15.1f} "
            f"{row.wakeups / seconds:11.1f} {row.cpu_seconds / seconds * 100:6.2f}"
        )


def _sum(rows: list[Rest]) -> Rest:
    return Rest(
        "no sandbox",
        sum(r.disk_bytes for r in rows),
        sum(r.written_bytes for r in rows),
        sum(r.wakeups for r in rows),
        sum(r.cpu_seconds for r in rows),
    )


def _counts(pid: int) -> tuple[int, int, int, float]:
    io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    wakeups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                wakeups += int(line.split()[1])
    return int(io["write_bytes"]), int(io["wchar"]), wakeups, cpu_seconds(pid)


if __name__ == "__main__":
    main()
