"""`twitter-connector up` with a key that does not fit what is stored: it says so and serves nothing."""

from __future__ import annotations

import json
import subprocess

import pytest
from cryptography.fernet import Fernet
from tree import Tree, can_look_at_processes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not can_look_at_processes(), reason="processes are found through /proc"),
]


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


def test_a_wrong_key_stops_the_start_with_a_sentence_and_the_right_one_goes_on() -> None:
    tree = Tree()
    strange, newer = (Fernet.generate_key().decode() for _ in range(2))
    try:
        tree.start()
        key = (tree.var_dir / "credentials.key").read_text().strip()
        accounts = tree.http.get(f"{tree.url}/accounts", timeout=10).json()["items"]
        assert accounts
        tree.stop()

        said = refused(tree, CREDENTIALS_KEY=strange)
        (line,) = [line for line in said.splitlines() if line.startswith("cannot start: ")]
        assert accounts[0]["account_id"] in line
        assert "CREDENTIALS_KEY" in line
        assert strange not in said
        assert key not in said
        assert "Traceback" not in said
        assert "ready: " not in said

        (tree.var_dir / "credentials.key").write_text("garbage")
        assert "cannot be used as the credentials key" in refused(tree)
        assert "garbage" not in tree.output()
        (tree.var_dir / "credentials.key").write_text(key)

        # A rotation, as the guide says: both keys, seal anew, the new one alone.
        tree.env["CREDENTIALS_KEY"] = f"{newer},{key}"
        tree.start()
        assert tree.cli("credentials", "reseal").returncode == 0
        tree.stop()
        tree.env["CREDENTIALS_KEY"] = newer
        tree.start()
        assert tree.http.get(f"{tree.url}/accounts", timeout=10).json()["items"] != []
        assert newer not in tree.output()

        # Each process alone, as in a deployment of one container for each.
        for part in ("web", "worker"):
            alone = tree.cli(part, CREDENTIALS_KEY=strange, SANDBOX="1")
            assert alone.returncode == 1
            assert alone.stderr.startswith("error: ")
            assert "CREDENTIALS_KEY" in alone.stderr
            assert strange not in alone.stderr
        looked = tree.cli("doctor", "--json", CREDENTIALS_KEY=strange)
        assert (looked.returncode, looked.stderr) == (1, "")
        (unread,) = [finding for finding in json.loads(looked.stdout) if finding["what"] == "accounts"]
        assert "CREDENTIALS_KEY" in unread["advice"]
    finally:
        tree.close()
