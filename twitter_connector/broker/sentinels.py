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

from .primary_only import CLASSES, SentinelTcpConnection, SentinelTlsConnection, Unanswered

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
        self._tls = address.tls
        for sentinel in self.sentinels:
            pool = sentinel.connection_pool
            pool.connection_class = CLASSES.get(pool.connection_class, pool.connection_class)

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the primary. Raises redis.ConnectionError.

        The library puts the sentinel that answered in front of the others, which is not safe in threads.
        """
        with self._lock:
            try:
                host, port = super().discover_master(service_name)  # type: ignore[no-untyped-call]
                return str(host), int(port)
            except MasterNotFoundError as error:
                not_found = error
            # Outside the block above, so that neither error is the cause of the other's cause.
            raise not_found from self._why(not_found)

    def _why(self, error: MasterNotFoundError) -> redis.RedisError | None:
        """Return why TLS with a sentinel failed, or that it may need TLS; None if it is something else.

        The library keeps only the names of the sentinels' errors.
        """
        if not self._tls:
            return Unanswered() if Unanswered.__name__ in str(error) else None
        for sentinel in self.sentinels:
            try:
                sentinel.ping()
            except (redis.ConnectionError, redis.TimeoutError) as failed:
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
