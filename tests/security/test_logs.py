"""What may reach a log line, and in which form: one line each, no secret, no error's text, no cursor moved."""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import Any

import pytest

from twitter_connector import logs
from twitter_connector.log_redaction import Redaction

SECRET = 'secret-with-"quotes"-and-\\-in-it'


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_redaction", Redaction())


@pytest.fixture(params=["json", "text"])
def line(request: pytest.FixtureRequest) -> Any:
    formatter: logging.Formatter = logs._JsonLines() if request.param == "json" else logs._TextLines()

    def write(message: object, *args: Any, name: str = "twitter_connector.x", error: Any = None, **extra: Any) -> str:
        facts: Any = (type(error), error, error.__traceback__) if error else None
        record = logging.LogRecord(name, logging.ERROR, "x.py", 1, message, args, facts)
        record.__dict__.update(extra)
        return formatter.format(record)

    return write


@pytest.mark.parametrize(
    "nasty", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x9b2Jb", "a\x85b", "a\u2028b", "a\u202eb", "a\ud800b"]
)
def test_nothing_makes_two_lines_of_one_or_moves_a_cursor(line: Any, nasty: str) -> None:
    for written in (line("event", field=nasty), line(nasty), line("event", field=[nasty]), line("event", **{nasty: 1})):
        assert len(written.splitlines()) == 1
        assert not [c for c in written if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e\ud800"]
        written.encode()


def test_a_hidden_secret_is_written_in_no_form(line: Any) -> None:
    logs.hide("account 1", SECRET, "", "short")
    for written in (
        line(SECRET),
        line("event", field=SECRET),
        line("event", field={"a": [SECRET]}),
        line("%s", SECRET),
    ):
        assert SECRET not in written
        assert json.dumps(SECRET)[1:-1] not in written
        assert "[hidden]" in written
    assert "short" in line("event", field="short")


def test_an_error_is_told_by_its_kind_and_place_and_not_by_its_words(line: Any) -> None:
    try:
        raise ValueError("the customer wrote: planted text")
    except ValueError as raised:
        error = raised
    written = line("internal_error", error=error)
    assert "planted" not in written
    assert "ValueError" in written
    assert "test_logs.py" in written
    # Libraries put the error's words into their message.
    for words in (("Task failed: %s", error), ("Task failed: %s", repr(error))):
        outcome = line(*words, name="celery.app.trace", error=error)
        assert "planted" not in outcome
        assert "Task failed" in outcome
    assert "planted" not in line("Task %(exc)s", {"exc": repr(error)}, name="celery.app.trace", error=error)
    assert "planted" not in line("retrying after %s", error, name="kombu")
    assert "in 5 s" in line("retrying in %s s", 5, name="kombu")


def test_a_line_of_celery_about_the_broker_is_whole(line: Any) -> None:
    refused = ConnectionError("planted text")
    written = line(
        "consumer: Cannot connect to %s: %s.\n%s\n",
        "redis://:**@127.0.0.1:6379/0",
        refused,
        "Trying again in 2.00 seconds... (1/None)",
        name="celery.worker.consumer.consumer",
    )
    assert "Cannot connect to redis://:**@127.0.0.1:6379/0: ConnectionError." in written
    assert "Trying again in 2.00 seconds... (1/None)" in written
    assert "planted" not in written


def test_a_thread_that_dies_says_so_without_the_errors_words(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.configure("INFO", "json")
    # The handler must write to the stream as it is now.
    root.handlers[0].setStream(sys.__stderr__)  # type: ignore[attr-defined]

    def die() -> None:
        raise RuntimeError("planted text")

    thread = threading.Thread(target=die, name="doomed")
    thread.start()
    thread.join()
    said = capfd.readouterr().err
    assert "thread_died" in said
    assert "RuntimeError" in said
    assert "planted" not in said
