"""Accepts work for the web: into the lanes, or into the local journal while the broker is away."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.message_log import Arrival
from twitter_connector.model.timestamps import id_ms
from twitter_connector.model.work import COMMENTS, Direction, EchoSeen, Effect, Entry

from .journal import Journal
from .lanes import Lanes
from .log_lines import EVENT_PREFIXES

log = logging.getLogger(__name__)

# After a failure, do not call the broker for this long: a broker that hangs then delays one request, not all.
BREAK_SECONDS = 1.0
REPLAY_SECONDS = 0.5


class Inbox:
    """Accepts work durably. Raises StoreUnavailable if neither the broker nor the journal can store it."""

    def __init__(self, lanes: Lanes, journal: Journal) -> None:
        self._lanes = lanes
        self._journal = journal
        self._closed_until = 0.0
        self._lock = threading.Lock()
        self._replaying_in = 0

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        """Store items atomically, see Lanes.accept. An item stored in the journal counts as new."""
        if self._journal.pending():
            self.replay_soon()
            if self._journal.append(_record(items), only_if_pending=True):
                return [True] * len(items)
        if time.monotonic() >= self._closed_until:
            try:
                return self._lanes.accept(items)
            except StoreUnavailable as error:
                self.missed()
                if not self._journal.on:
                    raise
                log.error("journaling", extra={"reason": error.reason, "detail": error.detail})
        self._journal.append(_record(items))
        self.replay_soon()
        return [True] * len(items)

    @property
    def away(self) -> bool:
        """Return True if the broker must not be called: it failed a moment ago, or older work waits in the journal."""
        return time.monotonic() < self._closed_until or self._journal.pending()

    def journal_bytes(self) -> int:
        """Return the size of the journal in bytes."""
        return self._journal.size_bytes()

    def missed(self) -> None:
        """Record that the broker did not answer another part of this process."""
        self._closed_until = time.monotonic() + BREAK_SECONDS

    def replay_soon(self) -> None:
        """Start a thread that empties the journal once the broker is back, unless one is running."""
        with self._lock:
            if self._replaying_in == os.getpid():
                return
            self._replaying_in = os.getpid()
        threading.Thread(target=self._replay, name="journal", daemon=True).start()

    def resume(self) -> None:
        """Empty the journal if an earlier process left records in it."""
        if self._journal.pending():
            self.replay_soon()

    def _replay(self) -> None:
        while True:
            try:
                # At a new primary the replay begins again: what its predecessor took last may be lost there.
                with self._lanes.one_connection():
                    count = self._journal.replay(self._take, self._lanes.wait_for_replicas)
                if count:
                    log.warning("journal_replayed", extra={"records": count})
                with self._lock:
                    if not self._journal.pending():
                        self._replaying_in = 0
                        return
            except StoreUnavailable:
                pass  # still away; the records stay where they are
            except Exception as error:
                log.error("internal_error", exc_info=error)
            time.sleep(REPLAY_SECONDS)

    def _take(self, record: bytes) -> None:
        try:
            self._lanes.accept_at_once(_items(record))
        except StoreUnavailable:
            raise
        except Exception as error:
            # Another version may have written it. One unreadable record must not stop those behind it.
            name = self._journal.set_apart(record)
            log.error("journal_record_unreadable", exc_info=error, extra={"file": name, "bytes": len(record)})


def _record(items: Sequence[Effect]) -> bytes:
    # Typing indicators are of no use later. All other effects come from workers, which wait for the broker.
    kept = [item for item in items if isinstance(item, Entry | EchoSeen)]
    return json.dumps([[type(item).__name__, _fields(item)] for item in kept], default=str).encode()


def _fields(item: Entry | EchoSeen) -> dict[str, Any]:
    # An earlier version that reads the record knows no `looked_up` and no `arrival`.
    fields = asdict(item).items()
    return {name: value for name, value in fields if name != "arrival" and (name != "looked_up" or value)}


def _items(record: bytes) -> list[Entry | EchoSeen]:
    rows: list[tuple[str, dict[str, Any]]] = json.loads(record)
    return [EchoSeen(**fields) if name == "EchoSeen" else _entry(fields) for name, fields in rows]


def _entry(fields: dict[str, Any]) -> Entry:
    direction = Direction(fields["direction"])
    entry = Entry(**{**fields, "direction": direction})
    of_messages = "~" not in entry.lane or COMMENTS in entry.lane
    is_message = of_messages and (direction is Direction.OUT or entry.id.startswith(EVENT_PREFIXES))
    return replace(entry, arrival=_arrival(entry)) if is_message else entry


def _arrival(entry: Entry) -> Arrival:
    """Return what the message log notes of a message from the journal: the kind comes when a worker has read it."""
    if entry.direction is Direction.OUT:
        return Arrival("ccm")
    event_id = entry.id.partition(":")[2]
    return Arrival("webhook", id_ms(event_id) if event_id.isdecimal() else 0)
