"""The way in while the broker is away: a local journal, emptied in order once it is back, and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.brokers import Broker, running, services_of, settings_in
from tests.tree import eventually
from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import TYPING_INDICATOR, Direction, EchoSeen, Effect, Entry, TypingIndicator
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.journal import Journal

IN, OUT = Direction.IN, Direction.OUT


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path, fsync="always") as server:
        yield server


@pytest.fixture
def services(broker: Broker) -> Iterator[Services]:
    made = services_of(broker.settings)
    yield made
    made.redis.close()


def entry(id_: str, way: Direction = OUT) -> Entry:
    return Entry(way, "acme", "ada", id_, f'{{"text": "é😀 {id_}"}}')


def drained(services: Services, way: Direction = OUT) -> list[str]:
    ids = []
    while (lease := services.lanes.claim(way)) is not None:
        while lease is not None:
            assert "é😀" in lease.payload
            ids.append(lease.entry_id)
            lease = services.lanes.settle(lease)
    return ids


def journal_of(services: Services) -> Journal:
    return Journal(services.settings.var_dir / "journal")


def test_in_good_times_the_journal_is_not_touched(services: Services) -> None:
    assert services.inbox.accept([entry("1"), entry("1")]) == [True, False]
    assert not (services.settings.var_dir / "journal").exists()
    assert not services.inbox.away


def test_what_comes_during_an_outage_leaves_in_its_order_behind_what_was_there(
    broker: Broker, services: Services
) -> None:
    services.inbox.accept([entry("1")])
    broker.kill()
    for n in range(2, 12):
        assert services.inbox.accept([entry(str(n))]) == [True]
    assert services.inbox.away
    assert journal_of(services).size_bytes() > 0
    broker.start()
    # A newcomer must not overtake those that wait in the journal, whichever way it takes itself.
    services.inbox.accept([entry("12")])
    eventually(lambda: not journal_of(services).pending())
    assert drained(services) == [str(n) for n in range(1, 13)]
    assert journal_of(services).size_bytes() == 0


def test_records_that_only_a_lost_primary_took_are_replayed_at_the_new_one(
    broker: Broker, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, taken = services.lanes.accept_at_once, count(1)

    def store_at_a_primary_that_is_lost(items: Sequence[Effect]) -> list[bool]:
        if next(taken) == 3:
            with broker.client() as another_primary:
                another_primary.flushall()
                another_primary.client_kill_filter(_type="normal", skipme=True)
        return store(items)

    monkeypatch.setattr(services.lanes, "accept_at_once", store_at_a_primary_that_is_lost)
    broker.kill()
    with monkeypatch.context() as during_the_outage:
        # All records are in one file: what is stored from a file that was deleted, a new primary has.
        during_the_outage.setattr(services.inbox, "replay_soon", lambda: None)
        for n in range(1, 5):
            services.inbox.accept([entry(str(n))])
    broker.start()
    services.inbox.resume()
    eventually(lambda: not journal_of(services).pending())
    assert drained(services) == ["1", "2", "3", "4"]


def test_a_repeat_during_an_outage_is_one_message(broker: Broker, services: Services) -> None:
    services.inbox.accept([entry("1")])
    broker.kill()
    for id_ in ("1", "2", "2"):
        services.inbox.accept([entry(id_)])
    broker.start()
    eventually(lambda: not journal_of(services).pending())
    assert drained(services) == ["1", "2"]


def test_everything_that_comes_from_outside_survives_the_journal(broker: Broker, services: Services) -> None:
    echo = EchoSeen("acme", "ada", "77", 1_700_000_000_000, "digest")
    dm = replace(entry("dm:5", IN), order="0" + "5".zfill(20))
    broker.kill()
    services.inbox.accept([dm, echo])
    services.inbox.accept([TypingIndicator(IN, "acme", "ada", "{}"), entry("1")])
    broker.start()
    eventually(lambda: not journal_of(services).pending())
    lease = services.lanes.claim(IN)
    assert lease is not None
    assert (lease.entry_id, lease.payload, lease.member) == ("dm:5", dm.payload, f"{dm.order}|dm:5")
    assert services.ledger.echoes("acme", "ada") == [echo]
    assert drained(services) == ["1"]


def test_a_record_nobody_can_read_is_set_apart_and_what_lies_behind_it_goes_on(
    broker: Broker, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    broker.kill()
    of_another_version = b'[["Parcel", {"words": "nobody may read"}]]'
    journal_of(services).append(of_another_version)
    services.inbox.accept([entry("2")])
    broker.start()
    found: list[str] = []
    eventually(lambda: found.extend(drained(services)) or found == ["2"])
    eventually(lambda: not journal_of(services).pending())
    (kept,) = (services.settings.var_dir / "journal").glob("*.unreadable")
    assert kept.read_bytes() == of_another_version
    assert "journal_record_unreadable" in [record.getMessage() for record in caplog.records]


def test_another_process_picks_up_what_one_that_died_left(broker: Broker, services: Services) -> None:
    broker.kill()
    dead = Inbox(services.lanes, journal_of(services))
    # A process that is killed has no thread left to replay.
    dead.replay_soon = lambda: None  # type: ignore[method-assign]
    dead.accept([entry("1")])
    broker.start()
    assert drained(services) == []
    services.inbox.resume()
    eventually(lambda: drained(services) == ["1"])


def test_a_broker_that_hangs_costs_one_request_its_timeout_and_the_rest_nothing(
    broker: Broker, services: Services
) -> None:
    services.inbox.accept([entry("1")])
    process = broker._process
    assert isinstance(process, subprocess.Popen)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        services.inbox.accept([entry("2")])
        started = time.monotonic()
        for n in range(3, 23):
            services.inbox.accept([entry(str(n))])
        assert time.monotonic() - started < 1.0
    finally:
        os.kill(process.pid, signal.SIGCONT)
    eventually(lambda: not journal_of(services).pending())
    # The second may have been applied although its answer never came; then its repeat was recognised.
    assert drained(services) == [str(n) for n in range(1, 23)]


def test_where_the_disk_takes_nothing_either_it_is_said(broker: Broker, services: Services) -> None:
    broker.kill()
    (services.settings.var_dir / "journal").write_text("not a directory")
    with pytest.raises(StoreUnavailable):
        services.inbox.accept([entry("1")])


def test_a_full_journal_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", max_bytes=200)
    journal.append(b"x" * 150)
    with pytest.raises(StoreUnavailable) as caught:
        journal.append(b"y" * 100)
    assert caught.value.reason == "journal_full"
    found: list[bytes] = []
    assert journal.replay(found.append) == 1
    assert found == [b"x" * 150]


def test_a_torn_last_record_was_never_acknowledged_and_ends_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(b"first")
    journal.append(b"second")
    (file,) = (tmp_path / "journal").glob("*.journal")
    file.write_bytes(file.read_bytes()[:-2])
    found: list[bytes] = []
    assert journal.replay(found.append) == 1
    assert found == [b"first"]
    assert not journal.pending()


def test_a_replay_that_breaks_off_begins_again_and_forgets_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for n in range(5):
        journal.append(str(n).encode())
    taken: list[bytes] = []

    def take(record: bytes) -> None:
        if len(taken) == 2:
            taken.append(b"broke off")
            raise StoreUnavailable("broker_unavailable")
        taken.append(record)

    with pytest.raises(StoreUnavailable):
        journal.replay(take)
    assert journal.pending()
    journal.append(b"5")
    again: list[bytes] = []
    journal.replay(again.append)
    assert again == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_nobody_else_can_read_the_journal(tmp_path: Path) -> None:
    """It holds what people wrote."""
    journal = Journal(tmp_path / "journal")
    journal.append(b"words")
    modes = {p.name: p.stat().st_mode & 0o077 for p in (tmp_path / "journal").glob("*.journal")}
    assert set(modes.values()) == {0}


def test_typing_during_an_outage_is_not_shown_long_after_it(broker: Broker, services: Services) -> None:
    broker.kill()
    services.inbox.accept([TypingIndicator(IN, "acme", "ada", "{}")])
    time.sleep(3.1)  # longer than typing is worth anything
    broker.start()
    eventually(lambda: not journal_of(services).pending())
    assert services.lanes.typing_indicators() == []
    assert TYPING_INDICATOR not in services.wakeups.woken  # type: ignore[attr-defined]


def test_a_write_that_failed_half_way_does_not_hide_what_is_written_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full for a moment; what was acknowledged before and after must both be there."""
    journal = Journal(tmp_path / "journal")
    journal.append(b"before")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    with pytest.raises(StoreUnavailable):
        journal.append(b"refused")
    monkeypatch.setattr(os, "write", write)
    journal.append(b"after")
    found: list[bytes] = []
    assert journal.replay(found.append) == 2
    assert found == [b"before", b"after"]


