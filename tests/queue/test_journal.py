"""The local journal by itself: order, durability of what was written, bounds, and its end."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from twitter_connector.errors import StoreUnavailable
from twitter_connector.queue.journal import Journal


def taken_from(journal: Journal) -> list[bytes]:
    taken: list[bytes] = []
    journal.replay(taken.append)
    return taken


def test_nothing_is_pending_and_nothing_written_before_the_first_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert not journal.pending()
    assert taken_from(journal) == []
    assert not (tmp_path / "journal").exists()


def test_records_come_back_in_the_order_they_were_written_and_then_are_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(50):
        assert journal.append(b"record %d" % number)
    assert journal.pending()
    assert taken_from(journal) == [b"record %d" % number for number in range(50)]
    assert not journal.pending()
    assert taken_from(journal) == []


def _write(directory: str, mark: bytes, count: int) -> None:
    journal = Journal(Path(directory))
    for number in range(count):
        journal.append(mark + b" %d" % number)


def test_several_processes_write_at_once_and_each_keeps_its_order(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), mark, 40)) for mark in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    taken = taken_from(Journal(tmp_path))
    for mark in (b"a", b"b", b"c"):
        assert [r for r in taken if r.startswith(mark)] == [mark + b" %d" % number for number in range(40)]
    assert len(taken) == 120


def test_records_of_several_processes_come_back_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    # Each process has a file of its own. A customer's messages may reach any of them.
    first, second = Journal(tmp_path), Journal(tmp_path)
    for number in range(0, 10, 2):
        first.append(b"record %d" % number)
        second.append(b"record %d" % (number + 1))
    assert len(list(tmp_path.glob("*.journal"))) == 2
    assert taken_from(Journal(tmp_path)) == [b"record %d" % number for number in range(10)]


def test_a_torn_last_record_is_left_out_and_the_ones_before_it_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"whole")
    journal.append(b"this one was being written when the power went")
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes()[:-7])
    assert taken_from(journal) == [b"whole"]


def test_a_record_whose_bytes_have_changed_is_not_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"first")
    journal.append(b"second")
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes().replace(b"second", b"Second"))
    assert taken_from(journal) == [b"first"]


def test_what_cannot_be_taken_stays_for_the_next_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for record in (b"one", b"two", b"three"):
        journal.append(record)

    def away(record: bytes) -> None:
        if record == b"two":
            raise StoreUnavailable("broker_unavailable")

    with pytest.raises(StoreUnavailable):
        journal.replay(away)
    assert journal.pending()
    # What was taken comes again: whoever takes it must not mind.
    assert taken_from(journal) == [b"one", b"two", b"three"]


def test_a_replay_that_is_ended_early_again_and_again_comes_to_an_end(tmp_path: Path) -> None:
    """The broker goes away every few seconds. A file whose records were all taken is not passed again."""
    journal, taken = Journal(tmp_path), list[bytes]()

    def some(record: bytes) -> None:
        if len(taken) % 4 == 3:
            taken.append(b"failed")
            raise StoreUnavailable("broker_unavailable", "It is away.")
        taken.append(record)

    for number in range(9):
        journal.append(b"%d" % number)
        if number % 3 == 2:
            with pytest.raises(StoreUnavailable):
                journal.replay(_refuse)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            journal.replay(some)
    journal.replay(some)
    assert [record for record in taken if record != b"failed"] == [b"%d" % number for number in range(9)]


def _refuse(record: bytes) -> None:
    raise StoreUnavailable("broker_unavailable", "It is away.")


def test_what_is_written_while_the_journal_is_emptied_comes_after_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"old")
    taken: list[bytes] = []

    def take(record: bytes) -> None:
        taken.append(record)
        if record == b"old":
            assert journal.append(b"new", only_if_pending=True)

    journal.replay(take)
    assert taken == [b"old", b"new"]
    assert not journal.pending()


def test_who_could_reach_the_broker_is_told_that_the_journal_is_empty(tmp_path: Path) -> None:
    assert not Journal(tmp_path).append(b"x", only_if_pending=True)
    assert not Journal(tmp_path).pending()


def test_a_full_journal_says_so_instead_of_growing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=1000)

    def write_a_lot() -> None:
        for _ in range(100):
            journal.append(b"x" * 100)

    with pytest.raises(StoreUnavailable) as refused:
        write_a_lot()
    assert refused.value.reason == "journal_full"
    assert 0 < journal.size_bytes() <= 1000 + 16
    assert len(taken_from(journal)) < 10


def test_a_directory_that_cannot_be_written_is_a_failure_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StoreUnavailable) as refused:
        Journal(tmp_path / "file" / "journal").append(b"x")
    assert refused.value.reason == "journal_failed"
