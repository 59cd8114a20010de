"""Counter files of prometheus_client that never stop a process.

prometheus_client maps a sparse file into memory. If the disk is full, the kernel ends the process with SIGBUS at the
first write into it. Here a file's space is taken before it is mapped. If there is none, the process counts in its own
memory.
"""

from __future__ import annotations

import logging
import mmap
import os
import socket
from contextlib import suppress
from typing import BinaryIO

from prometheus_client import mmap_dict, values

log = logging.getLogger(__name__)

_FIRST_BYTES = 1 << 16
# The largest entry for a key of n characters: its length, the key in UTF-8 with padding, value and moment.
_ENTRY_BYTES = 4 + 8 + 16
# Why this process counts in its memory; empty if it does not. gunicorn's master makes its metrics before it can log.
_problem: dict[str, str] = {}
_ZEROS = b"\0" * _FIRST_BYTES
# prometheus_client splits the names of files at underscores.
_HOST = socket.gethostname().replace("_", "-").replace("/", "-")


class CounterFile(mmap_dict.MmapedDict):
    """A file of counters, or a part of this process's memory if the disk has no space for the file."""

    _f: BinaryIO | None  # type: ignore[assignment]  # None: this process's memory

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            try:
                _reserve_file(filename)
            except OSError as error:
                self._count_in_memory(filename, error)
                return
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = _ENTRY_BYTES + len(key.encode())
        while self._used + needed > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        before, self._capacity = self._capacity, self._capacity * 2
        try:
            if self._f is None:
                raise OSError
            _reserve(self._f.fileno(), before, self._capacity)
            self._m = mmap.mmap(self._f.fileno(), self._capacity)
        except OSError as error:
            counted = self._m[:before]
            self._m = mmap.mmap(-1, self._capacity)
            self._m[:before] = counted
            if self._f is not None:
                _say(self._fname, error)
                self._f.close()
                self._f = None

    def _count_in_memory(self, filename: str, error: OSError) -> None:
        _say(filename, error)
        self._f, self._fname, self._capacity = None, filename, _FIRST_BYTES
        self._m = mmap.mmap(-1, self._capacity)
        self._positions: dict[str, int] = {}
        self._used = 8
        self._m[0:4] = self._used.to_bytes(4, "little")


def use() -> None:
    """Have prometheus_client use these files. Call this before the first metric is made."""
    values.MmapedDict = CounterFile  # type: ignore[attr-defined]
    # Processes in containers that share the directory may have equal numbers.
    values.ValueClass = values.MultiProcessValue(_process_name)  # type: ignore[no-untyped-call]


def _process_name() -> str:
    """Return a name for the files of this process, which no other process of the installation has."""
    return f"{_HOST}-{os.getpid()}"


def _reserve_file(filename: str) -> None:
    """Give the file space on the disk, and create it if needed. Raises OSError and leaves no empty file."""
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _reserve(descriptor, 0, max(_FIRST_BYTES, os.fstat(descriptor).st_size))
    except OSError:
        if not os.fstat(descriptor).st_size:
            with suppress(OSError):
                os.unlink(filename)
        raise
    finally:
        os.close(descriptor)


def _reserve(descriptor: int, start: int, end: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, end)
        return
    for position in range(max(start, os.fstat(descriptor).st_size), end, _FIRST_BYTES):  # macOS
        os.pwrite(descriptor, _ZEROS, position)


def log_problem() -> None:
    """Log that this process does not share its counters, if that is so. Call this once a process can log."""
    if _problem:
        log.warning("counters_not_shared", extra=_problem)


def _say(filename: str, error: OSError) -> None:
    said = bool(_problem)
    _problem.update(path=os.path.dirname(filename), error=error.strerror or "no space")
    if not said and logging.getLogger().hasHandlers():
        log_problem()
