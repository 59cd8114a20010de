"""The processor time of a message with a part of the service and without it, in turns.

Two services run at the same time, and the rounds of both alternate, so that both meet the same machine.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ccm import Ccm
from benchmarks.processor_time import PARTS, PER_SECOND, Row, steadily
from benchmarks.service import Service

ROUNDS = 5
KINDS = ("inbound", "outbound")
# `make` installs OpenTelemetry there, apart from what the service imports otherwise.
OPENTELEMETRY = Path(sys.prefix) / "otel"


def message_log() -> None:
    """Print what the message log costs."""
    ccm = Ccm()
    try:
        _compare("the message log", ccm, {}, {"MESSAGE_LOG_DAYS": "0"}, " (aim 1.05)")
    finally:
        ccm.stop()


def traces() -> None:
    """Print what traces cost when every message is recorded. The collector is a process of its own."""
    ccm, collector = Ccm(), Ccm()
    # The service without traces has the library in its path, too.
    without = {"PYTHONPATH": str(OPENTELEMETRY)}
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
    try:
        _compare("traces", ccm, without | endpoint, without)
    finally:
        ccm.stop()
        collector.stop()


def _compare(what: str, ccm: Ccm, with_it: Mapping[str, Any], without: Mapping[str, Any], aim: str = "") -> None:
    services = [Service(ccm.port, **with_it), Service(ccm.port, **without)]
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
    print(f"processor time of a message at {PER_SECOND:.0f}/s with {what} / without, medians of {ROUNDS} rounds")
    for kind, pairs in rounds.items():
        parts = "  ".join(f"{part} {_median(pairs, 0, part):.2f} / {_median(pairs, 1, part):.2f}" for part in PARTS)
        ratio = statistics.median(first["tree"] / second["tree"] for first, second in pairs)
        print(f"  {kind:10} {parts} ms, tree ratio {ratio:.3f}{aim}")


def _median(pairs: list[list[Row]], which: int, part: str) -> float:
    return statistics.median(pair[which][part] for pair in pairs)
