"""How long a server's certificate is valid, asked of a real TLS server."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import self_signed
from tests.loopback import loopback
from twitter_connector.net.certificate import seconds_left

DAYS = 5


def test_the_rest_of_a_certificates_time_is_told_only_if_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = self_signed(tmp_path, "127.0.0.1", lasts=timedelta(days=DAYS))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with loopback(context) as server:
        assert seconds_left(server.url) is None
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        left = seconds_left(server.url)
    assert left is not None
    assert DAYS * 86400 - 120 < left <= DAYS * 86400


def test_an_address_without_tls_or_without_a_server_has_none() -> None:
    with loopback() as server:
        assert seconds_left(server.url) is None
        closed = server.host
    assert seconds_left(f"https://{closed}/") is None
    assert seconds_left("https:///") is None
