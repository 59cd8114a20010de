"""Copies a file into a temporary file without a name, which the system deletes with the process.

Keeps one chunk in memory at a time, and never lets the file grow above the ceiling.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from twitter_connector.errors import MediaTooLarge, Retryable

from .file_kind import HEAD_BYTES, megabytes

# Every transfer has a deadline of a few minutes.
LEFT_BEHIND_SECONDS = 3600.0
_NAME = re.compile(r"(\d{1,10})-[0-9a-f]{16}\.part")


@dataclass(frozen=True)
class Spooled:
    """A whole file. file: open for reading, at its beginning. head: its first bytes, for `file_kind.kind_of`."""

    file: BinaryIO = field(repr=False)
    size_bytes: int
    head: bytes = field(repr=False)


@contextmanager
def spool(chunks: Iterable[bytes], ceiling: int, directory: Path) -> Iterator[Spooled]:
    """Copy a stream into a temporary file and yield it. The file is deleted at the end of the block.

    ceiling: the largest size in bytes. Raises MediaTooLarge above it, Retryable if the disk refuses the file, and the
    errors of reading the chunks.
    """
    with _nameless(directory) as file:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > ceiling:
                raise MediaTooLarge("media_too_large", f"The file is larger than the limit of {megabytes(ceiling)}.")
            with _disk(directory):
                file.write(chunk)
        with _disk(directory):
            file.flush()
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        yield Spooled(file, size, head)


def sweep(directory: Path, now: float | None = None) -> int:
    """Delete files that a kill -9 between two system calls left behind. Return their number.

    Deletes a file if its process is dead or if it is older than LEFT_BEHIND_SECONDS: a container soon reuses the
    process number. Files with other names stay. now: in epoch seconds.
    """
    now = time.time() if now is None else now
    removed = 0
    for path in directory.iterdir() if directory.is_dir() else ():
        owner = _NAME.fullmatch(path.name)
        with suppress(FileNotFoundError):
            if owner and (not _alive(int(owner[1])) or now - path.stat().st_mtime > LEFT_BEHIND_SECONDS):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _nameless(directory: Path) -> Iterator[BinaryIO]:
    with _disk(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{os.getpid()}-{secrets.token_hex(8)}.part"
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")
        finally:
            # Nobody else can open a file without a name, and the system frees it even after kill -9.
            path.unlink(missing_ok=True)
    try:
        yield file
    finally:
        with suppress(OSError):  # a full disk may refuse the rest of the buffer, which is not needed any more
            file.close()


@contextmanager
def _disk(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Retryable(
            "spool_unwritable",
            f"The connector cannot write to {directory.name} below VAR_DIR ({error.strerror}). Free disk space, or "
            "correct the access rights.",
            ours=True,
        ) from error


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
