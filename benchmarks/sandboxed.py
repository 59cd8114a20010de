"""`twitter-connector up` with the sandbox for a benchmark, and calls to both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from benchmarks.service import free_port

# The brand accounts that exist from the start.
V1_ACCOUNT, V2_ACCOUNT = "732739706", "1750214466953510912"


class SandboxedService:
    """The service and the sandbox in a temporary VAR_DIR, with both brand accounts registered."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="tc-bench-")
        port, sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}/twitter-connector"
        self.sandbox = f"http://127.0.0.1:{sandbox_port}"
        env = {name: value for name, value in os.environ.items() if name not in ("CCM_URL", "REDIS_URL")}
        env |= {"VAR_DIR": self._directory.name, "HOST": "127.0.0.1", "PORT": str(port)}
        env |= {"SANDBOX_PORT": str(sandbox_port), "LOG_LEVEL": "ERROR", "LOG_FORMAT": "json"}
        self._process = subprocess.Popen(
            [".venv/bin/twitter-connector", "up"], env=env, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        if not any(line.startswith("ready:") for line in iter(self._process.stdout.readline, "")):
            raise RuntimeError("the service did not start")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._directory.cleanup()

    def control(self, where: str, **fields: Any) -> Any:
        """Post to the sandbox's control API and return the answer."""
        return post(f"{self.sandbox}/_sandbox/{where}", json.dumps(fields).encode(), "application/json")

    def shown(self, where: str, **query: str) -> Any:
        """Return what the sandbox's control API shows."""
        return get(f"{self.sandbox}/_sandbox/{where}?{urlencode(query)}")


def get(url: str) -> Any:
    """Return the JSON of a page."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def post(url: str, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> Any:
    """Post a body of a content type and return the JSON of the answer; None without one."""
    request = urllib.request.Request(url, body, {"Content-Type": kind, **(headers or {})})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else None
