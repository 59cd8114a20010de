"""The sandbox on a machine without the library of X Chat."""

import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sandbox_process import V2_PAIR

from sandbox.app import create_app
from sandbox.state import Options, Sandbox


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of a sandbox that cannot load the library."""
    monkeypatch.setitem(sys.modules, "chat_xdk", None)
    options = Options("http://127.0.0.1:1", "http://127.0.0.1:2/twitter-connector", tmp_path)
    app = create_app(Sandbox(options))
    app.config["SERVER_NAME"] = "127.0.0.1:1"
    return app.test_client()


def test_ordinary_messages_pass_and_x_chat_says_what_is_missing(client: FlaskClient) -> None:
    missing = client.get("/_sandbox/x-chat").get_json()["missing"]
    assert "package chatxdk" in missing
    assert "make xchat" in missing
    refused = client.post("/_sandbox/x-chat", json=V2_PAIR)
    assert (refused.status_code, refused.get_json()) == (503, {"error": missing})
    written = client.post("/_sandbox/customer/messages", json={**V2_PAIR, "text": "in the open"})
    assert (written.status_code, written.get_json()["text"]) == (201, "in the open")
    shown = client.get("/_sandbox/conversation", query_string=V2_PAIR).get_json()["phone"]
    assert [one["text"] for one in shown] == ["in the open"]
