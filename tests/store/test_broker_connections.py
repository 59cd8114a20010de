"""What making a connection to the broker costs."""

from __future__ import annotations

import pytest

from twitter_connector.broker.connection import connect


@pytest.mark.parametrize("url", ["redis://one", "unix:///one.sock", "redis+sentinel://one/acme/0"])
def test_a_connection_reads_no_file_to_name_its_library(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def version(name: str) -> str:
        read.append(name)
        return "8"

    with connect(url, patient=True) as client:
        monkeypatch.setattr("redis.utils.metadata.version", version)
        client.connection_pool.make_connection()
    assert read == []
