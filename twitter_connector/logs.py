"""How the service logs: a constant event, facts as fields, and a bound context. Never a text, never a secret.

`log.info("dm_sent", extra={"dm_id": …})`; the context (account, lane, message) is bound once per piece of work.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_context: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated
_secrets: set[str] = set()
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
# Shorter strings would blank out ordinary words; no credential of Twitter's or ours is that short.
_SECRET_MIN_LENGTH = 8


def hide(*secrets: str) -> None:
    """Remember strings that must never be written, whatever the path by which they reach a log line."""
    _secrets.update(s for s in secrets if len(s) >= _SECRET_MIN_LENGTH)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields to every line logged inside the block, by this thread."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def configure(level: str, fmt: str) -> None:
    """Send all logging to stderr in one format. Call once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if fmt == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These describe every request with its URL, which may carry a challenge token.
    # Celery tells of every doorbell twice; the messages themselves are logged by the relay.
    chatty_ones = ("urllib3", "requests_oauthlib", "oauthlib", "werkzeug", "celery.worker.strategy", "celery.app.trace")
    for chatty in chatty_ones:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def safe_trace(error: BaseException) -> str:
    """Return where an error happened, without its message: an exception's text may quote a customer's."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))


class _Lines(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **_context.get(),
        }
        found.update((k, v) for k, v in record.__dict__.items() if k not in _STANDARD)
        if record.exc_info and record.exc_info[1] is not None:
            found["error"] = record.exc_info[0].__name__ if record.exc_info[0] else "Exception"
            found["trace"] = safe_trace(record.exc_info[1])
        return found

    def redacted(self, line: str) -> str:
        for secret in tuple(_secrets):
            if secret in line:
                line = line.replace(secret, "[hidden]")
        return line


class _JsonLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        return self.redacted(json.dumps(self.fields(record), default=str, ensure_ascii=True))


class _TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        head = f"{fields.pop('at')[11:23]} {fields.pop('level'):7} {fields.pop('event')}"
        name = fields.pop("logger")
        tail = " ".join(f"{k}={str(v).replace(chr(10), ' ')}" for k, v in fields.items())
        return self.redacted(f"{head} {tail} ({name})".replace("\n", " "))
