"""A collector of traces: takes spans over OTLP (http/protobuf), as OpenTelemetry's exporter sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.loopback import Reply, Seen, loopback
from tests.tree import eventually

KINDS = {2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True)
class Span:
    """One span as it was received."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was received so far."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        """Return all spans in the order in which they ended."""
        return [span for body in self.bodies for span in _spans(body)]

    def named(self, *names: str) -> list[Span]:
        """Return one span of each name, once they are here."""

        def here() -> list[Span] | None:
            spans = {span.name: span for span in self.spans}
            return [spans[name] for name in names] if spans.keys() >= set(names) else None

        return eventually(here, what=f"spans {names}") or []

    def until(self, check: Callable[[list[Span]], bool]) -> list[Span]:
        """Return all spans, once the check is true of them."""
        eventually(lambda: check(self.spans), what="the spans")
        return self.spans


@contextmanager
def collector() -> Iterator[Collector]:
    with loopback() as server:
        server.keep_bytes = 10_000_000
        received = Collector(server.url)

        def take(seen: Seen) -> Reply:
            assert (seen.path, seen.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
            received.bodies.append(seen.start)
            return Reply(200, headers=(("Content-Type", "application/x-protobuf"),))

        server.answer = take
        yield received


def _spans(body: bytes) -> Iterator[Span]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {pair.key: _value(pair.value) for pair in of_resource.resource.attributes}
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.name,
                    KINDS.get(span.kind, str(span.kind)),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.status.code == 2,
                    {pair.key: _value(pair.value) for pair in span.attributes},
                    resource,
                )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
