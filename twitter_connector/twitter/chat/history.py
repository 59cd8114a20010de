"""Lists an account's encrypted conversations and their events, as X keeps them. Needs no keys.

https://docs.x.com/x-api/chat
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from twitter_connector.model.event import RawEvent
from twitter_connector.model.json_fields import text_of
from twitter_connector.model.timestamps import LAST_MS, epoch_ms

from ..chat_objects import history_event
from .calls import ChatCalls

log = logging.getLogger(__name__)

PAGES_MAX = 10
_ONE_TO_ONE = re.compile(r"(\d{1,19})[:-](\d{1,19})")


@dataclass(frozen=True)
class ChatHistory:
    """The encrypted conversations of one account. Raises what the calls raise."""

    calls: ChatCalls
    account_id: str

    def conversations_since(self, since: datetime) -> list[tuple[str, int | None]]:
        """Return (customer id, moment of the latest change in epoch ms) of each conversation with one customer that
        changed since a moment, or may have (None): the one that changed first before the others. X lists no message
        requests."""
        found: dict[str, int | None] = {}
        token = ""
        for _ in range(PAGES_MAX):
            rows, token = self.calls.conversations(token)
            changed = [(text_of(row.get("id")), _moment_ms(row.get("updated_at"))) for row in rows]
            recent = [(pair, at) for pair, at in changed if at is None or at >= epoch_ms(since)]
            for conversation_id, at in recent:
                pair = _ONE_TO_ONE.fullmatch(conversation_id)
                if pair is not None and self.account_id in pair.groups():
                    found[pair[2] if pair[1] == self.account_id else pair[1]] = at
            if not recent or not token:
                break
        else:
            self._cut_off("conversations", since)
        return sorted(found.items(), key=lambda each: LAST_MS if each[1] is None else each[1])

    def messages_since(self, customer_id: str, since: datetime) -> list[RawEvent]:
        """Return the events of a conversation since a moment, the newest first."""
        return list(self._messages(customer_id, since))

    def _messages(self, customer_id: str, since: datetime) -> Iterator[RawEvent]:
        token = ""
        for _ in range(PAGES_MAX):
            rows, token = self.calls.history(customer_id, token)
            for row in rows:
                event = history_event(row, self.account_id)
                if event is None or not event.customer_id:
                    log.error("chat_event_without_id", extra={"account": self.account_id, "customer": customer_id})
                elif event.created_ms >= epoch_ms(since):
                    yield event
                else:
                    return
            if not token:
                return
        self._cut_off("events", since)

    def _cut_off(self, what: str, since: datetime) -> None:
        facts = {"account": self.account_id, "what": what, "pages": PAGES_MAX, "since": since.isoformat()}
        log.error("chat_backfill_cut_off", extra=facts)


def _moment_ms(value: object) -> int | None:
    try:
        at = datetime.fromisoformat(text_of(value))
    except ValueError:
        return None
    return epoch_ms(at) if at.tzinfo else None
