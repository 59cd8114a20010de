"""gunicorn starts itself or its workers anew: at SIGUSR2, and where a file was changed (`--reload`)."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import gunicorn
import pytest
import requests
from tree import environment, eventually, free_ports

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


APPLICATION = """
import flask
app = flask.Flask(__name__)
app.add_url_rule("/", view_func=lambda: "{answer}")
"""


@pytest.mark.parametrize(
    ("flags", "variables"),
    [(["--reload"], {}), ([], {"GUNICORN_CMD_ARGS": "--threads 2 --reload"})],
    ids=["a flag", "the variable"],
)
def test_a_changed_file_is_served_soon_with_reload_and_is_no_error(
    flags: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    module, (port,) = tmp_path / "changing.py", free_ports(1)
    module.write_text(APPLICATION.format(answer="first"))
    options = [
        "-c",
        "python:twitter_connector.processes.gunicorn_conf",
        "-w",
        "1",
        *flags,
        "--chdir",
        str(tmp_path),
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{port}", "changing:app"],
            env=environment(SANDBOX="1", VAR_DIR=str(tmp_path / "var"), **variables),
            stderr=log,
        )

    def answers(text: str) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).text == text
        except OSError:
            return False

    def changed() -> bool:
        # gunicorn looks once a second. What changes before it has looked for the first time is no change to it.
        module.touch()
        return answers("another one")

    try:
        eventually(lambda: answers("first"), what="the first answer")
        module.write_text(APPLICATION.format(answer="another one"))
        eventually(changed, what="the new code")
    finally:
        process.terminate()
        process.wait(20)
    assert "thread_died" not in (tmp_path / "log").read_text()
