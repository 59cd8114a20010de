"""A bounded journal on the local disk for events that arrive while the broker is away. Replayed in order.

While the journal has records, new events are written to it too, so that none overtakes an older one. Each write is
synced. Several processes share a directory and are ordered by locks on one file. The content of a record is opaque.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twitter_connector.errors import StoreUnavailable

from . import journal_records

log = logging.getLogger(__name__)

# Enough for two days of a busy account, and small enough for any disk.
JOURNAL_MAX_BYTES = 64 * 1024 * 1024
_OFF = "The broker is away, and the journal is off (JOURNAL). Send it again; it is stored once the broker is back."
_FULL = "The broker is away and the local journal cannot take more. Bring the broker back; see docs/operations.md."


class Journal:
    """A directory of journal files. Each process starts a new file after each replay, and closes it after a write.

    on: False refuses all records. Those that an earlier process wrote are replayed all the same.
    """

    def __init__(self, directory: Path, max_bytes: int = JOURNAL_MAX_BYTES, *, on: bool = True) -> None:
        self._directory = directory
        self.on = on
        self._max_bytes = max_bytes
        self._made = time.time_ns()
        self._writing = threading.Lock()
        # Exists while the journal has records. Without an outage, checking for it is the journal's only cost.
        self._flag = str(directory / "pending")

    def pending(self) -> bool:
        """Return True if records wait to be replayed. Costs one call to the file system."""
        return os.path.exists(self._flag)

    def append(self, record: bytes, *, only_if_pending: bool = False) -> bool:
        """Write one record and return once it is on the disk.

        only_if_pending: for a caller that can reach the broker. Return False and write nothing if the journal was
        emptied meanwhile. Raises StoreUnavailable if the record cannot be written.
        """
        if not self.on:
            if only_if_pending and not self.pending():
                return False
            raise StoreUnavailable("journal_off", _OFF, ours=True)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._locked(fcntl.LOCK_SH):
                if only_if_pending and not self.pending():
                    return False
                if self.size_bytes() + len(record) > self._max_bytes:
                    raise StoreUnavailable("journal_full", _FULL, ours=True)
                self._flag_up()
                self._write(record)
        except OSError as error:
            raise StoreUnavailable("journal_failed", f"{_FULL} ({error.strerror})", ours=True) from error
        return True

    def size_bytes(self) -> int:
        """Return the size of the journal in bytes, without files that are deleted at this moment."""
        total = 0
        for path in self._files():
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def replay(self, take: Callable[[bytes], None], before_deleting: Callable[[], None] = lambda: None) -> int:
        """Pass each record to `take`, the oldest first, and delete it. Return the number of records.

        Only one process replays at a time; the others return at once. If `take` raises, the files that have records
        left are passed again later, from their beginning: `take` must accept repeats. A damaged file is renamed to
        `.damaged` after all of its readable records were passed.
        """
        if not self.pending():
            return 0
        count = 0
        with self._replayer() as alone:
            if not alone:
                return 0
            while True:
                with self._locked(fcntl.LOCK_EX):
                    batch = [self._set_aside(path) for path in self._files("*.journal")]
                    batch = sorted({*batch, *self._files("*.replay")})
                    if not batch:
                        Path(self._flag).unlink(missing_ok=True)
                        return count
                contents = {path: journal_records.read(path) for path in batch}
                passed: list[journal_records.Passed] = []
                for record in journal_records.merged(contents, passed):
                    self._finish_all(passed, before_deleting)
                    take(record)
                    count += 1
                self._finish_all(passed, before_deleting)

    def _finish_all(self, passed: list[journal_records.Passed], before: Callable[[], None]) -> None:
        if passed:
            before()
        while passed:
            self._finish(*passed.pop())

    def _finish(self, path: Path, contents: journal_records.Contents) -> None:
        """Delete a file after all of its records were passed on. Keep and log a damaged one."""
        if contents.whole:
            path.unlink()
            return
        kept = path.with_suffix(".damaged")
        path.rename(kept)
        counts = {"records": len(contents.records), "places": contents.places, "bytes_lost": contents.bytes_lost}
        log.error("journal_damaged", extra={"file": kept.name, **counts, "detail": contents.detail})

    def set_apart(self, record: bytes) -> str:
        """Keep a record that cannot be read, for a person. Return the name of its file. Raises OSError."""
        # The name depends only on the content, so a repeat of the record overwrites itself and nothing else.
        name = f"{hashlib.sha256(record).hexdigest()}.unreadable"
        descriptor = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # Not os.write: on a full disk it may write only a part, and the rest would be deleted with the journal file.
        with open(descriptor, "wb") as file:
            file.write(record)
            file.flush()
            os.fdatasync(descriptor)
        self._sync_names()
        return name

    def _write(self, record: bytes) -> None:
        # With the moment, because a container reuses the same process numbers at each start.
        path = self._directory / f"{os.getpid()}-{self._made}.journal"
        data = journal_records.encoded(record, time.time_ns())
        with self._writing:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            size = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, data) != len(data):
                    raise OSError(28, "No space left on device")
                os.fdatasync(descriptor)
                if size == 0:
                    self._sync_names()
            except OSError:
                # A partial record would hide all records after it.
                os.ftruncate(descriptor, size)
                raise
            finally:
                os.close(descriptor)

    def _flag_up(self) -> None:
        if not self.pending():
            Path(self._flag).touch()
            self._sync_names()

    def _sync_names(self) -> None:
        """Sync the directory: after a power cut, a file without its name is lost."""
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _set_aside(self, path: Path) -> Path:
        aside = path.with_name(f"{path.stem}.{time.time_ns()}.replay")
        path.rename(aside)
        return aside

    def _files(self, pattern: str = "*.*") -> list[Path]:
        return [p for p in self._directory.glob(pattern) if p.suffix in (".journal", ".replay")]

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _replayer(self) -> Iterator[bool]:
        descriptor = os.open(self._directory / "replayer", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = True
            except BlockingIOError:
                alone = False
            yield alone
        finally:
            os.close(descriptor)
