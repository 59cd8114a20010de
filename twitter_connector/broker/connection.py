"""Creates Redis clients, and turns their errors into StoreUnavailable."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import hiredis
import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from twitter_connector.errors import StoreRefused, StoreUnavailable
from twitter_connector.model import sentinel_address

from .primary_only import CLASSES, NotPrimary
from .refusals import refusal
from .sentinels import Sentinels, pool_of

# X waits three seconds for the 200. The web treats a slower broker as away; with redis-py's defaults it would block for
# more than 40 seconds (docs/decisions/0002).
WEB_TIMEOUT_SECONDS = 1.0
WORKER_TIMEOUT_SECONDS = 5.0


def connect(url: str, *, patient: bool) -> redis.Redis:
    """Return a client that connects when first used.

    patient: for workers, which may repeat a command whose reply was lost, since every script here is safe to
    run twice. The web must answer at once and repeats only what a server that takes no writes has refused.
    """
    if patient:
        retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)
    else:
        retry = Retry(NoBackoff(), 1, supported_errors=(NotPrimary,))
    timeout = WORKER_TIMEOUT_SECONDS if patient else WEB_TIMEOUT_SECONDS
    options: dict[str, Any] = {
        "decode_responses": True,
        "retry": retry,
        "socket_timeout": timeout,
        "socket_connect_timeout": min(timeout, 2.0),
        "health_check_interval": 30,
        "max_connections": 512,
    }
    if sentinel_address.is_sentinel_url(url):
        address = sentinel_address.parse(url)
        return redis.Redis.from_pool(pool_of(address, Sentinels(address), **options))
    client = redis.Redis.from_url(url, **options)
    pool = client.connection_pool
    pool.connection_class = CLASSES.get(pool.connection_class, pool.connection_class)
    return client


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn each error of the broker into StoreUnavailable, also if it is out of memory or loading."""
    try:
        yield
    except redis.RedisError as error:
        raise unavailable(error) from error


def unavailable(error: redis.RedisError) -> StoreUnavailable:
    """Return the error with which this service describes a failed request to the broker."""
    if (known := refusal(error)) is not None:
        return StoreRefused(*known, ours=True)
    return StoreUnavailable(
        "broker_unavailable",
        f"The broker did not store or return data ({type(error).__name__}). Check that it is running, is the primary, "
        "and has free memory and disk space.",
        ours=True,
    )


class Head:
    """The first words of a command, which are the same in every call, encoded once."""

    def __init__(self, words: Sequence[str]) -> None:
        self._count = len(words)
        self._encoded = _encoded(words)

    def command(self, args: Sequence[str | int]) -> bytes:
        """Return the whole command as sent to the server."""
        return b"*%d\r\n%b%b" % (self._count + len(args), self._encoded, _encoded(args))


def _encoded(words: Sequence[str | int]) -> bytes:
    """Return words as the protocol encodes them, without the line that counts them."""
    packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # its stub is too narrow
    return packed[packed.index(b"\r\n") + 2 :]


class Line:
    """One connection a thread, for scripts.

    The pool, retry and instrumentation layers of redis-py cost more than the rest of an acknowledgement together;
    `make bench` shows the difference. What remains is its connection: send, read, decode.
    """

    def __init__(self, client: redis.Redis, *, patient: bool) -> None:
        self._pool = client.connection_pool
        self._local = threading.local()
        self._waits = (0.0, 0.05, 0.2, 0.5) if patient else (0.0,)

    def run(self, source: str, head: Head, args: Sequence[str | int]) -> Any:
        """Return the script's answer. Raises redis.RedisError.

        A connection that turns out to be closed is replaced and the script run again: every script here may run
        twice. A broker that is silent is not asked again, except by those who may wait.
        """
        command = head.command(args)
        for wait in self._waits:
            try:
                return self._ask(source, command)
            except redis.TimeoutError:
                raise
            except redis.ConnectionError:
                time.sleep(wait)
        return self._ask(source, command)

    def _ask(self, source: str, command: bytes) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._pool.make_connection()
            self._local.connected = False
        try:
            if not self._local.connected:
                # Sending would connect too, but not ask the sentinels where the primary is.
                connection.connect()
                self._local.connected = True
            connection.send_packed_command([command], check_health=False)
            try:
                return connection.read_response()
            except redis.exceptions.NoScriptError:
                # The server was restarted: load the script again.
                connection.send_command("SCRIPT", "LOAD", source)
                connection.read_response()
                connection.send_packed_command([command], check_health=False)
                return connection.read_response()
        except redis.ResponseError:
            raise
        except BaseException:
            # An unread answer must not be taken for that of the next script.
            connection.disconnect()
            self._local.connected = False
            raise


class Script:
    """A Lua script called by its digest, with the same keys in every call."""

    def __init__(self, line: Line, source: str, keys: Sequence[str] = ()) -> None:
        self._line = line
        self._source = source
        digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        self._head = Head(("EVALSHA", digest, str(len(keys)), *keys))

    def __call__(self, *args: str | int) -> Any:
        """Run the script and return its answer. Raises StoreUnavailable."""
        with store_errors():
            return self._line.run(self._source, self._head, args)
