"""The Redis client and the border where its errors become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from twitter_connector.errors import StoreUnavailable

# Twitter waits three seconds for its 200. A broker that takes longer than this is away, as far as the web
# is concerned; redis-py's own default would block for more than forty (docs/decisions/0002).
WEB_TIMEOUT_SECONDS = 1.0
WORKER_TIMEOUT_SECONDS = 5.0


def connect(url: str, *, patient: bool) -> redis.Redis:
    """Return a client that connects when first used.

    patient: for workers, which may repeat a command whose reply was lost, since every script here is safe to
    run twice. The web must answer at once and never repeats.
    """
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3) if patient else Retry(NoBackoff(), 0)
    timeout = WORKER_TIMEOUT_SECONDS if patient else WEB_TIMEOUT_SECONDS
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        retry=retry,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, 2.0),
        health_check_interval=30,
        max_connections=512,
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn whatever the broker did wrong into StoreUnavailable. Out of memory and loading count too."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailable(
            "broker_unavailable",
            f"The broker did not do its part ({type(error).__name__}). Check that it runs, has memory and disk.",
            ours=True,
        ) from error


class Script:
    """A Lua script called by its digest, loaded again when the server has lost it."""

    def __init__(self, client: redis.Redis, source: str) -> None:
        self._run: Callable[..., Any] = client.register_script(source)

    def __call__(self, *args: str | int) -> Any:
        with store_errors():
            return self._run(args=args)
