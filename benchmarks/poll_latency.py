"""How long a customer's message takes to CCM where the account is polled, while she talks.

X allows 15 look-ups in 15 minutes. The sandbox's windows are a fifth as long here, and the times are scaled back up.
Run it alone with `python -m benchmarks.poll_latency`.
"""

from __future__ import annotations

import json
import random
import statistics
import time

from benchmarks.events import moment_of
from benchmarks.sandboxed import V2_ACCOUNT, SandboxedService, post

SCALE = 0.2
SECONDS = 240.0
CUSTOMERS = 3
PAUSE = 0.8  # between two messages of anybody, on average


def main() -> None:
    service = SandboxedService()
    try:
        service.control("settings", window_scale=SCALE)
        body = service.shown(f"accounts/{V2_ACCOUNT}")
        del body["WEBHOOK-URL"]
        register = f"{service.url}/webhook/twitter/register-and-subscribe"
        post(register, json.dumps({**body, "INBOUND": "poll"}).encode(), "application/json")
        customers = [c["id"] for c in service.control("customers", count=CUSTOMERS)["customers"]]
        said: dict[str, float] = {}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(random.uniform(0, 2 * PAUSE))
            text, customer = f"line {len(said)}", random.choice(customers)
            dm = service.control("customer/messages", account_id=V2_ACCOUNT, customer_id=customer, text=text)
            said[text] = moment_of(dm["id"])
        heard = heard_of(service, said)
        calls = service.shown("requests", family="twitter", path="/2/dm_events")["requests"]
    finally:
        service.stop()
    # The first messages came before the first poll, or while the pace was found.
    times = sorted((heard[text] - at) / SCALE for text, at in list(said.items())[10:])
    quantiles = statistics.quantiles(times, n=100)
    print(f"message to CCM by polling   p50 {quantiles[49]:6.1f} s  p99 {quantiles[98]:6.1f} s  (aim 35, 75)")
    limited = sum(call["status"] == 429 for call in calls)
    print(f"  {len(times)} messages, {len(calls)} look-ups in {SECONDS / SCALE / 60:.0f} minutes, {limited} refused")


def heard_of(service: SandboxedService, said: dict[str, float]) -> dict[str, float]:
    """Wait until CCM has every message, and return when it got each, in epoch seconds."""
    end = time.monotonic() + 60
    while True:
        rows = service.shown("ccm/messages", account_id=V2_ACCOUNT, type="PLAIN")["messages"]
        heard = {row["message"]["body"]["markdownText"]: float(row["received_at"]) for row in reversed(rows)}
        if set(said) <= set(heard):
            return heard
        if time.monotonic() > end:
            raise RuntimeError(f"CCM does not have {set(said) - set(heard)}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
