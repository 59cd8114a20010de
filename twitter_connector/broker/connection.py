"""Creates Redis clients, and turns their errors into StoreUnavailable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError

from twitter_connector.errors import StoreRefused, StoreUnavailable
from twitter_connector.model import sentinel_address

from .changes import Client
from .primary_only import CLASSES, NotPrimary
from .refusals import refusal, suspicion
from .replicas import Replicas
from .sentinels import Sentinels, pool_of

# X waits three seconds for the 200. The web treats a slower broker as away; with redis-py's defaults it would block for
# more than 40 seconds (docs/decisions/0002).
WEB_TIMEOUT_SECONDS = 1.0
WORKER_TIMEOUT_SECONDS = 5.0
_CHECK = "Check that it is running, is the primary, and has free memory and disk space."


def connect(url: str, *, patient: bool, replicas: Replicas | None = None) -> redis.Redis:
    """Return a client that connects when first used.

    patient: for workers, which may repeat a command whose reply was lost, since every script here is safe to
    run twice. The web must answer at once and repeats only what a server that takes no writes has refused.
    replicas: those that must have a change (see changes.py), if any.
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
        client: Any = Client.from_pool(pool_of(address, Sentinels(address), **options))
    else:
        client = Client.from_url(url, **options)
        pool = client.connection_pool
        pool.connection_class = CLASSES.get(pool.connection_class, pool.connection_class)
    client.replicas = replicas
    return cast(redis.Redis, client)


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
        f"The broker did not store or return data ({type(error).__name__}{_words(error)}). "
        + (suspicion(error) or _CHECK),
        ours=True,
    )


def _words(error: redis.RedisError) -> str:
    """Return why a connection failed, in the system's words. Those of the broker may quote what it was asked."""
    if isinstance(error, MasterNotFoundError):
        return ": no sentinel names a primary of this service"
    cause = error.__cause__ or error.__context__
    return f": {cause.strerror}" if isinstance(cause, OSError) and cause.strerror else ""
