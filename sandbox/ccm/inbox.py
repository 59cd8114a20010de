"""Every request to `/message/receive` in order of arrival, refused ones included, with the status answered."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from sandbox.feed import Feed
from sandbox.journal import Journal

# Not shown to an agent: these change the state of other messages, or nothing.
SILENT = {"DELIVERYNOTIFICATION", "DELETEDNOTIFICATION", "NOTIFICATION"}


@dataclass
class Received:
    """One request to CCM. `status` is None if no answer was sent; `accepted` says whether it had an effect."""

    seq: int
    received_at: float
    id: str | None
    account_id: str | None
    customer_id: str | None
    type: str | None
    accepted: bool
    repeat: bool
    status: int | None
    message: Any


class Inbox:
    """Stores requests and returns those of a conversation."""

    def __init__(self, journal: Journal, feed: Feed) -> None:
        self._journal = journal
        self._feed = feed
        self._lock = threading.Lock()
        self._all: list[Received] = []
        self._ids: set[str] = set()
        # Whether a connector has created the channel type TWITTER.
        self.channel_type_added = False

    def restore(self) -> None:
        """Read the requests of an earlier run."""
        for record in self._journal.load("ccm"):
            self._index(Received(**record))

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._all.clear()
            self._ids.clear()
            self.channel_type_added = False

    def record(self, message: Any, accepted: bool, status: int | None) -> Received:
        """Record a request. `repeat` is true if its id was accepted before."""
        account_id, customer_id = _parties(message)
        body = message.get("body") if isinstance(message, dict) else None
        kind = body.get("type") if isinstance(body, dict) else None
        identifier = message.get("id") if isinstance(message, dict) else None
        received_at = round(time.time(), 4)
        with self._lock:
            seq = self._all[-1].seq + 1 if self._all else 1
            repeat = identifier in self._ids if isinstance(identifier, str) else False
            received = Received(
                seq, received_at, identifier, account_id, customer_id, kind, accepted, repeat, status, message
            )
            self._index(received)
        self._journal.save("ccm", str(seq), received)
        if accepted and self._feed.watched and kind not in SILENT:
            self._feed.publish("desk", show(received))
        return received

    def since(self, seq: int) -> list[Received]:
        """Return the requests after a sequence number."""
        with self._lock:
            if not self._all:
                return []
            # Sequence numbers have no gaps.
            return self._all[max(0, seq + 1 - self._all[0].seq) :]

    def conversation(self, account_id: str, customer_id: str) -> list[dict[str, Any]]:
        """Return what an agent sees from a customer."""
        return [
            show(received)
            for received in self.since(0)
            if received.accepted
            and received.type not in SILENT
            and (received.account_id, received.customer_id) == (account_id, customer_id)
        ]

    def _index(self, received: Received) -> None:
        self._all.append(received)
        if received.accepted and isinstance(received.id, str):
            self._ids.add(received.id)


def show(received: Received) -> dict[str, Any]:
    """Return a request as an entry of the desk."""
    return {
        "key": f"ccm-{received.seq}",
        "side": "customer",
        "at": received.received_at,
        "id": received.id,
        "account_id": received.account_id,
        "customer_id": received.customer_id,
        "header": received.message["header"],
        "body": received.message["body"],
        "repeat": received.repeat,
        "state": "received",
        "reason": None,
    }


def _parties(message: Any) -> tuple[str | None, str | None]:
    try:
        data = message["header"]["channelData"]
        account_id, customer_id = data.get("serviceIdentifier"), data.get("channelCustomerIdentifier")
    except (AttributeError, KeyError, TypeError):
        return None, None
    return account_id, customer_id
