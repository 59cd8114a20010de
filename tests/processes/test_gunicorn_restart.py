"""SIGUSR2 has gunicorn start its successor with the command line that started it."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import gunicorn
import pytest

FOLDER = gunicorn.__path__[0]


@pytest.mark.parametrize(
    ("typed", "restarted"),
    [
        ([f"{FOLDER}/__main__.py", "-w", "2", "wsgi:app"], ["-m", "gunicorn", "-w", "2", "wsgi:app"]),
        (["/opt/bin/gunicorn", "wsgi:app"], ["/opt/bin/gunicorn", "wsgi:app"]),
    ],
    ids=["python -m gunicorn", "gunicorn"],
)
def test_the_successor_is_started_as_this_one_was(
    typed: list[str], restarted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The module reads the settings when it is imported.
    monkeypatch.setenv("CCM_URL", "http://127.0.0.1:9")
    pre_exec = importlib.import_module("twitter_connector.processes.gunicorn_conf").pre_exec
    arbiter = SimpleNamespace(START_CTX={"args": [sys.executable, *typed]})
    pre_exec(arbiter)
    assert arbiter.START_CTX["args"] == [sys.executable, *restarted]
