"""A broker that may lose data: an evicting policy, no append-only file, an old version."""

from __future__ import annotations

import logging
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from tests.brokers import Broker, running, services_of
from tests.tree import COMMAND, ROOT, environment
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.broker.safety import BrokerSafety
from twitter_connector.config import Settings
from twitter_connector.errors import Permanent
from twitter_connector.findings.report import all_findings
from twitter_connector.startup import check_store

EVICTING = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-ttl")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def client(broker: Broker) -> Iterator[redis.Redis]:
    with broker.client() as client:
        yield client


def problems(client: redis.Redis, *, allow: bool = False) -> list[tuple[str, bool]]:
    return [(p.name, p.fatal) for p in BrokerSafety(client, allow_eviction=allow).problems()]


def test_the_embedded_broker_has_no_problem(client: redis.Redis) -> None:
    assert problems(client) == []


@pytest.mark.parametrize("policy", EVICTING)
def test_every_evicting_policy_stops_the_start_unless_it_is_allowed(
    policy: str, broker: Broker, client: redis.Redis
) -> None:
    client.config_set("maxmemory-policy", policy)
    assert problems(client) == [("eviction", True)]
    assert problems(client, allow=True) == [("eviction", False)]
    with pytest.raises(Permanent) as refused:
        check_store(broker.settings, patient=False)
    assert refused.value.reason == "broker_unsafe"
    assert policy in refused.value.detail
    assert "\n" not in refused.value.detail
    check_store(replace(broker.settings, broker_eviction="allow"), patient=False)


def test_a_missing_append_only_file_is_named_and_stops_nothing(broker: Broker, client: redis.Redis) -> None:
    client.config_set("appendonly", "no")
    assert problems(client) == [("append_only_off", False)]
    check_store(broker.settings, patient=False)


@pytest.mark.parametrize(
    ("version", "names"), [("5.0.7", ["version"]), ("6.0.16", ["version"]), ("6.2.0", []), ("10.0", []), ("?", [])]
)
def test_a_version_before_6_2_is_a_fatal_problem(version: str, names: list[str]) -> None:
    with old_redis(version) as url, redis.Redis.from_url(url, protocol=2) as client:
        assert problems(client) == [(name, True) for name in names]


def test_a_broker_that_refuses_info_has_no_known_problem(client: redis.Redis, broker: Broker) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"])
    with redis.Redis.from_url(broker.settings.redis_url, username="limited", password="any") as limited:
        assert problems(limited) == []


def readiness(services: Services, settings: Settings) -> tuple[int, dict[str, object]]:
    client = create_app(settings, services).test_client()
    answer = client.get("/health/ready")
    return answer.status_code, answer.get_json()


def test_readiness_names_the_policy_and_is_green_again_without_it(broker: Broker, client: redis.Redis) -> None:
    services = services_of(broker.settings)
    services.heartbeats.beat("worker")
    assert readiness(services, broker.settings)[0] == 200
    client.config_set("maxmemory-policy", "allkeys-lru")
    status, body = readiness(services, broker.settings)
    assert (status, body["failing"]) == (503, "broker")
    assert "allkeys-lru" in str(body["detail"])
    client.config_set("maxmemory-policy", "noeviction")
    assert readiness(services, broker.settings) == (200, {"status": "UP", "parts": {"broker": "UP", "workers": 1}})


def test_where_eviction_is_allowed_readiness_and_doctor_say_what_it_costs(broker: Broker, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "volatile-lru")
    settings = replace(broker.settings, broker_eviction="allow")
    services = services_of(settings)
    services.heartbeats.beat("worker")
    status, body = readiness(services, settings)
    assert status == 200
    (remark,) = body["remarks"]  # type: ignore[misc]
    assert "volatile-lru" in remark
    assert "deletes messages" in remark
    (finding,) = [finding for finding in all_findings(services) if finding.what == "broker safety"]
    assert finding.ok
    assert "deletes messages" in finding.advice


def test_doctor_judges_the_policy_and_the_append_only_file(broker: Broker, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("appendonly", "no")
    findings = [finding for finding in all_findings(services_of(broker.settings)) if finding.what == "broker safety"]
    assert [(finding.ok, finding.detail) for finding in findings] == [(False, "eviction"), (False, "append only off")]


def test_each_problem_is_logged_when_it_appears_and_when_it_ends(
    client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    safety = BrokerSafety(client, allow_eviction=False)
    safety.log_changes()
    client.config_set("maxmemory-policy", "allkeys-lru")
    safety.log_changes()
    safety.log_changes()
    client.config_set("maxmemory-policy", "noeviction")
    safety.log_changes()
    lines = [(r.levelname, r.message, r.__dict__["problem"]) for r in caplog.records if "safe" in r.message]
    assert lines == [("ERROR", "broker_unsafe", "eviction"), ("INFO", "broker_safe_again", "eviction")]


class _OldRedis(socketserver.StreamRequestHandler):
    """Answers as Redis 5: it does not know HELLO."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2].upper())
            if words[0] == b"INFO":
                assert isinstance(self.server, _OldServer)
                text = f"redis_version:{self.server.version}\r\n".encode()
                self.wfile.write(b"$%d\r\n%b\r\n" % (len(text), text))
            elif words[0] == b"PING":
                self.wfile.write(b"+PONG\r\n")
            else:
                self.wfile.write(b"-ERR unknown command `%b`\r\n" % words[0])


class _OldServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    version = ""


@contextmanager
def old_redis(version: str = "5.0.7") -> Iterator[str]:
    with _OldServer(("127.0.0.1", 0), _OldRedis) as server:
        server.version = version
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


def stopped(command: str, folder: Path, **env: str) -> tuple[str, float]:
    """Return the output of a command that must not start, and how many seconds it took to end.

    command: of twitter-connector, or of another program that is installed beside it.
    """
    words = command.split()
    variables = environment(VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", NO_PROXY="*", **env)
    started = time.monotonic()
    done = subprocess.run(
        [COMMAND, command] if len(words) == 1 else [COMMAND.with_name(words[0]), *words[1:]],
        cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done
    return done.stdout + done.stderr, time.monotonic() - started


@pytest.mark.parametrize("command", ["up", "web", "worker"])
def test_an_old_redis_is_named_at_once(command: str, tmp_path: Path) -> None:
    with old_redis() as url:
        output, seconds = stopped(command, tmp_path, REDIS_URL=url)
    assert "older than Redis 6" in output
    assert "Redis 6.2 or newer" in output
    assert "Traceback" not in output
    # Most of it is Python's start, which takes long while other tests run. Without the check, `up` takes 60 s.
    assert seconds < 15


@pytest.mark.parametrize(
    "command", ["up", "web", "worker", "gunicorn wsgi:app -b 127.0.0.1:0", "celery -A workers.app worker -c 1"]
)
def test_an_evicting_broker_stops_every_command_with_one_line(
    command: str, tmp_path: Path, broker: Broker, client: redis.Redis
) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    output, _ = stopped(command, tmp_path / "other", REDIS_URL=broker.settings.redis_url)
    (line,) = [line for line in output.splitlines() if "allkeys-lru" in line and not line.startswith("{")]
    assert line.startswith(("error: ", "cannot start: "))
    assert "BROKER_EVICTION=allow" in line


def test_the_metrics_say_which_problem_the_broker_has(broker: Broker, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    page = create_app(broker.settings, services_of(broker.settings)).test_client().get("/metrics").text
    assert 'twitter_connector_broker_unsafe{problem="eviction"} 1.0' in page
    assert 'twitter_connector_broker_unsafe{problem="append_only_off"} 0.0' in page