def test_a_process_of_the_same_number_does_not_write_behind_what_a_power_cut_tore(tmp_path: Path) -> None:
    """In a container every start hands out the same process numbers."""
    Journal(tmp_path / "journal").append(b"torn")
    (file,) = (tmp_path / "journal").glob("*.journal")
    file.write_bytes(file.read_bytes()[:-1])
    Journal(tmp_path / "journal").append(b"acknowledged")
    found: list[bytes] = []
    Journal(tmp_path / "journal").replay(found.append)
    assert found == [b"acknowledged"]


class Replicas:
    """Two replicas on one broker; the link of the second one to it can be cut."""

    def __init__(self, broker: Broker, folder: Path, **env: str) -> None:
        self._socket = Path(broker.settings.redis_url.removeprefix("unix://"))
        self._link = folder / "link.sock"
        self._link.symlink_to(self._socket)
        self.first = services_of(settings_in(folder / "first", REDIS_URL=f"unix://{self._socket}", **env))
        self.second = services_of(settings_in(folder / "second", REDIS_URL=f"unix://{self._link}", **env))

    def cut(self) -> None:
        self._link.unlink()
        for client in list(self._socket_clients()):
            self.first.redis.client_kill_filter(_id=client)

    def join(self) -> None:
        self._link.symlink_to(self._socket)

    def _socket_clients(self) -> list[str]:
        own = str(self.first.redis.client_id())
        return [client["id"] for client in self.first.redis.client_list() if client["id"] != own]

    def close(self) -> None:
        self.first.redis.close()
        self.second.redis.close()


