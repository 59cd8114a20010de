"""Runs benchmarks and prints a table of each. Writes nothing into the tree.

python -m benchmarks [PART...]      `all` for all parts; `help` lists them
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks import (
    acknowledgement,
    activity,
    broker_memory,
    flat,
    media,
    over_capacity,
    poll_latency,
    processor_time,
    with_and_without,
    worker_processes,
)
from benchmarks.ccm import Ccm
from benchmarks.service import Service


def start() -> None:
    ccm = Ccm()
    service = Service(ccm.port)
    try:
        print(f"start to ready          {service.start_seconds:8.2f} s  (aim 2)")
        time.sleep(3)
        print(f"memory at rest          {service.memory_mb():8.0f} MB (whole tree, aim 200)")
        for name, size in sorted(service.memory_by_name().items()):
            print(f"  {name:21} {size:8.0f} MB")
    finally:
        service.stop()
        ccm.stop()


# One line for each part: what it measures.
PARTS: dict[str, tuple[str, Callable[[], object]]] = {
    "start": ("from start to ready, and the memory at rest", start),
    "processor_time": ("the processor time of a message beside bare posts; about 4 minutes", processor_time.main),
    "latency": ("from event to CCM, and acknowledging while CCM is slow; half a minute", acknowledgement.while_working),
    "acknowledgement": ("stored acknowledgements beside an empty view; about 2 minutes", acknowledgement.main),
    "activity": ("the processor time to acknowledge an event of each API", activity.main),
    "media": ("the memory that a 25 MB video takes", media.main),
    "poll_latency": ("from X to CCM where messages are polled", poll_latency.main),
    "over_capacity": ("how long replies wait while X is over capacity; about 3 minutes", over_capacity.main),
    "message_log": (
        "the processor time of a message with the message log beside the same without; 3 minutes",
        with_and_without.message_log,
    ),
    "traces": (
        "the processor time of a message with traces beside the same without; 3 minutes",
        with_and_without.traces,
    ),
    "worker_processes": ("how the rate grows with processes and replicas; about 6 minutes", worker_processes.main),
    "flat": ("whether a message costs the same with much waiting work; a minute", flat.main),
    "broker_memory": ("what a message leaves in the broker", broker_memory.main),
}
DEFAULT = ("start", "processor_time", "latency")


def main() -> int:
    names = [name for word in sys.argv[1:] for name in word.split(",") if name] or list(DEFAULT)
    names = list(PARTS) if names == ["all"] else names
    if unknown := [name for name in names if name not in PARTS]:
        print("Parts: `all`, or some of" if unknown == ["help"] else f"There is no part {', '.join(unknown)}. Parts:")
        for name, (text, _) in PARTS.items():
            print(f"  {name:16} {text}{' (default)' if name in DEFAULT else ''}")
        return 0 if unknown == ["help"] else 2
    for name in names:
        PARTS[name][1]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
