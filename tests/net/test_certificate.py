"""How long a server's certificate is valid, asked of a real TLS server."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.loopback import loopback
from twitter_connector.net.certificate import seconds_left

DAYS = 5


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 that ends in five days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def test_the_rest_of_a_certificates_time_is_told_only_if_it_is_trusted(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
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
