"""HOST: where the service listens, and where the sandbox reaches it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from tree import COMMAND, ROOT, environment, free_ports

from twitter_connector.config import Settings


@pytest.mark.parametrize(
    ("host", "sandbox", "hosts", "local"),
    [
        ("0.0.0.0", "1", ("0.0.0.0",), "http://127.0.0.1:8080"),
        ("::", "1", ("::",), "http://[::1]:8080"),
        ("[::1]", "1", ("::1",), "http://[::1]:8080"),
        ("localhost", "1", ("localhost",), "http://localhost:8080"),
        # Calls from such an address of this machine would count as external, and X's rules for WEBHOOK-URL apply to it.
        ("192.0.2.2", "1", ("192.0.2.2", "127.0.0.1"), "http://127.0.0.1:8080"),
        ("127.0.0.2", "1", ("127.0.0.2", "127.0.0.1"), "http://127.0.0.1:8080"),
        ("fd00::2", "1", ("fd00::2", "127.0.0.1"), "http://127.0.0.1:8080"),
        ("192.0.2.2", "0", ("192.0.2.2",), "http://192.0.2.2:8080"),
    ],
)
def test_the_sandbox_reaches_the_service_by_loopback(
    host: str, sandbox: str, hosts: tuple[str, ...], local: str, tmp_path: Path
) -> None:
    env = {"HOST": host, "SANDBOX": sandbox, "VAR_DIR": str(tmp_path), "CCM_URL": "http://127.0.0.1:9/ccm"}
    settings = Settings.from_env(env)
    assert settings.hosts == hosts
    assert settings.local_url == f"{local}/twitter-connector"


def refusal(folder: Path, **env: str) -> str:
    """Return the one line with which `up` refuses to start."""
    variables = environment(VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", **env)
    done = subprocess.run(
        [COMMAND, "up"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    return line


@pytest.mark.parametrize("host", ["203.0.113.77", "2001:db8::77", "no-such-host.invalid"])
def test_an_address_that_is_not_this_machines_is_named_as_host(tmp_path: Path, host: str) -> None:
    (port,) = free_ports(1)
    line = refusal(tmp_path, HOST=host, PORT=str(port))
    assert line.startswith(f"cannot start: HOST: {host}:{port} cannot be listened on (")


def test_a_port_in_use_is_named_as_port_also_on_the_loopback_address_that_the_sandbox_needs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = refusal(tmp_path, HOST="127.0.0.2", PORT=str(port), SANDBOX="1")
    assert line.startswith(f"cannot start: PORT: 127.0.0.1:{port} cannot be listened on (")
