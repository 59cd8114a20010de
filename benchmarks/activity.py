"""The processor time to acknowledge an event of the X Activity API (API v2), beside one of API v1.1.

Run it alone with `python -m benchmarks.activity`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import events, load
from benchmarks.ccm import Ccm
from benchmarks.service import Service

ROUNDS = 5
SLICES = 10
PER_SLICE = 400
PER_SECOND = 500.0
CONNECTIONS = 8
CUSTOMERS = 500
# After its timeout of ten seconds a CCM that hangs is only probed.
CCM_GIVEN_UP_SECONDS = 13.0


def main() -> None:
    ccm = Ccm()
    ccm.delay(None)
    service = Service(ccm.port)
    try:
        load.run(service.port, lambda i: events.request(str(10_000 + i % 50)), connections=4, seconds=2, per_second=50)
        time.sleep(CCM_GIVEN_UP_SECONDS)
        rounds = [one_round(service) for _ in range(ROUNDS)]
    finally:
        service.stop()
        ccm.stop()
    v1, v2 = (statistics.median(costs) * 1e6 for costs in zip(*rounds, strict=True))
    print(f"to acknowledge an event, web processes, medians of {ROUNDS} rounds of {SLICES * PER_SLICE} events")
    print(f"  API v1.1 {v1:.0f} us  X Activity API {v2:.0f} us  ratio {v2 / v1:.3f} (aim 1.05)")


def one_round(service: Service) -> tuple[float, float]:
    """Return the processor seconds for one event of each API. They take short turns, so that both meet the same
    machine."""
    turns = [(slice_of(service, events.request), slice_of(service, events.activity_request)) for _ in range(SLICES)]
    return sum(v1 for v1, _ in turns) / SLICES, sum(v2 for _, v2 in turns) / SLICES


def slice_of(service: Service, request: Callable[[str], bytes]) -> float:
    """Return the processor seconds of the web processes for one event."""
    made = [request(str(10_000 + i % CUSTOMERS)) for i in range(2 * PER_SLICE)]
    before = service.web_cpu_seconds()
    seconds = PER_SLICE / PER_SECOND
    result = load.run(service.port, lambda i: made[i], connections=CONNECTIONS, seconds=seconds, per_second=PER_SECOND)
    if result.wrong:
        raise RuntimeError(f"{result.wrong} events were not acknowledged")
    return (service.web_cpu_seconds() - before) / result.count


if __name__ == "__main__":
    main()
