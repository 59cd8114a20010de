"""Hears of changes that other processes publish, without asking the broker again and again."""

from __future__ import annotations

from typing import Any

import redis

from .connection import store_errors

_ANSWER_SECONDS = 2.0


class Subscription:
    """A subscription to some channels, for one thread. What the broker publishes while nobody is connected is lost, and
    processes of version 0.1.0 publish nothing. So callers read what may have changed after every wait."""

    def __init__(self, client: redis.Redis, *channels: str) -> None:
        self._client = client
        self._channels = channels
        # redis-py does not annotate the methods of its connections.
        self._connection: Any = None

    def wait(self, seconds: float) -> set[str] | None:
        """Wait for messages, or for so many seconds. Return their channels; None, at once, if it has just connected.

        Raises StoreUnavailable: at once when the broker ends, and if the broker does not allow it.
        """
        try:
            with store_errors():
                if self._connection is None:
                    self._connection = self._client.connection_pool.make_connection()
                    # Sending would connect too, but not ask the sentinels where the primary is.
                    self._connection.connect()
                    self._ask("SUBSCRIBE", *self._channels, answers=len(self._channels))
                    return None
                heard: set[str] = set()
                if not self._connection.can_read(timeout=seconds):
                    # A connection that died silently brings no messages.
                    self._ask("PING", answers=1)
                while self._connection.can_read(timeout=0):
                    heard.add(str(self._connection.read_response(push_request=True)[1]))
                return heard
        except BaseException:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.disconnect()
            raise

    def _ask(self, *command: str, answers: int) -> None:
        self._connection.send_command(*command, check_health=False)
        for _ in range(answers):
            if not self._connection.can_read(timeout=_ANSWER_SECONDS):
                raise redis.TimeoutError(f"no answer to {command[0]}")
            self._connection.read_response(push_request=True)
