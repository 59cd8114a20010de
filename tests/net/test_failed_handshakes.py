"""A request that no encrypted connection came about for was not sent, and the error says why and what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import self_signed
from tests.loopback import Loopback, Reply, loopback
from twitter_connector.net.answers import NotSent
from twitter_connector.net.http_client import HttpClient


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def of(directory: Path, host: str = "127.0.0.1", lasts: timedelta = timedelta(hours=1)) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(directory, host, lasts=lasts))
    return context


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(of(tmp_path)) as started:
        started.answer = lambda _: Reply(200)
        yield started


def failure(url: str) -> str:
    with pytest.raises(NotSent) as failed:
        HttpClient().exchange("POST", url, seconds=10, json={})
    return str(failed.value)


def test_an_authority_that_nobody_named(server: Loopback) -> None:
    assert failure(server.url) == (
        "its certificate is not accepted (self-signed certificate): name the file of its authority in "
        "REQUESTS_CA_BUNDLE"
    )


def test_an_authority_that_is_named(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "public.pem"))
    assert HttpClient().exchange("POST", server.url, seconds=10, json={}).status == 200


@pytest.mark.parametrize(
    ("host", "lasts", "reason"),
    [
        ("127.0.0.1", timedelta(minutes=-1), "certificate has expired"),
        ("192.0.2.1", timedelta(hours=1), "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, lasts: timedelta, reason: str
) -> None:
    with loopback(of(tmp_path, host, lasts)) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "public.pem"))
        assert failure(server.url) == (
            f"its certificate is not accepted ({reason}): correct the certificate or the address"
        )


def test_a_port_without_tls() -> None:
    with loopback() as server:
        assert failure(f"https://{server.host}") == "this port does not speak TLS: correct https:// or the port"


def test_a_file_of_authorities_that_is_not_there(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    assert failure(server.url) == "the file that REQUESTS_CA_BUNDLE names cannot be read"


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"])
def test_a_file_of_authorities_that_has_none(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "empty.pem").write_text(text, "utf-8")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    assert failure(server.url) == "the file that REQUESTS_CA_BUNDLE names has no certificate that can be read"
