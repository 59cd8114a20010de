"""What was delivered leaves the embedded broker's files within the hour: they are rewritten on a schedule."""

from __future__ import annotations

import time
from pathlib import Path

from tests.brokers import RecordedWakeups, running, services_of
from twitter_connector.bootstrap import Services
from twitter_connector.model.work import Direction, Entry
from twitter_connector.store.append_only_file import REWRITE_SECONDS, rewrite_if_due

TEXT = b"planted-text-of-a-customer"


def in_files(directory: Path) -> bool:
    return any(TEXT in path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_a_delivered_text_is_gone_after_the_rewrite_and_what_waits_stays(tmp_path: Path) -> None:
    with running(tmp_path, fsync="always") as broker:
        services = services_of(broker.settings)
        waits = Entry(Direction.OUT, "1", "2", "m2", "waits")
        services.lanes.accept([Entry(Direction.OUT, "1", "2", "m1", TEXT.decode()), waits])
        lease = services.lanes.claim(Direction.OUT)
        assert lease is not None
        services.lanes.settle(lease, keep=False)
        files = tmp_path / "broker"
        assert in_files(files), "the file has what was deleted until it is rewritten, so the test can fail"
        assert rewrite_if_due(services.redis, services.locks)
        end = time.monotonic() + 30
        while in_files(files):
            assert time.monotonic() < end, "the text is still on the disk"
            time.sleep(0.05)
        assert not rewrite_if_due(services.redis, services.locks), "the next one comes later"
        broker.kill()
        broker.start()
        again = services_of(broker.settings).lanes.claim(Direction.OUT)
        assert again is not None
        assert again.payload == "waits"


def test_the_schedule_keeps_the_promise_of_an_hour() -> None:
    assert REWRITE_SECONDS <= 1800


def test_the_upkeep_of_an_embedded_broker_rewrites_and_that_of_another_one_does_not(services: Services) -> None:
    from workers.upkeep import rewrite_append_only_file

    assert isinstance(services.wakeups, RecordedWakeups)
    assert services.settings.embedded_broker
    assert rewrite_append_only_file(services)
    assert not rewrite_append_only_file(services)
