"""Builds OpenTelemetry's tracer of one process. All settings come from the standard OTEL_ variables."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import NoOpTracer, Tracer

log = logging.getLogger(__name__)

SERVICE_NAME = "twitter-connector"
# How long a process that ends waits until its last spans are sent.
LAST_SPANS_SECONDS = 1.0
CHECK_SECONDS = 2.0


class ProcessTracer:
    """The tracer of the process that asks for it.

    It is built with the first span. A process that forks before, as gunicorn's master does, has no thread for spans.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._tracer: Tracer = NoOpTracer()

    def __call__(self) -> Tracer:
        """Return the tracer. It makes no spans if a variable has a value that OpenTelemetry cannot use."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._tracer = _built()
                    self._pid = os.getpid()
        return self._tracer


def collector_answers() -> bool:
    """Return whether the collector takes spans. Sends none. Takes two seconds at most."""
    try:
        return OTLPSpanExporter(timeout=CHECK_SECONDS).export(()) is SpanExportResult.SUCCESS
    except Exception as error:  # a variable with a value that OpenTelemetry cannot use
        log.error("tracing_failed", exc_info=error)
        return False


def _built() -> Tracer:
    try:
        # Spans wait in a queue of 2,048 (OTEL_BSP_MAX_QUEUE_SIZE) for the thread that sends them. If it is full, they
        # are dropped.
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except Exception as error:
        log.error("tracing_failed", exc_info=error)
        return NoOpTracer()
    _Ending(provider)
    return provider.get_tracer("twitter_connector", version("twitter-connector"))


def _resource() -> Resource:
    """Return what names this service: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over our own names."""
    named = Resource.create()
    ours = {"service.version": version("twitter-connector")}
    if str(named.attributes["service.name"]).startswith("unknown_service"):
        named = named.merge(Resource({"service.name": SERVICE_NAME}))
    return Resource(ours).merge(named)


class _Ending:
    """Sends the last spans when the process ends, and waits for `LAST_SPANS_SECONDS` at most.

    The library itself waits for half a minute if the collector hangs. The thread starts now: a process that ends can
    start none.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._begun, self._done = threading.Event(), threading.Event()
        threading.Thread(target=self._shut_down, name="last-spans", daemon=True).start()
        atexit.register(self._end)

    def _shut_down(self) -> None:
        self._begun.wait()
        self._provider.shutdown()
        self._done.set()

    def _end(self) -> None:
        self._begun.set()
        self._done.wait(LAST_SPANS_SECONDS)
