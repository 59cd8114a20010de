"""The processor time of a message with the message log and without it, in turns.

Two services run at the same time, and the rounds of both alternate, so that both meet the same machine.
"""

from __future__ import annotations

import statistics
from collections import defaultdict

from benchmarks.ccm import Ccm
from benchmarks.processor_time import PARTS, PER_SECOND, Row, steadily
from benchmarks.service import Service

ROUNDS = 5
KINDS = ("inbound", "outbound")
AIM = 1.05


def main() -> None:
    """Print the ratio for each direction, and the processor time of each part of the service."""
    ccm = Ccm()
    services = [Service(ccm.port), Service(ccm.port, MESSAGE_LOG_DAYS="0")]
    rounds: dict[str, list[list[Row]]] = defaultdict(list)
    try:
        for number in range(ROUNDS + 1):
            for kind in KINDS:
                # The one that begins has no advantage.
                turns = services if number % 2 else services[::-1]
                rows = {service.pid: steadily(service, kind) for service in turns}
                if number:  # what happens once in a process is no part of a message
                    rounds[kind].append([rows[service.pid] for service in services])
    finally:
        for service in services:
            service.stop()
        ccm.stop()
    print(f"processor time of a message at {PER_SECOND:.0f}/s with the log / without it, medians of {ROUNDS} rounds")
    for kind, pairs in rounds.items():
        parts = "  ".join(f"{part} {_median(pairs, 0, part):.2f} / {_median(pairs, 1, part):.2f}" for part in PARTS)
        ratio = statistics.median(with_log["tree"] / without_log["tree"] for with_log, without_log in pairs)
        print(f"  {kind:10} {parts} ms, tree ratio {ratio:.3f} (aim {AIM})")


def _median(pairs: list[list[Row]], which: int, part: str) -> float:
    return statistics.median(pair[which][part] for pair in pairs)
