"""The service on an embedded broker whose files are gone: it stops with one line, and goes on when they are back."""

from __future__ import annotations

import pytest
from tree import Tree, eventually

pytestmark = pytest.mark.integration


def test_a_start_without_the_brokers_files_stops_with_one_line_and_goes_on_with_them(mortal: Tree) -> None:
    accounts = [a["account_id"] for a in mortal.http.get(f"{mortal.url}/accounts", timeout=10).json()["items"]]
    assert accounts
    seen = mortal.var_dir / "broker-seen.json"
    eventually(lambda: seen.exists() and accounts[0] in seen.read_text(), what="a look at the accounts")
    mortal.stop()
    (mortal.var_dir / "broker").rename(mortal.var_dir / "away")
    mortal.launch()
    assert mortal.supervisor is not None
    assert mortal.supervisor.wait(30) == 1
    (line,) = [line for line in mortal.output().splitlines() if line.startswith("cannot start: ")]
    assert "came back empty" in line
    assert accounts[0] in line
    assert mortal.processes() == {}
    (mortal.var_dir / "broker").rename(mortal.var_dir / "empty")
    (mortal.var_dir / "away").rename(mortal.var_dir / "broker")
    mortal.start()
    assert "remarks" not in mortal.http.get(f"{mortal.url}/health/ready", timeout=10).json()
