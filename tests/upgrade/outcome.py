"""What a release makes of the snapshot: which messages arrive where, in which order and how often.

Ids are written as they were when the snapshot was taken, so that two outcomes can be compared.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from tree import eventually

from .service import ROOT, Installation, Setup
from .snapshot import Json, Loaded

SNAPSHOT = ROOT / "tests" / "payloads" / "upgrade" / "broker-0.1.0.json"
EXPECTED = ROOT / "tests" / "payloads" / "upgrade" / "broker-0.1.0.expected.json"
# The account whose token Twitter refused: its replies wait until it is registered again.
REFUSED = "880023103"
DRAIN_SECONDS = 40.0


@dataclass
class Outcome:
    """The deliveries of one setup. asked: whom to ask about dead letters and to register accounts with."""

    setup: Setup
    loaded: Loaded
    asked: Installation

    def after_everything(self) -> Json:
        """Wait until everything is delivered that can be; return what came of it, then of the replayed dead letters."""
        self.drain()
        first = self.deliveries()
        answer = self.setup.ask("POST", f"{self.asked.url}/dead-letters/replay", json={})
        assert answer == {"replayed": len(first["dead_letters"]), "remaining": 0}, answer
        self.await_empty()
        return {"drained": first, "replayed": self.deliveries()}

    def drain(self) -> None:
        eventually(
            lambda: all(REFUSED in lane for lane in self.setup.waiting()), DRAIN_SECONDS, what="the end of the drain"
        )
        (lane,) = self.setup.waiting()
        assert lane.startswith(f"tc:q:out:{REFUSED}:")
        # An operator registers the account again, which ends its pause.
        url = f"{self.asked.url}/webhook/twitter/register-and-subscribe"
        self.setup.ask("POST", url, json=self.loaded.accounts[REFUSED])
        self.await_empty()

    def await_empty(self, seconds: float = DRAIN_SECONDS) -> None:
        eventually(lambda: not self.setup.waiting(), seconds, what="empty lanes")

    def deliveries(self) -> Json:
        """Return what has arrived on either side so far, conversation by conversation, and the dead letters."""
        arrived: Json = {}
        for request in self.setup.sandbox.get("ccm/messages")["messages"]:
            self._to_ccm(arrived, request)
        for account_id in self.loaded.accounts:
            for dm in self.setup.sandbox.get("twitter/messages", account_id=account_id)["messages"]:
                self._to_twitter(arrived, account_id, dm)
        letters = self.setup.ask("GET", f"{self.asked.url}/dead-letters", params={"limit": 200})["items"]
        dead_letters = [
            f"{letter['direction']} {letter['account_id']} {letter['customer_id']} {letter['reason']}"
            for letter in letters
        ]
        text = json.dumps({"conversations": dict(sorted(arrived.items())), "dead_letters": sorted(dead_letters)})
        outcome: Json = json.loads(self.loaded.as_before(text))
        return outcome

    def _to_ccm(self, arrived: Json, request: Json) -> None:
        message = request["message"]
        header, body = message["header"], message["body"]
        channel = header["channelData"]
        name = f"{channel['serviceIdentifier']} {channel['channelCustomerIdentifier']}"
        conversation = arrived.setdefault(name, {})
        if not request["accepted"]:
            conversation.setdefault("refused", []).append(body["type"])
        elif body["type"] == "DELIVERYNOTIFICATION":
            fact = f"{body['messageId']} {body['status']} {body['reasonCode']} {header.get('schedulingMetaData')}"
            # Reports about different messages may overtake one another.
            conversation["reports"] = sorted([*conversation.get("reports", []), fact])
        elif body["type"] != "NOTIFICATION":
            fact = f"{message['id']} {body['type']} {body['markdownText']}"
            fact += f" ({header['intent']} {header['originalMessageId']})" if header["intent"] else ""
            conversation.setdefault("to_ccm", []).append(fact)

    def _to_twitter(self, arrived: Json, account_id: str, dm: Json) -> None:
        by_account = dm["sender_id"] == account_id
        name = f"{account_id} {dm['recipient_id'] if by_account else dm['sender_id']}"
        if by_account:
            options = dm["quick_reply"]["options"] if dm["quick_reply"] else []
            fact = f"{dm['text']} [{dm['media_kind'] or ''}{' place' if dm['location'] else ''} {len(options)}]"
            arrived.setdefault(name, {}).setdefault("to_twitter", []).append(fact)
        elif dm["state"] == "read":
            arrived.setdefault(name, {}).setdefault("read_by_agent", []).append(dm["text"])


def faults(expected: Json, outcome: Json) -> list[str]:
    """Return what is lost, doubled or misordered in `outcome`, over the conversations of `expected`, both ways."""
    made = []
    for name, wanted in expected["conversations"].items():
        for kind in ("to_ccm", "to_twitter", "reports"):
            want, got = wanted.get(kind, []), outcome["conversations"].get(name, {}).get(kind, [])
            made += [f"lost: {name} {kind} {fact}" for fact in (Counter(want) - Counter(got)).elements()]
            made += [f"doubled: {name} {kind} {fact}" for fact in (Counter(got) - Counter(want)).elements()]
            if sorted(want) == sorted(got) and want != got:
                made.append(f"misordered: {name} {kind} {got} instead of {want}")
    return made
