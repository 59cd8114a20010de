"""The spans of a message: request, store, one for each try, and one for each call of another side.

Attributes are ids, kinds, reasons and statuses. Texts, tokens and whole URLs never are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from twitter_connector.delivery.consumer import Attempt
from twitter_connector.logs import bound
from twitter_connector.model.work import Effect, Entry, TypingIndicator

from .provider import ProcessTracer, collector_answers

# The context in an entry's payload, beside the keys that delivery/intake writes. It has the form of the W3C's header.
HEADER = "traceparent"
_STORED = re.compile(r'"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')
# Parts of a path that are the same in every call. All others may be ids, or secrets.
_FIXED = re.compile(r"[A-Za-z_.-]{1,30}|[0-9](\.[0-9])?")
_w3c = TraceContextTextMapPropagator()


class Spans:
    """Makes the spans of this process.

    ours: base URLs of CCM and the file engine, which are sent the trace's id. X is not.
    """

    def __init__(self, ours: Sequence[str], tracer: Callable[[], Tracer] | None = None) -> None:
        self._ours = tuple(ours)
        self._tracer = tracer or ProcessTracer()

    def collector_answers(self) -> bool:
        """Return whether the collector takes spans. Sends none. Takes two seconds at most."""
        return collector_answers()

    @contextmanager
    def request(self, method: str, route: str, header: Callable[[str], str | None]) -> Iterator[Callable[[int], None]]:
        """Make the span of a request to us. It continues the trace of the headers, which `header` returns.

        Yield what ends the span, given the status of the answer.
        """
        parent = _w3c.extract({name: header(name) or "" for name in (HEADER, "tracestate")}, Context())
        attributes = {"http.request.method": method, "http.route": route}
        with (
            self._tracer().start_as_current_span(
                f"{method} {route}",
                parent,
                SpanKind.SERVER,
                attributes,
                record_exception=False,
                set_status_on_exception=False,
                end_on_exit=False,
            ) as span,
            _in_log_lines(span),
        ):

            def answered(status: int) -> None:
                note_status(span, status, failed_from=500)
                span.end()

            yield answered

    @contextmanager
    def storing(self, items: Sequence[Effect]) -> Iterator[None]:
        """Name in the span of the request what is stored. Work that no request brought gets a span of its own."""
        entries = [item for item in items if isinstance(item, Entry)]
        if not entries:
            yield
        elif get_current_span() is not INVALID_SPAN:
            get_current_span().set_attributes(_named(entries))
            yield
        else:
            name = f"store {entries[0].direction.word}"
            with self._span(name, SpanKind.PRODUCER, _named(entries)) as span, _in_log_lines(span):
                yield

    def carried(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Return the effects, with the present span in the payload of each entry and typing indicator that has none."""
        context = get_current_span().get_span_context()
        if not context.is_valid:
            return effects
        value = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        return [
            replace(effect, payload=f'{effect.payload[:-1]},"{HEADER}":"{value}"}}')
            if isinstance(effect, Entry | TypingIndicator) and _STORED.search(effect.payload) is None
            else effect
            for effect in effects
        ]

    @contextmanager
    def delivery(self, attempt: Attempt, message_id: Callable[[Attempt], str]) -> Iterator[None]:
        """Make the span of one try, in the trace in which the entry was stored. message_id: returns its CIM id."""
        lease = attempt.lease
        attributes: dict[str, AttributeValue] = {
            "messaging.operation.type": "process",
            "messaging.message.id": lease.entry_id,
            "twitter_connector.account_id": lease.account_id,
            "twitter_connector.customer_id": lease.customer_id,
            "twitter_connector.cim_id": message_id(attempt),
            "twitter_connector.try": lease.tries + 1,
        }
        name = f"deliver {lease.direction.word}"
        with self._span(name, SpanKind.CONSUMER, attributes, _context_of(lease.payload)) as span, _in_log_lines(span):
            yield
            if attempt.sent:
                span.set_attribute("twitter_connector.x_ids", tuple(attempt.sent))
            if attempt.kind:
                span.set_attribute("twitter_connector.kind", attempt.kind)
            if attempt.failure:
                span.set_attribute("error.type", attempt.failure)
                span.set_status(StatusCode.ERROR, attempt.failure)

    @contextmanager
    def typing(self, payload: str) -> Iterator[None]:
        """Make the span of passing on a typing indicator, in the trace in which it was stored."""
        attributes: dict[str, AttributeValue] = {"messaging.operation.type": "process"}
        context = _context_of(payload)
        with self._span("deliver typing", SpanKind.CONSUMER, attributes, context) as span, _in_log_lines(span):
            yield

    @contextmanager
    def call(self, method: str, url: str) -> Iterator[tuple[Span, dict[str, str]]]:
        """Yield the span of a call of another side, and the headers that carry it there. Not in a trace: no span."""
        if get_current_span() is INVALID_SPAN:
            yield INVALID_SPAN, {}
            return
        parts = urlsplit(url)
        path = "/".join(part if _FIXED.fullmatch(part) else "{}" for part in parts.path.split("/") if part)
        attributes: dict[str, AttributeValue] = {
            "http.request.method": method,
            "url.template": f"/{path}",
            "server.address": parts.hostname or "",
        }
        with self._span(f"{method} /{path}", SpanKind.CLIENT, attributes) as span:
            headers: dict[str, str] = {}
            if url.startswith(self._ours):
                _w3c.inject(headers)
            yield span, headers

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue], parent: Context | None = None
    ) -> Iterator[Span]:
        with self._tracer().start_as_current_span(
            # The text of an error may quote a customer.
            name,
            parent,
            kind,
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


def note_status(span: Span, status: int, *, failed_from: int) -> None:
    """Note the status of an HTTP answer. From `failed_from` on it is an error."""
    span.set_attribute("http.response.status_code", status)
    if status >= failed_from:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _in_log_lines(span: Span) -> AbstractContextManager[object]:
    """Have log lines of this thread name the trace."""
    context = span.get_span_context()
    return bound(trace_id=f"{context.trace_id:032x}") if context.is_valid else nullcontext()


def _context_of(payload: str) -> Context:
    stored = _STORED.findall(payload)
    return _w3c.extract({HEADER: stored[-1]} if stored else {}, Context())


def _named(entries: Sequence[Entry]) -> dict[str, AttributeValue]:
    """Return the attributes that name these entries."""
    return {
        "messaging.operation.type": "send",
        "messaging.destination.name": entries[0].direction.word,
        "twitter_connector.account_id": entries[0].account_id,
        "twitter_connector.customer_ids": tuple(sorted({entry.lane.partition("~")[0] for entry in entries})),
        "twitter_connector.entry_ids": tuple(entry.id for entry in entries),
    }
