"""A broker that cannot be used before a person changes something: a Redis Cluster, and TLS that fails."""

from __future__ import annotations

import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from tree import COMMAND, ROOT, environment, eventually, free_ports

from tests.brokers import services_of, settings_in
from tests.certificates import self_signed
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.config import BadSetting, Settings
from twitter_connector.errors import Permanent, StoreRefused, StoreUnavailable
from twitter_connector.findings.report import all_findings
from twitter_connector.processes import embedded_broker
from twitter_connector.startup import check_store, discard_old_tasks, require_safe_broker, start_logging


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One node of a Redis Cluster, with no slots yet."""
    # Its second port is else the first plus 10,000, from which connections take theirs.
    port, bus = free_ports(2)
    folder = tmp_path_factory.mktemp("cluster")
    flags = (
        "--port",
        str(port),
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        str(bus),
        "--dir",
        str(folder),
        "--save",
        "",
        "--loglevel",
        "warning",
    )
    process = subprocess.Popen([embedded_broker.binary(), *flags])
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with redis.Redis.from_url(url) as client:
            eventually(lambda: _answers(client), what="the node")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(client: redis.Redis) -> bool:
    with suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


def stopped(command: str, folder: Path, url: str) -> tuple[str, float]:
    """Return the one line with which a command refuses to start, and how many seconds it took."""
    variables = environment(VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", REDIS_URL=url)
    started = time.monotonic()
    done = subprocess.run(
        [COMMAND, command], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1, done
    output = (done.stdout + done.stderr).splitlines()
    (line,) = [line for line in output if line.startswith(("error: ", "cannot start: "))]
    assert "Traceback" not in output
    return line, time.monotonic() - started


def findings(services: Services) -> str:
    return "\n".join(f"{f.what}: {f.detail} {f.advice}" for f in all_findings(services) if not f.ok)


@pytest.mark.parametrize("command", ["up", "web", "worker", "beat"])
def test_a_redis_cluster_is_named_at_once(command: str, cluster: str, tmp_path: Path) -> None:
    line, seconds = stopped(command, tmp_path, cluster)
    assert "Redis Cluster" in line
    assert "Name a single Redis or Valkey server." in line
    # Most of it is Python's start. Without the check, `up` takes 60 s.
    assert seconds < 15


def test_a_redis_cluster_is_named_by_the_check_doctor_readiness_and_metrics(cluster: str, tmp_path: Path) -> None:
    services = services_of(settings_in(tmp_path, REDIS_URL=cluster))
    with pytest.raises(Permanent) as refused:
        check_store(services.settings, patient=False)
    assert refused.value.reason == "broker_unsafe"
    assert "Redis Cluster" in findings(services)
    answer = create_app(services.settings, services).test_client().get("/health/ready")
    assert answer.status_code == 503
    assert "Redis Cluster" in answer.get_json()["detail"]
    services.redis.close()


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address, without scheme and login, of a broker that wants the password "right"."""
    (port,) = free_ports(1)
    flags = ("--port", str(port), "--requirepass", "right", "--save", "", "--loglevel", "warning")
    process = subprocess.Popen([embedded_broker.binary(), *flags], cwd=tmp_path_factory.mktemp("password"))
    try:
        with redis.Redis(port=port, password="right") as client:
            eventually(lambda: _answers(client), what="the broker")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("login", "path", "reason"),
    [("", "/0", "broker_password"), (":wrong@", "/0", "broker_password"), (":right@", "/99", "broker_database")],
)
def test_a_wrong_part_of_the_address_is_named(
    with_password: str, tmp_path: Path, login: str, path: str, reason: str
) -> None:
    services = services_of(settings_in(tmp_path, REDIS_URL=f"redis://{login}{with_password}{path}"))
    with pytest.raises(StoreRefused) as refused:
        check_store(services.settings, patient=False)
    assert refused.value.reason == reason
    (broker,) = [finding for finding in all_findings(services) if finding.what == "broker"]
    assert broker.detail == refused.value.detail
    assert "in REDIS_URL" in broker.detail or "of REDIS_URL" in broker.detail
    assert "wrong" not in broker.detail
    services.redis.close()


