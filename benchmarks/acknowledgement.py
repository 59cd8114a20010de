"""How fast events are acknowledged: beside an empty view, and while the worker and CCM are at work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import events, load
from benchmarks.ccm import Ccm
from benchmarks.service import EmptyView, Service

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = 16
PREPARED = 15_000
# After its timeout of ten seconds a CCM that hangs is only probed.
CCM_GIVEN_UP_SECONDS = 13.0


def main() -> None:
    """Print how many stored acknowledgements the service reaches, beside an empty view."""
    empty, ccm = EmptyView(), Ccm()
    try:
        acknowledgement(empty, ccm)
    finally:
        empty.stop()
        ccm.stop()


def while_working() -> None:
    """Print how fast events are acknowledged while CCM is slow or hangs, and how soon they are at CCM."""
    ccm = Ccm()
    service = Service(ccm.port)
    try:
        while_ccm_is_slow(service, ccm)
        latency(service, ccm)
    finally:
        service.stop()
        ccm.stop()


def requests_ahead(customers: int) -> Callable[[int], bytes]:
    """Prepare requests, so that signing them is not part of what is measured."""
    prepared = [events.request(str(10_000 + i % customers)) for i in range(PREPARED)]

    def request(number: int) -> bytes:
        # Past the prepared ones a fresh one is made; it costs the generator, not the service.
        return prepared[number] if number < PREPARED else events.request(str(10_000 + number % customers))

    return request


def acknowledgement(empty: EmptyView, ccm: Ccm) -> None:
    """Durable acknowledgement beside the empty view, alternating.

    CCM hangs, and the worker has noticed, so that the acknowledging path is what runs.
    """
    print(f"acknowledgement, {CONNECTIONS} connections, median of {ROUNDS} rounds")
    for fsync, aim in (("everysec", 0.55), ("always", 0.4)):
        ccm.delay(None)
        service = Service(ccm.port, fsync)
        try:
            load.run(service.port, requests_ahead(50), connections=4, seconds=2, per_second=50)
            time.sleep(CCM_GIVEN_UP_SECONDS)
            rounds = []
            for _ in range(ROUNDS):
                floor = load.run(empty.port, requests_ahead(2000), connections=CONNECTIONS, seconds=SECONDS)
                ours = load.run(service.port, requests_ahead(2000), connections=CONNECTIONS, seconds=SECONDS)
                rounds.append((ours.per_second / floor.per_second, floor, ours))
            ratio, floor, ours = sorted(rounds, key=lambda r: r[0])[ROUNDS // 2]
            _row("  empty view", floor)
            _row(f"  stored, {fsync}", ours, f"ratio {ratio:.2f} (aim {aim})")
        finally:
            ccm.delay(0.0)
            service.stop()


def while_ccm_is_slow(service: Service, ccm: Ccm) -> None:
    print("acknowledgement at 200/s while CCM ...")
    found = {}
    for name, delay in (("answers in 200 ms", 0.2), ("hangs", None)):
        ccm.delay(delay)
        found[name] = load.run(service.port, requests_ahead(50), connections=16, seconds=6, per_second=200)
        _row(f"  {name}", found[name])
    ccm.delay(0.0)
    service.settled()
    slow, hung = found["answers in 200 ms"], found["hangs"]
    print(f"  rate while hanging / while slow {hung.per_second / slow.per_second:.2f} (aim 0.95)")


def latency(service: Service, ccm: Ccm) -> None:
    ccm.heard()
    sent: dict[str, float] = {}

    def request(number: int) -> bytes:
        dm_id = events.event_id()
        made = events.request(str(20_000 + number % 50), dm_id)
        sent[dm_id] = time.time()
        return made

    load.run(service.port, request, connections=8, seconds=10, per_second=50)
    service.settled()
    heard = ccm.heard()
    times = [(heard[dm_id] - at) * 1000 for dm_id, at in sent.items()]
    quantiles = statistics.quantiles(times, n=100)
    print(f"event to CCM at 50/s      p50 {quantiles[49]:6.1f} ms  p99 {quantiles[98]:6.1f} ms  (aim 6, 20)")


def _row(name: str, result: load.Result, more: str = "") -> None:
    wrong = f"  {result.wrong} not 200" if result.wrong else ""
    print(f"{name:26} {result.per_second:7.0f}/s  p50 {result.p50:6.1f} ms  p99 {result.p99:6.1f} ms  {more}{wrong}")
