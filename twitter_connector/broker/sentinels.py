"""Connections to the primary that Redis Sentinel names, for the store and for Celery."""

from __future__ import annotations

import threading
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from twitter_connector.model.sentinel_address import SentinelAddress

from .primary_only import SentinelTcpConnection, SentinelTlsConnection

# A sentinel that does not answer in time is passed over. The web waits for a second in all.
SENTINEL_TIMEOUT_SECONDS = 0.4


class Sentinels(Sentinel):
    """The sentinels of one address."""

    def __init__(self, address: SentinelAddress) -> None:
        options = parse_url(address.server_url)  # type: ignore[no-untyped-call]
        ssl = {name: value for name, value in options.items() if name.startswith("ssl_")}
        super().__init__(  # type: ignore[no-untyped-call]
            address.sentinels,
            sentinel_kwargs={
                "username": address.sentinel_username or None,
                "password": address.sentinel_password or None,
                "socket_timeout": SENTINEL_TIMEOUT_SECONDS,
                "socket_connect_timeout": SENTINEL_TIMEOUT_SECONDS,
                # The next sentinel is asked instead.
                "retry": Retry(NoBackoff(), 0),
                **({"ssl": True, **ssl} if address.tls else {}),
            },
        )
        self._lock = threading.Lock()

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the primary. Raises redis.ConnectionError.

        The library puts the sentinel that answered in front of the others, which is not safe in threads.
        """
        with self._lock:
            try:
                host, port = super().discover_master(service_name)  # type: ignore[no-untyped-call]
            except MasterNotFoundError as error:
                raise error from self._tls_error(error)
        return str(host), int(port)

    def _tls_error(self, error: MasterNotFoundError) -> redis.ConnectionError | None:
        """Return why TLS with a sentinel failed; None if it did not. The library keeps the text of it only."""
        if "SSL" in str(error):
            for sentinel in self.sentinels:
                try:
                    sentinel.ping()
                except redis.ConnectionError as failed:
                    return failed
        return None


def pool_of(address: SentinelAddress, sentinels: Sentinels, **options: Any) -> SentinelConnectionPool:
    """Return a pool of connections to the primary. options: of the connections, beside those of the URL."""
    from_url = parse_url(address.server_url)  # type: ignore[no-untyped-call]
    # Which server it is, the sentinels say.
    for name in ("host", "port", "connection_class"):
        from_url.pop(name, None)
    connection_class = SentinelTlsConnection if address.tls else SentinelTcpConnection
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]
        address.service, sentinels, **{"connection_class": connection_class, **options, **from_url}
    )
