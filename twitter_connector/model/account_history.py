"""What happened to an account: its webhook, gaps, refused signatures. Never a text of a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .timestamps import iso

# What a step is about. Of each topic, the latest step before a period says how the period began.
REGISTRATION, WEBHOOK, GAP, ATTENTION, SIGNATURES = "registration", "webhook", "gap", "attention", "signatures"
TOPICS = {
    "registered": REGISTRATION,
    "unregistered": REGISTRATION,
    "webhook_valid": WEBHOOK,
    "webhook_invalid": WEBHOOK,
    "subscribed": WEBHOOK,
    "not_subscribed": WEBHOOK,
    "gap_opened": GAP,
    "gap_closed": GAP,
    "messages_read_back": GAP,
    "attention": ATTENTION,
    "attention_over": ATTENTION,
    "signature_refused": SIGNATURES,
}


@dataclass(frozen=True)
class AccountEvent:
    """One thing that happened. since: from when on it concerns messages, where that is earlier: the begin of a gap."""

    at: datetime
    event: str
    detail: str = ""
    since: datetime | None = None

    def shown(self) -> dict[str, str | None]:
        return {
            "at": iso(self.at),
            "event": self.event,
            "detail": self.detail or None,
            "since": iso(self.since) if self.since else None,
        }


def concerning(events: list[AccountEvent], since: datetime | None, until: datetime | None) -> list[AccountEvent]:
    """Return those of a history, oldest first, that say something of a period: how it began, what happened in it, and
    what came out about it later. None: without an end."""
    earlier: dict[str, AccountEvent] = {}
    inside = []
    for event in events:
        topic = TOPICS.get(event.event, event.event)
        if since is not None and event.at < since:
            if topic != SIGNATURES:
                earlier[topic] = event
        elif until is None or (event.since or event.at) <= until:
            inside.append(event)
    return [*sorted(earlier.values(), key=lambda event: event.at), *inside]
