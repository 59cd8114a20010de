"""Transactions that a person ordered, such as a registration: their answer waits until replicas have them."""

from __future__ import annotations

from typing import Any

import redis
from redis.client import Pipeline

from .replicas import Awaited, Replicas


class Client(redis.Redis):
    """A client that knows for which replicas a change waits. replicas: None if for none."""

    replicas: Replicas | None = None


def replicated(client: redis.Redis) -> Pipeline:
    """Return a transaction. It is executed once the replicas have what it stored, or after half a second.

    `execute` raises redis.RedisError also if the server is lost or silent meanwhile: WatchError if it watched keys.
    """
    return _Change(client, client.replicas if isinstance(client, Client) else None)


class _Change(Pipeline):
    def __init__(self, client: redis.Redis, replicas: Replicas | None) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, True, None)
        self._replicas = replicas

    def _execute_transaction(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        watched = self.watching
        answers: list[Any] = super()._execute_transaction(connection, commands, raise_on_error)
        if self._replicas is not None:
            try:
                # The same connection: another one may lead to a new primary, which lacks what was stored here.
                self._replicas.wait(connection, Awaited.ACCEPTANCE)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                if not watched:
                    raise
                # The new primary may have other values than those that were read.
                connection.disconnect()
                raise redis.WatchError("The server was lost before its replicas had the change.") from error
        return answers
