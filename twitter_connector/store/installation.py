"""Notices a broker that comes back empty, or older than it was.

The broker has a mark, a random id, and two counters that only grow. A file in VAR_DIR has what was seen last, and the
last loss. To start with an empty broker on purpose, delete the file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.var_dir import give_to_owner

log = logging.getLogger(__name__)

FILE = "broker-seen.json"
EMPTY, ANOTHER, OLDER = "empty", "another", "older"
# Without a change the file is written so often: its moment is the start of a gap.
WRITE_EVERY = timedelta(minutes=2)
# For so long a loss is shown, even if no account is missing.
SHOWN = timedelta(hours=24)
_WORDS = {EMPTY: "came back empty", ANOTHER: "is another one than before", OLDER: "came back with older data"}


@dataclass(frozen=True)
class Loss:
    """A loss of the broker's data. since, noticed: epoch ms; until `since` everything was there.

    accounts: ids of registered accounts that are still missing. handled: whether a worker did what can be done.
    nothing_left: accounts are missing, and the broker has no other ones. mark, sequence: of the data that was lost.
    """

    kind: str
    since: int
    noticed: int
    accounts: tuple[str, ...] = ()
    handled: bool = False
    nothing_left: bool = False
    mark: str = ""
    sequence: int = 0

    @property
    def detail(self) -> str:
        """Return what happened and what to do, in some sentences."""
        since = moment(self.since).isoformat(timespec="seconds")
        what = f"The broker {_WORDS[self.kind]}: data stored since {since} may be lost."
        if self.accounts:
            return f"{what} Missing accounts: {', '.join(self.accounts)}. Register them again."
        return f"{what} Messages of customers are read back from X. Compare agents' replies since then with X."


@dataclass(frozen=True)
class _Seen:
    mark: str
    sequence: int
    fence: int
    accounts: tuple[str, ...]
    at: int
    loss: Loss | None = None


class Installation:
    """The broker's identity, as this VAR_DIR knows it. now: the present moment."""

    def __init__(self, client: redis.Redis, directory: Path, now: Callable[[], datetime]) -> None:
        self._client = client
        self._path = directory / FILE
        self._now = now
        self._unwritten = False
        # The result of the last look, for those who must not ask the broker.
        self.last: Loss | None = None

    def look(self) -> Loss | None:
        """Compare the broker with what was seen last. Return the last loss while it matters, otherwise None.

        Logs a new loss. Raises StoreUnavailable.
        """
        with self._file() as file:
            before = _read(file)
            after = self._seen(before)
            self._write(file, before, after)
        self.last = after.loss
        return after.loss

    def handled(self) -> None:
        """Record that a worker did what can be done about the last loss."""
        with self._file() as file:
            seen = _read(file)
            if seen is not None and seen.loss is not None:
                self._write(file, seen, replace(seen, loss=replace(seen.loss, handled=True)))

    def _seen(self, before: _Seen | None) -> _Seen:
        mark = uuid4().hex
        with store_errors(), self._client.pipeline(transaction=True) as pipe:
            pipe.get(keys.INSTALLATION)
            pipe.set(keys.INSTALLATION, mark, nx=True)
            pipe.mget(keys.SEQUENCE, keys.FENCE)
            pipe.hkeys(keys.ACCOUNTS)
            pipe.smembers(keys.UNREGISTERED)
            stored, _, counters, accounts, unregistered = pipe.execute()
        sequence, fence = (int(counter or 0) for counter in counters)
        now = epoch_ms(self._now())
        after = _Seen(stored or mark, sequence, fence, tuple(sorted(accounts)), now)
        if before is None:
            return after
        loss = before.loss
        if loss is not None and stored == loss.mark and sequence >= loss.sequence:
            log.warning("broker_data_back", extra={"kind": loss.kind})
            return after
        kind = _kind(before, after, stored)
        if kind:
            known = set(before.accounts) | set(loss.accounts if loss else ())
            missing = tuple(sorted(known - set(accounts) - set(unregistered)))
            former = loss if loss is not None and loss.nothing_left else before
            loss = Loss(kind, before.at, now, missing, mark=former.mark, sequence=former.sequence)
            log.error("broker_lost_data", extra={"kind": kind, "detail": loss.detail, "missing": list(loss.accounts)})
        elif loss is not None:
            loss = replace(loss, accounts=tuple(sorted(set(loss.accounts) - set(accounts) - set(unregistered))))
            if not loss.accounts and self._now() - moment(loss.noticed) > SHOWN:
                loss = None
        if loss is not None:
            loss = replace(loss, nothing_left=bool(loss.accounts) and not accounts)
        return replace(after, loss=loss)

    @contextmanager
    def _file(self) -> Iterator[int | None]:
        """Yield the file, locked: nobody else reads the broker meanwhile. Yield None if it cannot be opened."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield None
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            give_to_owner(file, self._path.parent)
            yield file
        finally:
            os.close(file)

    def _write(self, file: int | None, before: _Seen | None, after: _Seen) -> None:
        recent = before is not None and abs(after.at - before.at) < WRITE_EVERY / timedelta(milliseconds=1)
        if file is None or (recent and before == replace(after, at=before.at if before else 0)):
            return
        text = json.dumps(asdict(after)).encode()
        try:
            if os.pwrite(file, text, 0) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(file, len(text))
        except OSError as error:
            if not self._unwritten:
                detail = {"path": str(self._path), "error": error.strerror}
                log.warning("broker_mark_not_written", extra=detail)
            self._unwritten = True
        else:
            self._unwritten = False


def _kind(before: _Seen, after: _Seen, stored: str | None) -> str:
    """Return how the broker lost data, or "" if it did not."""
    if not stored:
        return EMPTY
    if after.mark != before.mark:
        return ANOTHER
    return OLDER if after.sequence < before.sequence or after.fence < before.fence else ""


def _read(file: int | None) -> _Seen | None:
    """Return what was seen last, or None if nothing was."""
    if file is None:
        return None
    try:
        # What lies behind the first value is the rest of a longer one, left by a process that was killed.
        row, _ = json.JSONDecoder().raw_decode(os.pread(file, 1 << 24, 0).decode())
        loss = row.pop("loss")
        seen = _Seen(**{**row, "accounts": tuple(row["accounts"])})
        return replace(seen, loss=Loss(**{**loss, "accounts": tuple(loss["accounts"])}) if loss else None)
    except (ValueError, TypeError, KeyError, OSError):
        return None
