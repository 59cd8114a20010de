"""The inbox that stores each entry with the trace it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from twitter_connector.model.work import Effect
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.journal import Journal
from twitter_connector.queue.lanes import Lanes

from .spans import Spans


class TracedInbox(Inbox):
    """An Inbox whose entries carry their trace, into the lanes and into the journal."""

    def __init__(self, lanes: Lanes, journal: Journal, spans: Spans) -> None:
        super().__init__(lanes, journal)
        self._spans = spans

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        with self._spans.storing(items):
            return super().accept(self._spans.carried(items))
