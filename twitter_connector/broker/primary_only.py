"""Connections that close when their server is no primary any more, so that the next one leads to the new primary.

After a planned failover the former primary keeps its connections open and answers READONLY to each write.
https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

import re
from typing import Any

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import SentinelManagedConnection

# MASTERDOWN: a replica without a primary. NOREPLICAS: a primary that lost its replicas, perhaps to another primary.
# UNBLOCKED: the end of a blocking command because the server became a replica. Also the words of a refused script or
# transaction contain them.
_CODES = re.compile(r"\b(READONLY|MASTERDOWN|NOREPLICAS|UNBLOCKED)\b")


# What a connection tells the server about redis-py. Without it, each connection reads the version from the files of
# the library, which takes most of the time of making one. An older redis-py has no such option.
_LIBRARY: dict[str, Any] = {"driver_info": redis.DriverInfo()} if hasattr(redis, "DriverInfo") else {}


class NotPrimary(redis.ConnectionError):
    """The server takes no writes. Nothing was changed, and the connection is closed."""


class Unanswered(redis.ConnectionError):
    """The other side took a connection without TLS and closed it without an answer."""


class _ToPrimary(AbstractConnection):
    """Closes itself at an answer that only a primary would not give."""

    _may_lack_tls = False
    _answered = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**_LIBRARY, **options})

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return the next answer. Raises NotPrimary and Unanswered."""
        try:
            answer = super().read_response(*args, **options)
        except (redis.ResponseError, redis.BusyLoadingError) as error:
            self._answered = True
            if not _refuses_writes(error):
                raise
            refused = str(error)
        except redis.ConnectionError as error:
            if self._answered or not self._may_lack_tls or type(error) is not redis.ConnectionError:
                raise
            raise Unanswered(str(error)) from error
        else:
            self._answered = True
            return answer
        self.disconnect()
        # Without its cause: the library counts MASTERDOWN among the errors of a Redis Cluster.
        raise NotPrimary(refused)

    def disconnect(self, *args: Any, **options: Any) -> None:
        """Close the connection. The next one may lead to another server."""
        self._answered = False
        super().disconnect(*args, **options)  # type: ignore[no-untyped-call]


class TcpConnection(_ToPrimary, Connection):
    """A connection over TCP."""

    _may_lack_tls = True


class TlsConnection(_ToPrimary, SSLConnection):
    """A connection over TLS."""


class UnixConnection(_ToPrimary, UnixDomainSocketConnection):
    """A connection over a Unix socket."""


class SentinelTcpConnection(SentinelManagedConnection, TcpConnection):
    """A connection over TCP to the primary that the sentinels name."""


class SentinelTlsConnection(SentinelManagedConnection, TlsConnection):
    """A connection over TLS to the primary that the sentinels name."""


CLASSES: dict[type[Any], type[Any]] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: UnixConnection,
}


def _refuses_writes(error: redis.RedisError) -> bool:
    known = redis.ReadOnlyError, redis.BusyLoadingError, redis.exceptions.MasterDownError
    return isinstance(error, known) or _CODES.search(str(error)) is not None
