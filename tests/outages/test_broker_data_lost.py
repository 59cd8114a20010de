"""The service on an embedded broker whose files are gone: it stops with one line, and goes on when they are back."""

from __future__ import annotations

import pytest
from tree import Tree, can_look_at_processes, eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not can_look_at_processes(), reason="processes are found through /proc"),
]


def test_a_start_without_the_brokers_files_stops_with_one_line_and_goes_on_with_them() -> None:
    tree = Tree()
    try:
        tree.start()
        accounts = [a["account_id"] for a in tree.http.get(f"{tree.url}/accounts", timeout=10).json()["items"]]
        assert accounts
        seen = tree.var_dir / "broker-seen.json"
        eventually(lambda: seen.exists() and accounts[0] in seen.read_text(), what="a look at the accounts")
        tree.stop()
        (tree.var_dir / "broker").rename(tree.var_dir / "away")
        tree.launch()
        assert tree.supervisor is not None
        assert tree.supervisor.wait(30) == 1
        (line,) = [line for line in tree.output().splitlines() if line.startswith("cannot start: ")]
        assert "came back empty" in line
        assert accounts[0] in line
        assert tree.processes() == {}
        (tree.var_dir / "broker").rename(tree.var_dir / "empty")
        (tree.var_dir / "away").rename(tree.var_dir / "broker")
        tree.start()
        assert "remarks" not in tree.http.get(f"{tree.url}/health/ready", timeout=10).json()
    finally:
        tree.close()
