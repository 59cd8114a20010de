"""Damaged journal files: every record that can be read is taken in, and the file is kept."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import Broker, running, services_of
from tests.tree import eventually
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.journal import Journal

HEAD_BYTES = 16
RECORDS = [b'[["Entry", {"entry_id": "%d", "payload": "%s"}]]' % (n, b"x" * (n * 7 % 23)) for n in range(12)]


@pytest.fixture
def written(tmp_path: Path) -> bytes:
    """The bytes of a journal file that contains RECORDS."""
    journal = Journal(tmp_path / "written")
    for record in RECORDS:
        journal.append(record)
    (file,) = (tmp_path / "written").glob("*.journal")
    return file.read_bytes()


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _cut(data: bytes, at: int) -> bytes:
    return data[:at]


def _without_a_part(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 9 :]


def _zeros(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(min(40, len(data) - at)) + data[at + 40 :]


def _wrong_length(data: bytes, at: int) -> bytes:
    """Change the length in the head of the record that contains byte `at`."""
    start = max(start for start in _starts() if start <= at)
    length = int.from_bytes(data[start : start + 4], "big")
    return data[:start] + (length + 5 + at % 2 * 70_000_000).to_bytes(4, "big") + data[start + 4 :]


def _starts() -> list[int]:
    starts = [0]
    for record in RECORDS:
        starts.append(starts[-1] + HEAD_BYTES + len(record))
    return starts[:-1]


def _readable(damaged: range) -> list[bytes]:
    """Return the records that have no byte in the damaged range."""
    ends = [*_starts()[1:], 10**9]
    return [
        r for r, start, end in zip(RECORDS, _starts(), ends, strict=True) if end <= damaged[0] or start > damaged[-1]
    ]


DAMAGES: dict[str, tuple[Callable[[bytes, int], bytes], Callable[[int, int], range]]] = {
    "a flipped bit": (_flip, lambda at, size: range(at, at + 1)),
    "a cut": (_cut, range),
    "a missing part": (_without_a_part, lambda at, size: range(at, min(at + 9, size))),
    "zeros": (_zeros, lambda at, size: range(at, min(at + 40, size))),
    "a wrong length": (_wrong_length, lambda at, size: range(at, at + 1)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_whole_record_is_taken_in_wherever_the_file_is_damaged(
    damage: str, written: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, reach = DAMAGES[damage]
    for at in range(0, len(written), 10):
        directory = tmp_path / f"at-{at}"
        directory.mkdir()
        spoiled = spoil(written, at)
        (directory / "1-1.journal").write_bytes(spoiled)
        (directory / "pending").touch()
        journal, taken = Journal(directory), list[bytes]()
        caplog.clear()
        journal.replay(taken.append)
        assert [r for r in taken if r in _readable(reach(at, len(written)))] == _readable(reach(at, len(written))), at
        assert taken == [r for r in RECORDS if r in taken], f"byte {at}: order, or a record that was never written"
        assert not journal.pending()
        assert not list(directory.glob("*.journal")) + list(directory.glob("*.replay"))
        kept = [file.read_bytes() for file in directory.glob("*.damaged")]
        assert kept == [spoiled] or (not kept and (taken == RECORDS or at in _starts())), at
        lines = [record for record in caplog.records if record.message == "journal_damaged"]
        assert [(line.levelno, line.__dict__["records"]) for line in lines] == [(logging.ERROR, len(taken))] * len(kept)
        if kept:
            assert lines[0].__dict__["bytes_lost"] + sum(HEAD_BYTES + len(r) for r in taken) == len(spoiled)


def test_a_record_whose_length_is_wrong_is_recovered(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "1-1.journal").write_bytes(_wrong_length(written, len(written) // 2))
    (tmp_path / "pending").touch()
    taken: list[bytes] = []
    assert Journal(tmp_path).replay(taken.append) == len(RECORDS)
    assert taken == RECORDS
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_a_changed_moment_moves_no_record_within_its_file(written: bytes, tmp_path: Path) -> None:
    moment = _starts()[3] + 8
    for value in (bytes(8), b"\xff" * 8):
        (tmp_path / "1-1.journal").write_bytes(written[:moment] + value + written[moment + 8 :])
        (tmp_path / "pending").touch()
        taken: list[bytes] = []
        Journal(tmp_path).replay(taken.append)
        assert taken == RECORDS


def test_a_file_of_zeros_is_searched_quickly(tmp_path: Path) -> None:
    (tmp_path / "1-1.journal").write_bytes(bytes(8 * 1024 * 1024))
    (tmp_path / "pending").touch()
    assert Journal(tmp_path).replay(lambda record: None) == 0
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_a_file_nobody_may_read_holds_up_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path)
    journal.append(b"whole")
    (tmp_path / "0-0.journal").mkdir()  # reading it fails for every user, root included
    taken: list[bytes] = []
    assert journal.replay(taken.append) == 1
    assert taken == [b"whole"]
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    assert [r.__dict__["detail"] for r in caplog.records if r.message == "journal_damaged"] == ["Is a directory"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path, fsync="always") as server:
        yield server


def test_of_forty_events_one_at_most_is_missing_after_one_flipped_bit(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    services = services_of(broker.settings)
    broker.kill()
    directory = broker.settings.var_dir / "journal"
    directory.mkdir(parents=True)
    with (directory / "replayer").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as long as this process replays, no other one renames the file
        for n in range(40):
            assert services.inbox.accept([Entry(Direction.OUT, "acme", "ada", str(n), f'{{"text": "{n}"}}')]) == [True]
        (file,) = directory.glob("*.journal")
        data = file.read_bytes()
        spoiled = _flip(data, data.index(b"text"))
        file.write_bytes(spoiled)
    broker.start()
    journal = Journal(directory)
    eventually(lambda: not journal.pending(), what="an empty journal")
    ids = []
    lease = services.lanes.claim(Direction.OUT)
    while lease is not None:
        ids.append(lease.entry_id)
        lease = services.lanes.settle(lease)
    assert len(ids) == 39
    assert ids == [str(n) for n in range(40) if str(n) in ids]
    (line,) = [record for record in caplog.records if record.message == "journal_damaged"]
    assert (line.__dict__["places"], line.__dict__["bytes_lost"] > 0) == (1, True)
    assert (directory / line.__dict__["file"]).read_bytes() == spoiled
    services.redis.close()
