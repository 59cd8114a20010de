"""A VAR_DIR whose name has characters that mean something in a URL, a pattern or a command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tree import environment

from tests.brokers import running
from twitter_connector.queue.wakeups import celery_app

NAMES = ["a%41b", "c#d", "e?f=g", "h;i", "j\nk", "l[m]*", "n o", "p'q\"r", "é😀", "s\\t", "%", "&=+:@"]
COUNT = """
from twitter_connector import metrics
from prometheus_client import CollectorRegistry
metrics.count_event("follow_events", "accepted")
print(metrics.exposition(CollectorRegistry()).decode())
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_embedded_broker_is_reached_there_by_us_and_by_celery(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with running(folder) as broker:
        with broker.client() as client:
            client.set("here", name)
        with celery_app(broker.settings, patient=False).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
            assert connection.default_channel.client.get("here") == name.encode()
    assert (folder / "broker").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["l[m]*", "j\nk"])
def test_the_counters_are_there_too(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", COUNT]
    env = environment(VAR_DIR=str(tmp_path / name), PYTHONPATH=str(Path(__file__).parents[2]))
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert 'events_total{family="follow_events",outcome="accepted"} 1.0' in done.stdout
