"""The libraries of X Chat and of traces are optional: the service loads neither by itself, and says what is missing."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from twitter_connector.errors import Permanent
from twitter_connector.twitter.chat.library import is_installed, library

ROOT = Path(__file__).parents[1]
EVERYTHING = """
import sys
import wsgi
import workers.tasks
import twitter_connector.bootstrap, twitter_connector.findings.report, twitter_connector.commands.xchat
from twitter_connector.processes import supervisor
assert "twitter_connector.twitter.chat.reader" in sys.modules
optional = ("chat_xdk", "opentelemetry", "twitter_connector.tracing")
print([name for name in sys.modules if name.startswith(optional)])
print([name for name, view in wsgi.app.view_functions.items() if view.__module__.endswith("traced_routes")])
"""


def test_web_worker_and_commands_start_without_loading_them_and_no_route_makes_spans(tmp_path: Path) -> None:
    env = {"VAR_DIR": str(tmp_path), "CCM_URL": "http://127.0.0.1:9/ccm", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[]\n[]\n"), done.stderr


def test_it_is_pinned_exactly_and_apart_from_what_the_service_needs() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["options.extras_require"]["xchat"].strip() == "chatxdk ==0.5.2"
    assert "chatxdk" not in config["options"]["install_requires"]
    assert "chatxdk" not in (ROOT / "requirements.lock").read_text("utf-8")


def test_without_it_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chat_xdk", None)
    assert not is_installed()
    with pytest.raises(Permanent) as caught:
        library()
    assert caught.value.reason == "chat_library_missing"
    assert "twitter-connector[xchat]" in caught.value.detail
