"""The processor time of the service for one message, beside bare posts of `requests` to the same server.

F1: a bare JSON POST, 32 threads. F2: the same with OAuth 1.0a. Own post: each with the service's client. F1 at 50 a
second: what a post costs a process that has slept before, whose caches others have used.
A reply goes over API v2 and has a delivery report.
BESIDE: the path of another checkout with its own .venv, which takes turns with this one.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import events, load
from benchmarks.ccm import Ccm
from benchmarks.events import ACCOUNT_ID, V2_ACCOUNT_ID
from benchmarks.floors import posts
from benchmarks.processes import cpu_by_name
from benchmarks.service import Service
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction

ROUNDS = 5
CUSTOMERS = 200
DRAINED = {"inbound": 3000, "outbound": 1500}
# Both other sides answer after this time.
DELAY_SECONDS = 0.1
AT_REST_SECONDS = 6.0
PER_SECOND = 50.0
FLOOR_SECONDS = 2.0
PARTS = ("worker", "web", "broker")
_DIRECTIONS: dict[str, tuple[Direction, str, Callable[[str], bytes]]] = {
    "inbound": (Direction.IN, ACCOUNT_ID, events.request),
    "outbound": (Direction.OUT, V2_ACCOUNT_ID, events.agent_request),
}
# The names of a row: CPU in ms by part, "tree" for all, "rate" for messages per second.
Row = dict[str, float]


def main(rounds: int = ROUNDS) -> None:
    """Print one table."""
    ccm = Ccm()
    checkouts = {"": Path()} | ({"beside: ": Path(beside)} if (beside := os.environ.get("BESIDE")) else {})
    services = {name: Service(ccm.port, checkout=checkout) for name, checkout in checkouts.items()}
    rows: dict[str, list[Row]] = defaultdict(list)
    try:
        for number in range(rounds + 1):
            for name, row in one_round(ccm, services).items():
                if number:  # what happens once in a process is no part of a message
                    rows[name].append(row)
    finally:
        for service in services.values():
            service.stop()
        ccm.stop()
    _print({name: _medians(of_rounds) for name, of_rounds in rows.items()}, rounds)


def one_round(ccm: Ccm, services: dict[str, Service]) -> dict[str, Row]:
    """Return the rows of one round: both floors, and each service in turn."""
    ccm.delay(0.0)
    rows: dict[str, Row] = {}
    for own, names in ((False, ("F1", "F2")), (True, ("own post", "own post, signed"))):
        for name, signed in zip(names, (False, True), strict=True):
            floor = posts(ccm.port, FLOOR_SECONDS, signed=signed, own=own)
            rows[name] = {"worker": floor.cpu_ms, "rate": floor.per_second}
    floor = posts(ccm.port, AT_REST_SECONDS, signed=False, per_second=PER_SECOND)
    rows[f"F1, {PER_SECOND:.0f}/s"] = {"worker": floor.cpu_ms, "rate": floor.per_second}
    for kind in _DIRECTIONS:
        ccm.delay(0.0)
        for name, service in services.items():
            rows[f"{name}{kind}, {PER_SECOND:.0f}/s"] = steadily(service, kind)
        ccm.delay(DELAY_SECONDS)
        for name, service in services.items():
            rows[f"{name}{kind}, drained"] = drained(service, kind)
    return rows


def steadily(service: Service, kind: str) -> Row:
    """Return the processor time of a message while 50 come in a second."""
    request = _DIRECTIONS[kind][2]
    before = cpu_by_name(service.pid)
    result = load.run(
        service.port,
        lambda i: request(str(20_000 + i % 50)),
        connections=8,
        seconds=AT_REST_SECONDS,
        per_second=PER_SECOND,
    )
    service.settled()
    return _row(before, cpu_by_name(service.pid), result.count) | {"rate": result.per_second}


def drained(service: Service, kind: str, replicas: Sequence[Service] = ()) -> Row:
    """Return the processor time of a message, and the rate, while many that waited are delivered. replicas: all that
    work, if there are several."""
    trees = [one.pid for one in replicas or (service,)]
    direction, account_id, request = _DIRECTIONS[kind]
    count = DRAINED[kind]
    lanes = service.services.lanes
    lanes.pause(direction, account_id, epoch_ms(datetime.now(UTC) + timedelta(hours=1)), "bench", "")
    made = [request(str(30_000 + i % CUSTOMERS)) for i in range(count)]
    result = load.run(service.port, made.__getitem__, connections=8, seconds=60, count=count)
    if result.wrong:
        raise RuntimeError(f"{result.wrong} messages were not accepted")
    before, began = sum(map(cpu_by_name, trees), Counter()), time.perf_counter()
    lanes.resume(direction, account_id)
    service.settled(pause=0.02)
    took = time.perf_counter() - began
    return _row(before, sum(map(cpu_by_name, trees), Counter()), count) | {"rate": count / took}


def _row(before: Counter[str], after: Counter[str], count: int) -> Row:
    row = {part: (after[part] - before[part]) / count * 1000 for part in PARTS}
    return row | {"tree": (sum(after.values()) - sum(before.values())) / count * 1000}


def _medians(rows: list[Row]) -> Row:
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def _print(rows: dict[str, Row], rounds: int) -> None:
    f1, f2 = rows["F1"]["worker"], rows["F2"]["worker"]
    print(
        f"processor time of a message in ms, medians of {rounds} rounds; X and CCM take 0 ms, and 100 ms while draining"
    )
    print(f"  {'':28}{'worker':>8}{'web':>8}{'broker':>8}{'tree':>8}{'per s':>8}  worker and tree by their floor")
    for name, row in rows.items():
        figures = "".join(f"{row[part]:8.2f}" if part in row else " " * 8 for part in (*PARTS, "tree"))
        floor, base = (f1, "F1") if "inbound" in name else (f1 + f2, "F1+F2")
        ratios = f"  {row['worker'] / floor:.2f} and {row['tree'] / floor:.2f} x {base}" if "tree" in row else ""
        if name.startswith(("own", "F1,")):
            base = "F2" if "signed" in name else "F1"
            ratios = f"  {row['worker'] / rows[base]['worker']:.2f} x {base}"
        print(f"  {name:28}{figures}{row['rate']:8.0f}{ratios}")


if __name__ == "__main__":
    main()
