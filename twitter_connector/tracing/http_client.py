"""The HTTP client that makes a span of each call within a message's trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twitter_connector.net.answers import Answer, Incoming
from twitter_connector.net.http_client import HttpClient

from .spans import Spans, note_status


class TracedHttpClient(HttpClient):
    """An HttpClient whose calls are spans."""

    def __init__(self, spans: Spans) -> None:
        super().__init__()
        self._spans = spans

    def exchange(self, method: str, url: str, *, seconds: float, **kwargs: Any) -> Answer:
        with self._spans.call(method, url) as (span, headers):
            kwargs["headers"] = {**kwargs.get("headers", {}), **headers}
            answer = super().exchange(method, url, seconds=seconds, **kwargs)
            note_status(span, answer.status, failed_from=400)
            return answer

    @contextmanager
    def stream(self, method: str, url: str, *, seconds: float, ceiling: int, **kwargs: Any) -> Iterator[Incoming]:
        with self._spans.call(method, url) as (span, headers):
            kwargs["headers"] = {**kwargs.get("headers", {}), **headers}
            with super().stream(method, url, seconds=seconds, ceiling=ceiling, **kwargs) as incoming:
                note_status(span, incoming.status, failed_from=400)
                yield incoming
