"""One embedded broker at a time writes into a VAR_DIR, no matter which command starts it."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tree import ROOT, environment, eventually

from twitter_connector.config import Settings
from twitter_connector.processes import instance

BROKER = [sys.executable, "-m", "twitter_connector", "broker"]


@pytest.fixture
def first(tmp_path: Path) -> Iterator[redis.Redis]:
    """The client of a broker as the Procfile starts it."""
    settings = Settings.from_env({"SANDBOX": "1", "VAR_DIR": str(tmp_path)})
    process = subprocess.Popen(BROKER, cwd=ROOT, env=environment(VAR_DIR=str(tmp_path), REDIS_URL=""), umask=0o022)
    with redis.Redis.from_url(settings.redis_url) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        eventually(answers, what="the first broker")
        yield client
    process.terminate()
    process.wait(20)


def test_a_second_broker_ends_with_one_line_and_the_first_one_works_on(first: redis.Redis, tmp_path: Path) -> None:
    second = subprocess.run(
        BROKER,
        cwd=ROOT,
        env=environment(VAR_DIR=str(tmp_path), REDIS_URL=""),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"error: another instance runs on {tmp_path}. Stop it, or give this one its own VAR_DIR.\n"
    )
    with pytest.raises(instance.InUse):  # `up` asks the same
        instance.take(tmp_path)
    first.set("key", "value")
    files = [path for path in (tmp_path / "broker").rglob("*") if path.is_file()]
    assert files
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)
