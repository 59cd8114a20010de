"""kombu's Redis transports with connections that find the primary again after a failover.

Celery names a transport by the scheme of the broker's URL: https://docs.celeryq.dev/projects/kombu/en/stable/
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombus
from redis.connection import ConnectionPool

from twitter_connector.broker.primary_only import (
    SentinelTcpConnection,
    SentinelTlsConnection,
    TcpConnection,
    TlsConnection,
)
from twitter_connector.broker.sentinels import Sentinels, pool_of
from twitter_connector.model import sentinel_address
from twitter_connector.model.sentinel_address import SentinelAddress


def broker_options(redis_url: str) -> tuple[str, dict[str, Any]]:
    """Return the broker URL for Celery, and the transport options that belong to it."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"
    if redis_url.startswith("unix://"):
        return f"redis+socket{redis_url.removeprefix('unix')}", {}
    if not sentinel_address.is_sentinel_url(redis_url):
        return redis_url, {}
    address = sentinel_address.parse(redis_url)
    # Celery gets one sentinel and no password: our channel reads the address. Its log shows the URL.
    host, port = address.sentinels[0]
    shown = f"[{host}]" if ":" in host else host
    return f"sentinel://{shown}:{port}/{address.database}", {"master_name": address.service, "address": address}


class Channel(kombus.Channel):
    """A channel whose connections close when the server takes no writes."""

    connection_class = TcpConnection
    connection_class_ssl = TlsConnection


class Transport(kombus.Transport):
    """Redis at one address."""

    Channel = Channel


class SentinelChannel(kombus.SentinelChannel):
    """A channel to the primary that the sentinels name."""

    from_transport_options = (*kombus.SentinelChannel.from_transport_options, "address")  # type: ignore[assignment]
    address: SentinelAddress

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> ConnectionPool:
        self.connection_class = SentinelTlsConnection if self.address.tls else SentinelTcpConnection
        options: dict[str, Any] = self._connparams(asynchronous)  # type: ignore[no-untyped-call]
        sentinels = Sentinels(self.address)
        # kombu closes them with the channel.
        setattr(self, "_async_sentinel_manager" if asynchronous else "_sentinel_manager", sentinels)
        for name in ("host", "port", "username", "password", "db"):
            options.pop(name, None)
        return pool_of(self.address, sentinels, **options)


class SentinelTransport(kombus.SentinelTransport):
    """Redis behind Sentinel."""

    Channel = SentinelChannel