def test_a_worker_that_celery_starts_ends_with_one_line(
    with_password: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        discard_old_tasks(settings_in(tmp_path, REDIS_URL=f"redis://:wrong@{with_password}/0"))
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: The broker refuses the user or password in REDIS_URL. Correct them.\n"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://127.0.0.1:1/0", "(ConnectionError: Connection refused)"),
        ("unix:///no/such.sock", "(ConnectionError: No such file or directory)"),
        (
            "redis+sentinel://127.0.0.1:1/primary/0",
            "(MasterNotFoundError: no sentinel names a primary of this service)",
        ),
    ],
)
def test_a_broker_that_cannot_be_reached_is_so_for_a_reason(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(StoreUnavailable) as failed:
        check_store(settings_in(tmp_path, REDIS_URL=url), patient=False)
    assert words in failed.value.detail


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


class _Plain(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            self.request.recv(1000)
            self.request.sendall(b"-ERR Protocol error\r\n")


class _Alert(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            self.request.recv(1000)
            self.request.sendall(bytes.fromhex("15030100020246"))


class _WebServer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            self.request.recv(1000)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_that_is_no_broker_is_named(tmp_path: Path) -> None:
    with serving(_WebServer) as port, pytest.raises(StoreRefused) as refused:
        check_store(settings_in(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0"), patient=False)
    assert refused.value.reason == "broker_protocol"


def _tls(context: ssl.SSLContext) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                context.wrap_socket(self.request, server_side=True).close()

    return Handler


@contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The file of a self-signed certificate for "localhost", its key beside it."""
    return self_signed(tmp_path, "localhost")[0]


@pytest.fixture
def tls_port(authority: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_name("private.pem"))
    with serving(_tls(context)) as port:
        yield port


def refusal(folder: Path, url: str) -> str:
    with pytest.raises(StoreRefused) as refused:
        check_store(replace(settings_in(folder), redis_url=url, embedded_broker=False), patient=False)
    assert refused.value.reason == "broker_tls"
    return refused.value.detail


def test_a_certificate_that_is_not_trusted_says_which_variable_names_its_authority(
    tls_port: int, authority: Path, tmp_path: Path
) -> None:
    sentence = refusal(tmp_path, f"rediss://localhost:{tls_port}/0")
    assert sentence.startswith("The broker's certificate is not trusted (self-signed certificate).")
    assert "?ssl_ca_certs=" in sentence
    sentence = refusal(tmp_path, f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={authority}")
    assert "IP address mismatch" in sentence


def doubted(folder: Path, url: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return what the check, doctor and readiness say of an address, and the log of a web process that starts."""
    settings = settings_in(folder, REDIS_URL=url)
    services = services_of(settings)
    with pytest.raises(StoreUnavailable) as failed:
        check_store(settings, patient=False)
    answer = create_app(services.settings, services).test_client().get("/health/ready")
    assert findings(services).count(failed.value.detail) == 1
    assert answer.get_json()["detail"] == failed.value.detail
    start_logging(settings)
    capfd.readouterr()
    with suppress(SystemExit):
        require_safe_broker(settings)
    assert failed.value.detail in capfd.readouterr().err
    services.redis.close()
    return failed.value.detail


def test_tls_with_a_broker_that_waits_for_a_command_is_suspected(
    with_password: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sentence = doubted(tmp_path, f"rediss://:right@{with_password}/0", capfd)
    assert "it probably does not speak TLS at that port. Use redis:// without TLS" in sentence
    sentinels = f"rediss+sentinel://:right@{with_password}/primary/0"
    assert "it probably does not speak TLS at that port. Use redis:// without TLS" in doubted(
        tmp_path, sentinels, capfd
    )


def test_a_command_to_a_broker_that_waits_for_tls_is_suspected(
    tls_port: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "REDIS_URL must begin with rediss://" in doubted(tmp_path, f"redis://localhost:{tls_port}/0", capfd)
    assert "REDIS_URL must begin with rediss" in doubted(
        tmp_path, f"redis+sentinel://localhost:{tls_port}/primary/0", capfd
    )


def test_an_alert_of_tls_is_no_answer_of_a_broker(tmp_path: Path) -> None:
    with serving(_Alert) as port:
        assert "REDIS_URL must begin with rediss://" in refusal(tmp_path, f"redis://127.0.0.1:{port}/0")


def test_a_port_without_tls_says_so(tmp_path: Path) -> None:
    with serving(_Plain) as port:
        assert "does not speak TLS at that port" in refusal(tmp_path, f"rediss://127.0.0.1:{port}/0")


@pytest.mark.parametrize("command", ["up", "worker", "beat"])
def test_a_certificate_that_is_not_trusted_stops_the_start_at_once(command: str, tls_port: int, tmp_path: Path) -> None:
    line, seconds = stopped(command, tmp_path / "var", f"rediss://localhost:{tls_port}/0")
    assert "certificate is not trusted" in line
    assert seconds < 15


def test_doctor_and_readiness_name_the_certificate(tls_port: int, tmp_path: Path) -> None:
    services = services_of(settings_in(tmp_path / "var", REDIS_URL=f"rediss://localhost:{tls_port}/0"))
    assert "certificate is not trusted" in findings(services)
    answer = create_app(services.settings, services).test_client().get("/health/ready")
    assert "certificate is not trusted" in answer.get_json()["detail"]


@pytest.mark.parametrize("path", ["/x", "/0/1", "/-1"])
def test_a_path_that_is_no_database_stops_the_start(path: str) -> None:
    with pytest.raises(BadSetting, match="REDIS_URL: the path of the URL is the number of a database, /0 for example"):
        Settings.from_env({"SANDBOX": "1", "REDIS_URL": f"redis://127.0.0.1{path}"})
