"""A sentinel and the server that it names, both by TLS: for the store and for Celery.

The bundled server has no TLS, so a door in front of each takes it off.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.brokers import services_of, settings_in
from tests.certificates import self_signed
from tests.sentinel_group import SERVICE, Server
from tests.tree import free_ports
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.work import Direction, Entry
from twitter_connector.queue.wakeups import celery_app

_TLS_RECORD = b"\x16"


class TlsDoor:
    """An address that speaks TLS with those who begin so, and leaves the others alone: a sentinel speaks without."""

    def __init__(self, port: int, certificate: Path) -> None:
        self._leads_to = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, certificate.with_name("private.pem"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.encrypted = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with suppress(OSError):
            if client.recv(1, socket.MSG_PEEK) == _TLS_RECORD:
                client = self._tls.wrap_socket(client, server_side=True)
                self.encrypted += 1
            with client, socket.create_connection(("127.0.0.1", self._leads_to)) as server:
                while True:
                    for source in select.select([client, server], [], [])[0]:
                        data = source.recv(65536)
                        if not data:
                            return
                        (server if source is client else client).sendall(data)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate"), "127.0.0.1")[0]


@pytest.fixture(scope="module")
def doors(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TlsDoor, TlsDoor]]:
    """Run a server and its sentinel. Return the doors of both."""
    directory = tmp_path_factory.mktemp("tls")
    server_port, sentinel_port = free_ports(2)
    to_server, to_sentinel = TlsDoor(server_port, certificate), TlsDoor(sentinel_port, certificate)
    server = Server(directory / "server", server_port, 'save ""')
    sentinel = Server(directory / "sentinel", sentinel_port, f"sentinel monitor {SERVICE} 127.0.0.1 {to_server.port} 1")
    try:
        server.start()
        sentinel.start()
        yield to_server, to_sentinel
    finally:
        for process in (sentinel, server):
            process.kill()
        for door in (to_sentinel, to_server):
            door.close()


def url(door: TlsDoor, authority: Path) -> str:
    return f"rediss+sentinel://127.0.0.1:{door.port}/{SERVICE}/0?ssl_ca_certs={quote(str(authority), safe='')}"


def test_store_and_celery_encrypt_both_connections(
    doors: tuple[TlsDoor, TlsDoor], certificate: Path, tmp_path: Path
) -> None:
    to_server, to_sentinel = doors
    settings = settings_in(tmp_path, REDIS_URL=url(to_sentinel, certificate))
    services = services_of(settings)
    assert services.lanes.accept([Entry(Direction.IN, "1", "ada", "1", "p")]) == [True]
    stored = (to_server.encrypted, to_sentinel.encrypted)
    assert min(stored) >= 1
    services.redis.close()
    with celery_app(settings, patient=False) as app:
        app.send_task("workers.upkeep.look_after", queue="upkeep")
    assert to_server.encrypted > stored[0]


def test_a_certificate_that_nobody_vouches_for_is_named_within_seconds(
    doors: tuple[TlsDoor, TlsDoor], tmp_path: Path
) -> None:
    stranger = self_signed(tmp_path, "127.0.0.1")[0]
    services = services_of(settings_in(tmp_path, REDIS_URL=url(doors[1], stranger)))
    since = time.monotonic()
    with pytest.raises(StoreUnavailable, match="certificate"):
        services.heartbeats.store()
    assert time.monotonic() - since < 5
    services.redis.close()
