"""The HTTP clients that make a span of each call within a message's trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from twitter_connector.net.answers import Answer, Incoming
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.public_fetch import Fetcher

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


class TracedFetcher(Fetcher):
    """A Fetcher whose downloads are spans. They name the server, and nothing else of the address: it comes from
    outside, and may have a secret in any part."""

    def __init__(self, spans: Spans, *, allow_loopback: bool, clock: Callable[[], datetime]) -> None:
        super().__init__(allow_loopback=allow_loopback, clock=clock)
        self._spans = spans

    @contextmanager
    def open(self, url: str, *, ceiling: int) -> Iterator[Incoming]:
        with self._spans.call("GET", _server_of(url)) as (span, _), super().open(url, ceiling=ceiling) as incoming:
            note_status(span, incoming.status, failed_from=400)
            yield incoming


def _server_of(url: str) -> str:
    try:
        return f"//{urlsplit(url).hostname or ''}/"
    except ValueError:
        return "/"
