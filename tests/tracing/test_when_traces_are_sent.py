"""What switches traces on, and what a collector that fails costs: nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.brokers import services_of, settings_in
from tests.loopback import raw_server
from tests.tracing.collector import collector
from twitter_connector import config_values
from twitter_connector.config import Settings
from twitter_connector.findings import other_sides, service
from twitter_connector.tracing.provider import LAST_SPANS_SECONDS

ROOT = Path(__file__).parents[2]
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def settings_with(**env: str) -> Settings:
    return Settings.from_env({"VAR_DIR": "/nowhere", "CCM_URL": "http://ccm:8081", **env})


@pytest.mark.parametrize(
    "env",
    [
        ENDPOINT,
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
    ],
)
def test_an_endpoint_or_an_exporter_switches_traces_on(env: dict[str, str]) -> None:
    assert (settings_with(**env).traces, settings_with(**env).warnings) == (True, ())


@pytest.mark.parametrize(
    "env", [{}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}]
)
def test_without_them_or_where_they_are_disabled_nobody_is_warned(env: dict[str, str]) -> None:
    assert (settings_with(**env).traces, settings_with(**env).warnings) == (False, ())


@pytest.mark.parametrize(
    ("env", "advice"),
    [
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "Set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf"),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "zipkin"}, "Set it to otlp"),
    ],
)
def test_traces_that_cannot_be_sent_as_asked_are_off_and_the_warning_says_why(env: dict[str, str], advice: str) -> None:
    settings = settings_with(**env)
    assert not settings.traces
    assert advice in " ".join(settings.warnings)


def test_without_the_extra_the_service_starts_and_doctor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_values, "find_spec", lambda name: None)
    services = services_of(settings_in(tmp_path, **ENDPOINT))
    assert services.spans is None
    finding = next(iter(service.environment(services)))
    assert not finding.ok
    assert "pip install 'twitter-connector[otel]'" in finding.advice


def test_doctor_says_whether_the_collector_takes_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = services_of(settings_in(tmp_path, **ENDPOINT))
    with collector() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        (finding,) = other_sides.traces(services)
        assert (finding.ok, len(received.bodies), received.spans) == (True, 1, [])
    (finding,) = other_sides.traces(services)
    assert not finding.ok
    assert "Correct OTEL_EXPORTER_OTLP_ENDPOINT" in finding.advice
    assert list(other_sides.traces(services_of(settings_in(tmp_path)))) == []


def test_a_mistyped_variable_is_named() -> None:
    (warning,) = settings_with(OTEL_EXPORTER_OTLP_ENDPONT="http://collector:4318").warnings
    assert "Did you mean OTEL_EXPORTER_OTLP_ENDPOINT?" in warning


def test_the_secrets_of_the_exporter_are_hidden_and_in_no_repr() -> None:
    settings = settings_with(
        OTEL_EXPORTER_OTLP_ENDPOINT="https://sam:endpoint-password@collector:4318",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20header-token,x-key=other-secret",
    )
    assert {"endpoint-password", "header-token", "other-secret"} <= set(settings.traces_secrets)
    assert not any(secret in repr(settings) for secret in settings.traces_secrets)


WITH_THE_EXTRA = {"PYTHONPATH": str(Path(sys.prefix) / "otel")}


def run(code: str, directory: Path, *, seconds: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"VAR_DIR": str(directory), "CCM_URL": "http://127.0.0.1:9/ccm", "PATH": "", "PYTHONWARNINGS": "error"} | env
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds, check=False
    )


FORKED = """
import os, sys
from twitter_connector.model.work import Direction, Entry
from twitter_connector.tracing.spans import Spans
spans = Spans([])
def store(name):
    with spans.storing([Entry(Direction.IN, "1", "2", name, "{}")]):
        pass
if "early" in sys.argv:
    store("parent")
child = os.fork()
store("child" if child == 0 else "parent")
if child:
    os.waitpid(child, 0)
"""


def test_processes_that_fork_send_their_own_spans(tmp_path: Path) -> None:
    with collector() as received:
        done = run(FORKED, tmp_path, **WITH_THE_EXTRA, OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
        assert done.returncode == 0, done.stderr
        ids = [span.attributes["twitter_connector.entry_ids"] for span in received.spans]
        assert sorted(ids) == [["child"], ["parent"]]


MANY = """
import time
from twitter_connector.model.work import Direction, Entry
from twitter_connector.tracing.spans import Spans
spans = Spans([])
started = time.monotonic()
for number in range(5000):
    with spans.storing([Entry(Direction.IN, "1", "2", str(number), "{}")]):
        pass
print(time.monotonic() - started)
"""


def hang(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(60)


def test_a_collector_that_hangs_delays_neither_the_work_nor_the_end_of_a_process(tmp_path: Path) -> None:
    with raw_server(hang) as host:
        started = time.monotonic()
        done = run(
            MANY,
            tmp_path,
            **WITH_THE_EXTRA,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{host}",
            OTEL_EXPORTER_OTLP_TIMEOUT="60",
        )
        seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    # What does not fit into the queue is dropped.
    assert "Queue full" in done.stderr
    assert seconds - float(done.stdout) < LAST_SPANS_SECONDS + 10


def test_a_variable_that_opentelemetry_cannot_use_costs_the_spans_only(tmp_path: Path) -> None:
    done = run(MANY, tmp_path, **WITH_THE_EXTRA, **ENDPOINT, OTEL_BSP_MAX_QUEUE_SIZE="-1")
    assert done.returncode == 0, done.stderr
    assert "tracing_failed" in done.stderr
