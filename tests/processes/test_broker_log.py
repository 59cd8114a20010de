"""The embedded broker's own log lines have the time of all others: UTC."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tree import COMMAND, ROOT, environment, eventually, free_ports

from tests.brokers import settings_in
from twitter_connector.broker.connection import connect, store_errors
from twitter_connector.errors import StoreUnavailable


@pytest.mark.integration
@pytest.mark.parametrize("command", ["broker", "up"])
def test_its_lines_are_in_utc_wherever_it_runs(command: str, tmp_path: Path) -> None:
    port, sandbox_port = free_ports(2)
    ports = {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}
    variables = environment(SANDBOX="1", VAR_DIR=str(tmp_path), TZ="Etc/GMT-9", **ports)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([COMMAND, command], cwd=ROOT, env=variables, stdout=out, stderr=out)
    try:
        with connect(settings_in(tmp_path).redis_url, patient=False) as client:

            def logged() -> bool:
                try:
                    with store_errors():
                        client.eval("redis.log(redis.LOG_WARNING, 'the line')", 0)
                except StoreUnavailable:
                    return False
                return "the line" in log.read_text()

            eventually(logged, 30, what="the line")
    finally:
        process.terminate()
        process.wait(30)
    line = next(line for line in log.read_text().splitlines() if line.endswith("the line"))
    written = re.search(r"\d+ \w+ \d+ \d+:\d+:\d+", line)
    assert written is not None, line
    at = datetime.strptime(written[0], "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
