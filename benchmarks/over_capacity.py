"""How long conversations wait while X answers 3 % of the sends with "over capacity" (503, code 130).

4,000 messages over 200 conversations of two accounts, one of API v2 and one of API v1.1, through the whole service with
the sandbox. Sends have no limits; the limits on reading messages are X's. Aim: no conversation waits longer than 10 s
for its next message. Run it with `python -m benchmarks.over_capacity`. Writes nothing into the tree.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.events import agent_message, moment_of
from benchmarks.sandboxed import V1_ACCOUNT, V2_ACCOUNT, SandboxedService, get, post

CONVERSATIONS = 100  # of each account
MESSAGES = 20  # in each conversation
SECONDS = 100.0  # for all of them
SHARE = 0.03
AIM_SECONDS = 10.0
SETTLE_SECONDS = 600.0
_SENDS = r"events/new|dm_conversations/with/\d+/messages"
_LOOKS = r"direct_messages/events/list", r"/2/dm_"


@dataclass
class Talk:
    """One conversation. accepted: when CCM's messages were accepted, in epoch seconds, by text, in their order."""

    account_id: str
    customer_id: str
    accepted: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What happened in the conversations of one account. waits: the seconds each message waited at the head of its
    conversation, sorted."""

    waits: list[float]
    lost: int
    doubled: int
    misordered: int


def main() -> int:
    service = SandboxedService()
    try:
        talks = conversations(service)
        service.control("settings", limits={"v2/dm/send": None}, daily_limits=False)
        fault = service.control("faults", family="twitter", path=_SENDS, problem="over-capacity", share=SHARE)["id"]
        began = time.time()
        speak(service, talks)
        settle(service)
        took = time.time() - began
        hits = next(f["hits"] for f in service.shown("faults")["faults"] if f["id"] == fault)
        print(f"{len(talks) * MESSAGES} messages in {took:.0f} s, {hits} sends answered with over capacity")
        outcomes = {account: outcome(service, account, talks) for account in (V2_ACCOUNT, V1_ACCOUNT)}
        for account, of_account in outcomes.items():
            looks = sum(looked(service, account, path) for path in _LOOKS)
            print(f"{account}: {row(of_account)}, {looks} lists of messages")
    finally:
        service.stop()
    good = all(
        o.waits[-1] <= AIM_SECONDS and not (o.lost or o.doubled or o.misordered) for o in outcomes.values() if o.waits
    )
    return 0 if good else 1


def conversations(service: SandboxedService) -> list[Talk]:
    """Return new conversations of both accounts, once both are registered."""
    end = time.monotonic() + 60
    while {V1_ACCOUNT, V2_ACCOUNT} - {a["account_id"] for a in get(f"{service.url}/accounts")["items"]}:
        if time.monotonic() > end:
            raise RuntimeError("the sandbox's accounts were not registered")
        time.sleep(0.2)
    customers = service.control("customers", count=2 * CONVERSATIONS)["customers"]
    return [Talk((V2_ACCOUNT, V1_ACCOUNT)[i % 2], customer["id"]) for i, customer in enumerate(customers)]


def speak(service: SandboxedService, talks: list[Talk]) -> None:
    """Hand the connector every message as CCM does, evenly over the time."""
    order = [(talk, number) for number in range(MESSAGES) for talk in talks]
    began, pause = time.monotonic(), SECONDS / len(order)
    turn, lock = iter(enumerate(order)), threading.Lock()

    def agent() -> None:
        while True:
            with lock:
                place, (talk, number) = next(turn, (0, (None, 0)))
            if talk is None:
                return
            time.sleep(max(0.0, began + place * pause - time.monotonic()))
            text = f"answer {number}"
            talk.accepted[text] = time.time()
            post(
                f"{service.url}/cim-messages",
                agent_message(talk.account_id, talk.customer_id, text),
                "application/json",
            )

    agents = [threading.Thread(target=agent, daemon=True) for _ in range(4)]
    for thread in agents:
        thread.start()
    for thread in agents:
        thread.join()


def settle(service: SandboxedService) -> None:
    """Wait until no conversation contains a message any more."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        waiting = get(f"{service.url}/accounts")["items"]
        if not any(sum(account["lanes_waiting"].values()) for account in waiting):
            return
        time.sleep(0.5)


def outcome(service: SandboxedService, account_id: str, talks: list[Talk]) -> Outcome:
    """Compare what X stored with what CCM sent. A message waits at the head of its conversation from when it was
    accepted, or from when the one before it was stored."""
    stored: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for dm in service.shown("twitter/messages", account_id=account_id, sender_id=account_id)["messages"]:
        stored[dm["recipient_id"]].append((dm["text"], moment_of(dm["id"])))
    waits: list[float] = []
    lost = doubled = misordered = 0
    for talk in (talk for talk in talks if talk.account_id == account_id):
        dms, before = stored[talk.customer_id], 0.0
        texts = [text for text, _ in dms]
        lost += len(set(talk.accepted) - set(texts))
        doubled += len(texts) - len(set(texts))
        misordered += list(dict.fromkeys(texts)) != [text for text in talk.accepted if text in texts]
        for text, at in dms:
            waits.append(at - max(before, talk.accepted[text]))
            before = at
    return Outcome(sorted(waits), lost, doubled, misordered)


def row(of_account: Outcome) -> str:
    waits = of_account.waits or [0.0]
    median, late = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    long = sum(wait > AIM_SECONDS for wait in waits)
    return (
        f"wait p50 {median:.2f} s, p99 {late:.2f} s, longest {waits[-1]:.2f} s "
        f"(aim {AIM_SECONDS:g}, {long} longer), lost {of_account.lost}, doubled {of_account.doubled}, "
        f"misordered {of_account.misordered}"
    )


def looked(service: SandboxedService, account_id: str, path: str) -> int:
    """Count the account's requests for lists of messages."""
    rows = service.shown("requests", family="twitter", path=path)["requests"]
    return sum(r["account_id"] == account_id and r["method"] == "GET" for r in rows)


if __name__ == "__main__":
    sys.exit(main())
