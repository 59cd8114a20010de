"""The agent's desk: replies to customers, and what the connector has reported about each."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from sandbox.ccm.connector import Connector, Unreachable
from sandbox.ccm.inbox import SILENT
from sandbox.feed import Feed
from sandbox.journal import Journal

_RANK = {"sending": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}
_STATE_OF = {"DELIVERED": "delivered", "READ": "read", "FAILED": "failed"}


@dataclass
class Reply:
    """One message CCM sent to the connector. `status` is the connector's answer, None if there was none."""

    id: str
    number: int
    at: float
    account_id: str
    customer_id: str
    body: dict[str, Any]
    state: str = "sending"
    status: int | None = None
    reason: str | None = None
    message: dict[str, Any] | None = None


class Desk:
    """Sends replies and tracks their state."""

    def __init__(self, journal: Journal, feed: Feed, connector: Connector) -> None:
        self._journal = journal
        self._feed = feed
        self._connector = connector
        self._lock = threading.Lock()
        self._replies: dict[str, Reply] = {}
        self._of_pair: dict[tuple[str, str], list[Reply]] = {}
        self._count = 0

    def restore(self) -> None:
        """Read the replies of an earlier run."""
        for record in self._journal.load("reply"):
            self._index(Reply(**record))

    def clear(self) -> None:
        """Forget all replies."""
        with self._lock:
            self._replies.clear()
            self._of_pair.clear()

    def send(
        self, message: dict[str, Any], account_id: str, customer_id: str, body: dict[str, Any], path: str
    ) -> Reply:
        """Post a message to the connector and record its answer. A repeated id is posted again, but listed once."""
        with self._lock:
            reply = self._replies.get(message["id"])
            if reply is None:
                self._count += 1
                now = round(time.time(), 4)
                reply = Reply(message["id"], self._count, now, account_id, customer_id, body, message=message)
                self._index(reply)
        self._note(reply)
        try:
            answer = self._connector.send(path, message)
        except Unreachable as problem:
            reply.status = None
            self._advance(reply, "failed", f"The connector could not be reached: {problem}.")
            return reply
        reply.status = answer.status_code
        if answer.status_code < 300:
            self._advance(reply, "sent", None)
        else:
            self._advance(reply, "failed", f"The connector answered {answer.status_code}.")
        return reply

    def report(self, message_id: str, status: str, reason: str | None) -> None:
        """Apply a delivery notification. READ also applies to earlier messages of the conversation."""
        reply = self._replies.get(message_id)
        state = _STATE_OF.get(status)
        if reply is None or state is None:
            return
        self._advance(reply, state, reason if state == "failed" else None)
        if state == "read":
            for earlier in self.conversation(reply.account_id, reply.customer_id):
                if earlier.number < reply.number and earlier.state == "delivered":
                    self._advance(earlier, "read", None)

    def get(self, message_id: str) -> Reply | None:
        """Return a reply by its id."""
        return self._replies.get(message_id)

    def conversation(self, account_id: str, customer_id: str) -> list[Reply]:
        """Return the replies of a conversation, oldest first."""
        with self._lock:
            return list(self._of_pair.get((account_id, customer_id), ()))

    def _advance(self, reply: Reply, state: str, reason: str | None) -> None:
        # A report may overtake the answer to the request it is about.
        if _RANK[state] > _RANK[reply.state]:
            reply.state, reply.reason = state, reason
        self._note(reply)

    def _note(self, reply: Reply) -> None:
        if self._replies.get(reply.id) is not reply:
            return
        self._journal.save("reply", str(reply.number), reply)
        if self._feed.watched and reply.body.get("type") not in SILENT:
            self._feed.publish("desk", show(reply))

    def _index(self, reply: Reply) -> None:
        self._replies[reply.id] = reply
        self._of_pair.setdefault((reply.account_id, reply.customer_id), []).append(reply)
        self._count = max(self._count, reply.number)


def show(reply: Reply) -> dict[str, Any]:
    """Return a reply as an entry of the desk."""
    return {
        "key": f"reply-{reply.number}",
        "side": "agent",
        "at": reply.at,
        "id": reply.id,
        "account_id": reply.account_id,
        "customer_id": reply.customer_id,
        "header": (reply.message or {}).get("header"),
        "body": reply.body,
        "state": reply.state,
        "reason": reply.reason,
        "status": reply.status,
    }
