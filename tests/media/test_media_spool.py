"""Temporary files: their ceiling, and that none is ever left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from twitter_connector.errors import MediaTooLarge, Retryable, ServiceUnavailable
from twitter_connector.media.spool import LEFT_BEHIND_SECONDS, spool, sweep


def test_a_stream_comes_back_whole_with_its_size_and_its_beginning(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    with spool((data[i : i + 70_000] for i in range(0, len(data), 70_000)), 300_000, tmp_path) as spooled:
        assert spooled.size_bytes == 300_000
        assert spooled.head == data[:64]
        assert spooled.file.read() == data


def test_an_empty_stream_is_an_empty_file(tmp_path: Path) -> None:
    with spool([], 10, tmp_path) as spooled:
        assert (spooled.size_bytes, spooled.head, spooled.file.read()) == (0, b"", b"")


def test_the_ceiling_holds_to_the_byte_and_reading_stops_there(tmp_path: Path) -> None:
    with spool([b"x" * 600, b"y" * 424], 1024, tmp_path) as spooled:
        assert spooled.size_bytes == 1024
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 1025

    with pytest.raises(MediaTooLarge, match="1,024 bytes"), spool(endless(), 1024, tmp_path):
        pytest.fail("a file above the ceiling was handed on")
    assert taken == [1]


def test_a_file_has_no_name_while_it_is_used_and_no_trace_afterwards(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "spool"
    with spool([b"customer's picture"], 100, directory) as spooled:
        assert list(directory.iterdir()) == []
        assert spooled.file.read() == b"customer's picture"
    assert spooled.file.closed
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o077 == 0


def test_nothing_is_left_when_the_stream_or_its_user_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise ServiceUnavailable("broke_off")

    with pytest.raises(ServiceUnavailable), spool(broken(), 100, tmp_path):
        pytest.fail("a file that broke off was handed on")
    with pytest.raises(ZeroDivisionError), spool([b"some"], 100, tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_the_stream_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise OSError(28, "not the disk")

    with pytest.raises(OSError, match="not the disk"), spool(broken(), 100, tmp_path):
        pass


def test_a_disk_that_takes_nothing_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    with pytest.raises(Retryable) as failure, spool([b"x"], 10, tmp_path / "spool"):
        pass
    assert failure.value.reason == "spool_unwritable"
    assert failure.value.ours
    assert str(tmp_path) not in failure.value.detail


def test_kill_9_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom twitter_connector.media.spool import spool\n"
        "with spool([b'x' * 1_000_000], 2_000_000, Path(sys.argv[1])):\n"
        "    print('holding', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "holding\n"
        finally:
            process.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_sweeping_removes_what_the_dead_left_and_what_is_an_hour_old(tmp_path: Path) -> None:
    dead = tmp_path / f"{dead_process()}-{'0' * 16}.part"
    alive = tmp_path / f"{os.getpid()}-{'1' * 16}.part"
    old = tmp_path / f"{os.getpid()}-{'2' * 16}.part"
    huge = tmp_path / f"9999999999-{'3' * 16}.part"
    for path in (dead, alive, old, huge):
        path.write_bytes(b"x")
    now = alive.stat().st_mtime + 1
    os.utime(old, (now - LEFT_BEHIND_SECONDS - 1,) * 2)
    assert sweep(tmp_path, now) == 3
    assert [p.name for p in tmp_path.iterdir()] == [alive.name]


def test_sweeping_leaves_alone_what_is_not_its_own(tmp_path: Path) -> None:
    for name in ("notes.part", f"{dead_process()}-short.part", "0123.jpg"):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_sweeping_a_directory_that_is_not_there_is_no_failure(tmp_path: Path) -> None:
    assert sweep(tmp_path / "never made") == 0
