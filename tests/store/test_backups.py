"""Backups as docs/operations.md describes them: VAR_DIR while the service runs, and the dump of an external broker."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.brokers import START_SECONDS, running, services_of, settings_in
from tests.tree import eventually
from tests.web.web_requests import ACCOUNT
from twitter_connector import create_app
from twitter_connector.accounts.backfill import GAP
from twitter_connector.bootstrap import Services
from twitter_connector.config import Settings
from twitter_connector.model.work import Direction, Entry
from twitter_connector.processes.embedded_broker import binary
from twitter_connector.startup import check_store
from twitter_connector.store.installation import FILE, OLDER
from workers.upkeep import upkeep


def entry(number: int) -> Entry:
    return Entry(Direction.IN, ACCOUNT.id, "2", f"{number:06}", f"event {number}", order=f"{number:020}")


def waiting(services: Services) -> list[str]:
    """Return what waits in the lane, in its order. Settles it."""
    found = []
    lease = services.lanes.claim(Direction.IN)
    while lease is not None:
        found.append(lease.payload)
        lease = services.lanes.settle(lease) or services.lanes.claim(Direction.IN)
    return found


def test_a_copy_of_var_dir_taken_while_events_arrive_has_all_that_was_stored_before_it(tmp_path: Path) -> None:
    original, restored = tmp_path / "original", tmp_path / "restored"
    stored: list[int] = []
    ended = threading.Event()
    with running(original, fsync="always") as broker:
        services = services_of(broker.settings)
        services.accounts.save(ACCOUNT)
        check_store(broker.settings, patient=False)

        def arrive() -> None:
            while not ended.is_set():
                services.lanes.accept([entry(len(stored))])
                stored.append(len(stored))

        thread = threading.Thread(target=arrive)
        thread.start()
        eventually(lambda: len(stored) > 200, what="some events")
        before = len(stored)
        # A socket cannot be copied.
        shutil.copytree(original, restored, ignore=shutil.ignore_patterns("*.sock"))
        eventually(lambda: len(stored) > before + 200, what="events after the copy")
        ended.set()
        thread.join()
    (restored / FILE).unlink()
    with running(restored, fsync="always") as broker:
        check_store(broker.settings, patient=False)
        services = services_of(broker.settings)
        assert services.accounts.get(ACCOUNT.id) == ACCOUNT, "the key of the copy decrypts the credentials"
        found = waiting(services)
        assert found == [f"event {number}" for number in range(len(found))], "none is missing in between"
        assert before <= len(found) < len(stored)


@contextmanager
def external(directory: Path, *flags: str) -> Iterator[Settings]:
    """Run a broker as an operator would who has one of his own. Yields settings that name it."""
    directory.mkdir(exist_ok=True)
    command = [binary(), "--port", "0", "--unixsocket", str(directory / "s"), "--dir", str(directory), *flags]
    process = subprocess.Popen([*command, "--loglevel", "warning"])
    try:
        with redis.Redis(unix_socket_path=str(directory / "s")) as client:
            end = time.monotonic() + START_SECONDS
            while True:
                try:
                    if client.ping():
                        break
                except redis.RedisError:
                    assert time.monotonic() < end, "the broker did not come up"
                    time.sleep(0.01)
        nobody = "http://127.0.0.1:9"
        x = {"TWITTER_API_URL": nobody, "TWITTER_UPLOAD_URL": nobody, "X_API_URL": nobody}
        yield settings_in(directory.parent / "var", REDIS_URL=f"unix://{directory / 's'}", **x)
    finally:
        process.kill()
        process.wait()


def test_a_restored_dump_is_noticed_as_older_and_messages_since_then_are_read_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with external(tmp_path / "a", "--appendonly", "yes", "--save", "") as settings:
        services = services_of(settings)
        services.accounts.save(ACCOUNT)
        check_store(settings, patient=False)
        services.lanes.accept([entry(1)])
        with redis.Redis.from_url(settings.redis_url) as client:
            client.bgsave()
            eventually(lambda: not client.info("persistence")["rdb_bgsave_in_progress"], what="the dump")  # type: ignore[index]
        services.lanes.accept([entry(2)])
        services.lanes.accept([Entry(Direction.OUT, ACCOUNT.id, "2", "reply", "{}")])
        assert services.installation.look() is None
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "dump.rdb", tmp_path / "b")
    with external(tmp_path / "b", "--appendonly", "no", "--save", "") as settings:
        with redis.Redis.from_url(settings.redis_url) as client:
            # With appendonly on from the start, the server reads an append-only file, and there is none.
            client.config_set("appendonly", "yes")
            eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"], what="the file")  # type: ignore[index]
        check_store(settings, patient=False)
        services = services_of(settings)
        services.heartbeats.beat("worker")
        answer = create_app(settings, services).test_client().get("/health/ready")
        assert answer.status_code == 200
        assert "came back with older data" in answer.get_json()["remarks"][0]
        loss = services.installation.look()
        assert loss is not None
        assert (loss.kind, loss.accounts) == (OLDER, ())
        upkeep(services)
        assert services.accounts.account_status(ACCOUNT.id)[GAP] == loss.since
        assert [record.message for record in caplog.records].count("broker_lost_data") == 1
    with external(tmp_path / "b", "--appendonly", "yes", "--save", "") as settings:
        assert waiting(services_of(settings)) == ["event 1"], "also after a restart"
