"""The image's labels, the bill of materials, and the compose file agree with the project."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from tests.loopback import Reply, loopback
from tests.tree import ROOT, environment
from twitter_connector.cli import main
from twitter_connector.config import Settings

DEPLOY = ROOT / "deploy"
PACKAGE = metadata("twitter-connector")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def test_the_labels_of_the_image_are_those_of_the_package() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', text))
    assert labels["title"] == PACKAGE["Name"]
    assert labels["version"] == PACKAGE["Version"]
    assert labels["description"] == PACKAGE["Summary"]
    assert labels["licenses"] == PACKAGE["License"]
    assert labels["base.name"].endswith(re.findall(r"^FROM ([^\s@]+)", text, re.MULTILINE)[-1])
    assert (labels["revision"], labels["created"]) == ("$REVISION", "$CREATED")


def test_the_tag_of_the_image_is_the_version() -> None:
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))["twitter-connector"]
    assert values["image"]["tag"] == PACKAGE["Version"]
    assert compose()["x-connector"]["image"] == f"twitter-connector:{PACKAGE['Version']}"


def test_between_releases_the_version_is_the_next_ones_and_says_that_it_is_none_yet() -> None:
    newest = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]
    unreleased = re.fullmatch(r"Unreleased \((.+)\)", newest)
    assert PACKAGE["Version"] == (f"{unreleased[1]}.dev0" if unreleased else newest.split()[0])


def test_the_bill_of_materials_begins_with_the_package_and_what_it_needs() -> None:
    command = [sys.executable, str(DEPLOY / "sbom_project.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    project = tomllib.loads(done.stdout)["project"]
    assert (project["name"], project["version"]) == (PACKAGE["Name"], PACKAGE["Version"])
    names = {re.split(r"[^\w-]", name)[0] for name in project["dependencies"]}
    assert {"flask", "celery", "redis", "marshmallow"} <= names
    assert "pytest" not in names


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_each_process_has_a_container_and_a_command_that_exists(name: str) -> None:
    program, *arguments = services()[name]["command"]
    assert (program, arguments) == ("twitter-connector", [name])
    assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0


def test_every_container_has_a_check_of_its_own() -> None:
    checks = {name: service.get("healthcheck", {}).get("test") for name, service in services().items()}
    # These two have the image's check, which asks the web process.
    assert {name for name, check in checks.items() if check is None} == {"web", "try"}
    assert "/health/ready" in (DEPLOY / "Dockerfile").read_text("utf-8")
    for name in ("worker", "beat"):
        _, program, *arguments = checks[name]
        assert (program, arguments) == ("twitter-connector", ["alive", f"--{name}"])


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Return a value of the compose file as compose would, for `${A:-…}` and `${A:?…}`. Raises LookupError."""
    match = re.fullmatch(r"\$\{(\w+):([-?])(.*)\}", text)
    if match is None:
        return text
    name, kind, rest = match.groups()
    if variables.get(name):
        return variables[name]
    if kind == "?":
        raise LookupError(rest)
    return interpolated(rest, variables)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_images_check_asks_readiness_and_no_proxy(status: int, healthy: bool) -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    check = re.search(r"^HEALTHCHECK .*\\\n  CMD (\[.*\])$", text, re.MULTILINE)
    assert check is not None
    _, *arguments = json.loads(check[1])
    with loopback() as server:
        server.answer = lambda seen: Reply(status if seen.path == "/health/ready" else 404)
        env = environment(PORT=str(server.port), HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1")
        env = {name: value for name, value in env.items() if name.upper() != "NO_PROXY"}
        done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) is healthy


def test_ccm_is_required_unless_the_profile_for_trying_is_on() -> None:
    for name in ("web", "worker", "beat"):
        value = services()[name]["environment"]["CCM_URL"]
        with pytest.raises(LookupError, match="CCM_URL is not set"):
            interpolated(value, {})
        assert interpolated(value, {"CCM_URL": "http://ccm:8081"}) == "http://ccm:8081"
        assert interpolated(value, {"COMPOSE_PROFILES": "try"})
    assert services()["try"]["profiles"] == ["try"]
    assert services()["try"]["environment"]["SANDBOX"] == "1"
    assert "CCM_URL" not in services()["try"]["environment"]


def test_all_processes_share_key_journal_and_counters() -> None:
    for name in ("web", "worker", "beat"):
        assert services()[name]["volumes"] == services()["web"]["volumes"]
        assert services()[name]["environment"] == services()["web"]["environment"]


def test_the_variables_of_the_console_are_named_where_it_is_deployed() -> None:
    of_console = {field.name.upper() for field in fields(Settings) if field.name.startswith("console_")}
    assert len(of_console) == 5
    assert of_console <= set(services()["web"]["environment"])
    values = (DEPLOY / "helm-values.yaml").read_text("utf-8")
    assert {name for name in of_console if name not in values} == set()


def test_processes_with_equal_numbers_on_two_hosts_count_in_files_of_their_own(tmp_path: Path) -> None:
    code = (
        "import socket, sys; socket.gethostname = lambda: sys.argv[1];"
        "from twitter_connector import metrics, counter_files; counter_files.os.getpid = lambda: 7;"
        "metrics.NATIVE_REPLIES.inc()"
    )
    env = environment(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    for host in ("web_1", "web_2"):
        subprocess.run([sys.executable, "-c", code, host], cwd=ROOT, env=env, check=True)
    assert {"counter_web-1-7.db", "counter_web-2-7.db"} <= {path.name for path in tmp_path.iterdir()}
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]
    assert registry.get_sample_value("twitter_connector_native_replies_total") == 2


def test_the_lock_of_x_chat_pins_what_the_extra_names_and_the_image_takes_both_on_demand() -> None:
    extra = re.search(r"^xchat =\n    chatxdk ==([\d.]+)$", (ROOT / "setup.cfg").read_text("utf-8"), re.MULTILINE)
    assert extra is not None
    lock = (ROOT / "requirements-xchat.lock").read_text("utf-8")
    assert re.findall(r"^(\S+) \\\n    --hash=sha256:", lock, re.MULTILINE) == [f"chatxdk=={extra[1]}"]
    image = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "ARG XCHAT=false" in image
    assert "requirements-xchat.lock" in image
    assert "!requirements-xchat.lock" in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8")


def test_the_lock_of_opentelemetry_has_what_the_extra_names_and_the_image_takes_both_on_demand() -> None:
    lock = (ROOT / "requirements-otel.lock").read_text("utf-8")
    locked = re.findall(r"^(\S+)==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE)
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"} <= set(locked)
    of_the_service = (ROOT / "requirements.lock").read_text("utf-8")
    assert "opentelemetry" not in of_the_service
    assert [name for name in locked if f"\n{name}==" in of_the_service] == []
    assert "ARG OTEL=false" in (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "!requirements-otel.lock" in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8")
