"""`twitter-connector up` with a key that does not fit what is stored: it says so and serves nothing."""

from __future__ import annotations

import json
import subprocess

import pytest
from cryptography.fernet import Fernet
from tree import Tree

pytestmark = pytest.mark.integration


def refused(tree: Tree, **env: str) -> str:
    """Start with other settings, which must fail soon; return what was said, and leave nothing behind."""
    before = dict(tree.env)
    tree.env.update(env)
    try:
        tree.launch()
        assert tree.supervisor is not None
        try:
            assert tree.supervisor.wait(30) == 1
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it went on:\n{tree.tail()}") from None
    finally:
        tree.env.clear()
        tree.env.update(before)
    assert tree.processes() == {}
    return tree.output()


def test_a_wrong_key_stops_the_start_with_a_sentence_and_the_right_one_goes_on(mortal: Tree) -> None:
    strange, newer = (Fernet.generate_key().decode() for _ in range(2))
    key = (mortal.var_dir / "credentials.key").read_text().strip()
    accounts = mortal.http.get(f"{mortal.url}/accounts", timeout=10).json()["items"]
    assert accounts
    mortal.stop()

    said = refused(mortal, CREDENTIALS_KEY=strange)
    (line,) = [line for line in said.splitlines() if line.startswith("cannot start: ")]
    assert accounts[0]["account_id"] in line
    assert "CREDENTIALS_KEY" in line
    assert strange not in said
    assert key not in said
    assert "Traceback" not in said
    assert "ready: " not in said

    (mortal.var_dir / "credentials.key").write_text("garbage")
    assert "cannot be used as the credentials key" in refused(mortal)
    assert "garbage" not in mortal.output()
    (mortal.var_dir / "credentials.key").write_text(key)

    # A rotation, as the guide says: both keys, seal anew, the new one alone.
    mortal.env["CREDENTIALS_KEY"] = f"{newer},{key}"
    mortal.start()
    assert mortal.cli("credentials", "reseal").returncode == 0
    mortal.stop()
    mortal.env["CREDENTIALS_KEY"] = newer
    mortal.start()
    assert mortal.http.get(f"{mortal.url}/accounts", timeout=10).json()["items"] != []
    assert newer not in mortal.output()

    # Each process alone, as in a deployment of one container for each.
    for part in ("web", "worker"):
        alone = mortal.cli(part, CREDENTIALS_KEY=strange, SANDBOX="1")
        assert alone.returncode == 1
        assert alone.stderr.startswith("error: ")
        assert "CREDENTIALS_KEY" in alone.stderr
        assert strange not in alone.stderr
    looked = mortal.cli("doctor", "--json", CREDENTIALS_KEY=strange)
    assert (looked.returncode, looked.stderr) == (1, "")
    (unread,) = [finding for finding in json.loads(looked.stdout) if finding["what"] == "accounts"]
    assert "CREDENTIALS_KEY" in unread["advice"]
