"""How the service logs: a constant event, facts as fields, and a bound context. Never a text, never a secret.

`log.info("dm_sent", extra={"dm_id": …})`; the context (account, lane, message) is bound once per piece of work.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_context: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated
_secrets: set[str] = set()
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
_OURS = ("twitter_connector", "workers")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
# What a library's argument may look like beside an error: a name, an id, an address, or Celery's own sentence.
_PLAIN = re.compile(r"[\w.:/@*+\-\[\]<>]{1,200}|Trying (again|to reconnect)[\w .()/]{0,80}")
# Shorter strings would blank out ordinary words; no credential of Twitter's or ours is that short.
_SECRET_MIN_LENGTH = 8


def hide(*secrets: str) -> None:
    """Remember strings that must never be written, whatever the path by which they reach a log line."""
    found = [s for s in secrets if len(s) >= _SECRET_MIN_LENGTH]
    # As they are, and as JSON and Python write them.
    _secrets.update(found, (json.dumps(s)[1:-1] for s in found), (repr(s)[1:-1] for s in found))


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields to every line logged inside the block, by this thread."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def configure(level: str, fmt: str, file: str | None = None) -> None:
    """Send all logging to stderr, or to a file, in one format. Call once per process."""
    handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if fmt == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    threading.excepthook = _thread_died
    # These describe every request with its URL, which may carry a challenge token.
    # Celery tells of every doorbell twice; the messages themselves are logged by the relay.
    chatty_ones = ("urllib3", "requests_oauthlib", "oauthlib", "werkzeug", "celery.worker.strategy", "celery.app.trace")
    for chatty in chatty_ones:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def safe_trace(error: BaseException) -> str:
    """Return where an error happened, without its message: an exception's text may quote a customer's."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))


def _event(record: logging.LogRecord) -> str:
    """Return the message of a record. If a library quotes an error in it, only the error's class is in the result:
    its text may be a customer's."""
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    errors = [a for a in arguments if isinstance(a, BaseException)]
    if record.exc_info and record.exc_info[1] is not None:
        errors.append(record.exc_info[1])
    if not errors or record.name.startswith(_OURS):
        return record.getMessage()
    if isinstance(record.args, dict):
        return str(record.msg) % {name: _without_quotes(value, errors) for name, value in record.args.items()}
    return str(record.msg) % tuple(_without_quotes(value, errors) for value in record.args or ())


def _without_quotes(argument: object, errors: list[BaseException]) -> object:
    """Return an argument of a library's log line if it cannot quote an error; otherwise its class, or "..."."""
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if isinstance(argument, int | float):
        return argument
    text = str(argument)
    words = {str(word) for error in errors for link in _chain(error) for word in (link, *link.args)}
    quotes = any(word and word in text for word in words)
    return text if _PLAIN.fullmatch(text) and not quotes else "..."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _thread_died(args: threading.ExceptHookArgs) -> None:
    """Log what ended a thread. Python's own way prints the error's text."""
    if args.exc_value is not None:
        logging.getLogger(__name__).error("thread_died", exc_info=args.exc_value)


class _Lines(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _event(record),
            "logger": record.name,
            **_context.get(),
        }
        if record.name.startswith(_OURS):  # a library's fields may quote an error, as those of Celery do
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
        tail = " ".join(f"{k}={v}" for k, v in fields.items())
        # A line must stay one, and must not move a terminal's cursor; JSON escapes all that by itself.
        return _CONTROLS.sub(" ", self.redacted(f"{head} {tail} ({name})"))
