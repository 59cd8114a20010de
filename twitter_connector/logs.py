"""Log lines: a constant event name, facts as fields, and a bound context. No message text and no secret.

`log.info("dm_sent", extra={"dm_id": …})`. `bound` adds account, lane and message to every line of a block.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.processors import JSONRenderer

from .log_redaction import Redaction

# Add fields to every line that this thread logs inside the block: `with bound(account="1", lane="1:2"):`.
bound = bound_contextvars

_redaction = Redaction()
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
_OURS = ("twitter_connector", "workers")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
# What a library's argument may look like beside an error: a name, an id, an address, or Celery's own sentence.
_PLAIN = re.compile(r"[\w.:/@*+\-\[\]<>]{1,200}|Trying (again|to reconnect)[\w .()/]{0,80}")
# Libraries that log every request with its URL, which may contain a challenge token, or every Celery task twice.
_CHATTY = ("urllib3", "requests_oauthlib", "oauthlib", "werkzeug", "celery.worker.strategy", "celery.app.trace")


def hide(owner: str, *secrets: str) -> None:
    """Never write these secrets into a log line, from whatever path they come. They replace the owner's former ones."""
    _redaction.hide(owner, secrets)


def configure(level: str, fmt: str, file: str | None = None, warnings: Iterable[str] = ()) -> None:
    """Send all logging to stderr, or to a file, in one format. Call once per process.

    warnings: of variables that have no effect. Each is logged.
    """
    handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if fmt == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    threading.excepthook = _log_dead_thread
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    for warning in warnings:
        logging.getLogger(__name__).warning("variable_has_no_effect", extra={"detail": warning})


def without_controls(text: str) -> str:
    """Return a text that cannot move a terminal's cursor or change its colours. Line breaks become spaces too."""
    return _CONTROLS.sub(" ", text)


def safe_trace(error: BaseException) -> str:
    """Return where an error happened, without its message, which may quote a customer."""
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


def _log_dead_thread(args: threading.ExceptHookArgs) -> None:
    """Log the error that ended a thread; SystemExit is none. Python's own hook prints the error's text."""
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        logging.getLogger(__name__).error("thread_died", exc_info=args.exc_value)


class _Lines(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line: the four that every line has, the context, and the record's own facts."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _event(record),
            "logger": record.name,
            **get_contextvars(),
        }
        if record.name.startswith(_OURS):  # a library's fields may quote an error, as Celery's do
            line.update((k, v) for k, v in record.__dict__.items() if k not in _STANDARD)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = record.exc_info[0].__name__ if record.exc_info[0] else "Exception"
            line["trace"] = safe_trace(record.exc_info[1])
        return line


class _JsonLines(_Lines):
    # One encoder for all lines; json.dumps would make one for each.
    _encode = json.JSONEncoder(default=str, ensure_ascii=True).encode
    _render = JSONRenderer(serializer=lambda fields, **_: _JsonLines._encode(fields))

    def format(self, record: logging.LogRecord) -> str:
        return _redaction.redact(str(self._render(None, "", self.fields(record))))


class _TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        head = f"{fields.pop('timestamp')[11:23]} {fields.pop('level'):7} {fields.pop('event')}"
        name = fields.pop("logger")
        tail = " ".join(f"{k}={v}" for k, v in fields.items())
        # One record is one line and must not move a terminal's cursor. JSON escapes such characters by itself.
        return without_controls(_redaction.redact(f"{head} {tail} ({name})"))
