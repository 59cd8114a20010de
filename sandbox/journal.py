"""Persistent state: JSON documents in one SQLite file, written in the background.

A record is a dataclass. It is read when it is written to disk, so several changes within a moment cost one write.
A killed process can lose its last tenth of a second; a record is never half written. While the disk is full, changes
stay in memory and are written once it has space.
"""

import json
import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# How long to wait before a failed write is tried again.
RETRY_SECONDS = 1.0


class StateInUse(Exception):
    """Raised when another sandbox uses the folder, or it cannot be written."""


class Journal:
    """Keeps records by kind and key. Records must replace their nested values, never change them in place."""

    def __init__(self, path: Path, delay_seconds: float = 0.1, retry_seconds: float = RETRY_SECONDS) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._delay_seconds = delay_seconds
        self._retry_seconds = retry_seconds
        self._dirty: dict[tuple[str, str], object | None] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._work = threading.Event()
        self._db = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
        try:
            # Two processes that write to one file would each lose the other's records.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS documents (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"
            )
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise StateInUse(f"{path.parent} cannot be written ({error}); free disk space") from None
            raise StateInUse(f"another sandbox is using {path.parent}") from None
        threading.Thread(target=self._write_behind, name="journal", daemon=True).start()

    def save(self, kind: str, key: str, record: object) -> None:
        """Save the record soon, over an earlier one of the same key."""
        self._note(kind, key, record)

    def delete(self, kind: str, key: str) -> None:
        """Delete the record soon."""
        self._note(kind, key, None)

    def load(self, kind: str) -> list[dict[str, Any]]:
        """Return every record of the kind, in the order of their keys read as numbers."""
        with self._writing:
            rows = self._db.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY length(id), id", (kind,)
            ).fetchall()
        return [json.loads(body) for (body,) in rows]

    def clear(self) -> None:
        """Delete all records at once."""
        with self._writing, self._lock:
            self._dirty.clear()
            self._db.execute("DELETE FROM documents")

    def flush(self) -> None:
        """Save all changes; return when they are on disk. Raises sqlite3.Error if the disk refuses; the changes then
        stay in memory."""
        with self._writing:
            with self._lock:
                batch, self._dirty = self._dirty, {}
            if not batch:
                return
            kept = [
                (kind, key, json.dumps(vars(record), separators=(",", ":")))
                for (kind, key), record in batch.items()
                if record is not None
            ]
            dropped = [place for place, record in batch.items() if record is None]
            try:
                self._db.execute("BEGIN")
                self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kept)
                self._db.executemany("DELETE FROM documents WHERE kind = ? AND id = ?", dropped)
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                with self._lock:
                    # Changes made meanwhile are newer.
                    self._dirty = {**batch, **self._dirty}
                raise

    def _note(self, kind: str, key: str, record: object | None) -> None:
        with self._lock:
            self._dirty[kind, key] = record
        if not self._work.is_set():
            self._work.set()

    def _write_behind(self) -> None:
        pause = threading.Event()
        failing = False
        while True:
            self._work.wait()
            pause.wait(self._retry_seconds if failing else self._delay_seconds)
            self._work.clear()
            try:
                self.flush()
            except sqlite3.Error as error:
                if not failing:
                    log.error("the sandbox cannot save its state (%s); it keeps running and tries again", error)
                failing = True
                self._work.set()
            else:
                if failing:
                    log.warning("the sandbox has saved its state")
                failing = False