def event(number: int) -> Entry:
    return Entry(IN, "acme", "ada", str(number), f'{{"text": "é😀 {number}"}}', order=f"{number:020}")


def repeated(number: int, *replicas: Services) -> None:
    """Send an event as X does behind a load balancer: to the next replica if one refuses."""
    for replica in replicas:
        try:
            replica.inbox.accept([event(number)])
            return
        except StoreUnavailable:
            continue
    raise AssertionError("no replica took it")


@pytest.mark.parametrize(("journal", "order"), [("on", ["0", "2", "1", "3"]), ("off", ["0", "1", "2", "3"])])
def test_what_one_replica_kept_while_it_was_cut_off_comes_late_unless_its_journal_is_off(
    broker: Broker, tmp_path: Path, journal: str, order: list[str]
) -> None:
    replicas = Replicas(broker, tmp_path, JOURNAL=journal)
    first, second = replicas.first, replicas.second
    try:
        repeated(0, second, first)
        delivered = drained(first, IN)
        replicas.cut()
        repeated(1, second, first)
        delivered += drained(first, IN) if journal == "off" else []
        repeated(2, first, second)
        delivered += drained(first, IN)
        replicas.join()
        eventually(lambda: not second.inbox.away)
        repeated(3, second, first)
        delivered += drained(first, IN)
        assert delivered == order
    finally:
        replicas.close()


def test_with_the_journal_off_nothing_is_kept_on_the_disk_and_an_earlier_journal_is_emptied_first(
    broker: Broker,
) -> None:
    earlier = services_of(broker.settings)
    now = services_of(settings_in(broker.settings.var_dir, JOURNAL="off"))
    broker.kill()
    with pytest.raises(StoreUnavailable) as away:
        now.inbox.accept([entry("1")])
    assert away.value.reason == "broker_unavailable"
    with pytest.raises(StoreUnavailable) as off:
        now.inbox.accept([entry("1")])
    assert off.value.reason == "journal_off"
    assert not (broker.settings.var_dir / "journal").exists()
    earlier.inbox.replay_soon = lambda: None  # type: ignore[method-assign]
    earlier.inbox.accept([entry("2")])
    broker.start()
    with pytest.raises(StoreUnavailable):
        now.inbox.accept([entry("3")])
    eventually(lambda: not now.inbox.away)
    now.inbox.accept([entry("3")])
    assert drained(now) == ["2", "3"]
