"""How the drained rate grows with worker processes and with replicas, against one broker, and where the broker ends.

An account is taken to be at X's own limit when it sends 15 messages in 15 minutes and gets as many.
https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

import statistics
from collections import defaultdict

from benchmarks.ccm import Ccm
from benchmarks.processor_time import DELAY_SECONDS, Row, drained
from benchmarks.service import Service

ROUNDS = 3
# Worker processes of each replica.
SETUPS = ((1,), (2,), (4,), (1, 1))
LIMIT_PER_SECOND = 15 / 900
# A broker that uses more of its core than this answers late.
BROKER_SHARE = 0.7


def main(rounds: int = ROUNDS) -> None:
    """Print one row for each direction and number of processes."""
    print(f"drained by worker processes of one broker, medians of {rounds} rounds; X and CCM take 100 ms")
    print(f"  {'':26}{'per s':>8}{'worker':>9}{'broker':>9}  ms a message; the broker's share of a core")
    ccm = Ccm()
    ccm.delay(DELAY_SECONDS)
    broker_ms = {"inbound": 0.0, "outbound": 0.0}
    try:
        for processes in SETUPS:
            for kind, row in _measured(ccm, processes, rounds).items():
                name = f"{kind}, {' + '.join(map(str, processes))} processes"
                share = row["rate"] * row["broker"] / 1000
                print(f"  {name:26}{row['rate']:8.0f}{row['worker']:9.2f}{row['broker']:9.2f}  {share:.2f}")
                broker_ms[kind] = max(broker_ms[kind], row["broker"])
    finally:
        ccm.stop()
    each = LIMIT_PER_SECOND * sum(broker_ms.values()) / 1000
    ends = ", ".join(f"{1000 / ms:.0f} {kind}" for kind, ms in broker_ms.items())
    print(f"the broker ends at {ends} messages a second;")
    print(f"at {BROKER_SHARE:.0%} of a core it carries {BROKER_SHARE / each:,.0f} accounts that are all at X's limit")


def _measured(ccm: Ccm, processes: tuple[int, ...], rounds: int) -> dict[str, Row]:
    """Return the medians by direction. processes: of each replica; the first has the broker."""
    first = Service(ccm.port, WORKER_PROCESSES=str(processes[0]))
    services = [first]
    try:
        for count in processes[1:]:
            services.append(Service(ccm.port, replica_of=first, WORKER_PROCESSES=str(count)))
        rows: dict[str, list[Row]] = defaultdict(list)
        for number in range(rounds + 1):
            for kind in ("inbound", "outbound"):
                row = drained(first, kind, services)
                if number:  # what happens once in a process is no part of a message
                    rows[kind].append(row)
        return {k: {n: statistics.median(r[n] for r in of_kind) for n in of_kind[0]} for k, of_kind in rows.items()}
    finally:
        for service in reversed(services):
            service.stop()
