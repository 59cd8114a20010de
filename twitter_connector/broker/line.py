"""Runs scripts, with as little as possible between them and the socket."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import hiredis
import redis

from .connection import store_errors
from .replicas import Awaited, Replicas, replicas_reached


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

    def __init__(self, client: redis.Redis, *, patient: bool, replicas: Replicas | None = None) -> None:
        """replicas: those that must have what is stored, if any."""
        self._pool = client.connection_pool
        self._local = threading.local()
        self._waits = (0.0, 0.05, 0.2, 0.5) if patient else (0.0,)
        self._replicas = replicas
        self._waiting: set[Any] = set()
        # Called with each new connection before its first script. Raises redis.RedisError.
        self.greeting: Callable[[Any], None] = lambda connection: None

    def run(self, source: str, head: Head, args: Sequence[str | int]) -> Any:
        """Return the script's answer. Raises redis.RedisError.

        A connection that turns out to be closed is replaced and the script run again: every script here may run
        twice. A broker that is silent is not asked again, except by those who may wait.
        """
        return self._run(source, head.command(args), b"")[0]

    def run_replicated(self, source: str, head: Head, args: Sequence[str | int], awaited: Awaited) -> Any:
        """Return the script's answer once the replicas have what it stored, or after half a second.

        Raises redis.RedisError, also if the server is lost while its replicas are waited for.
        """
        if self._replicas is None:
            return self.run(source, head, args)
        answer, reached = self._run(source, head.command(args), self._replicas.command)
        self._replicas.note(awaited, reached)
        return answer

    def _run(self, source: str, command: bytes, wait_command: bytes) -> tuple[Any, int]:
        for wait in self._waits:
            try:
                return self._ask(source, command, wait_command)
            except redis.TimeoutError:
                raise
            except redis.ConnectionError:
                time.sleep(wait)
        return self._ask(source, command, wait_command)

    def wait(self, key: str, seconds: float) -> bool:
        """Wait for a value in a list and remove it. Return False if none came in this time.

        Raises redis.RedisError, also if `end_waits` is called.
        """
        with self._connection() as connection:
            self._waiting.add(connection)
            try:
                connection.send_command("BRPOP", key, seconds, check_health=False)
                return connection.read_response() is not None
            finally:
                self._waiting.discard(connection)

    def end_waits(self) -> None:
        """End the waits of all threads. Safe in a signal handler."""
        for connection in list(self._waiting):
            with suppress(OSError, AttributeError):  # it was closed in this moment
                connection._sock.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def one_connection(self) -> Iterator[None]:
        """Open a new connection for this thread, and raise redis.ConnectionError in the block once it is lost.

        Another one may lead to a new primary, which lacks what its predecessor stored last.
        """
        self._local.connected = False
        with self._connection():
            pass
        self._local.no_other = True
        try:
            yield
        finally:
            self._local.no_other = False

    def _ask(self, source: str, command: bytes, wait_command: bytes) -> tuple[Any, int]:
        with self._connection() as connection:
            try:
                return _exchange(connection, command, wait_command)
            except redis.exceptions.NoScriptError:
                # The server was restarted: load the script again.
                connection.send_command("SCRIPT", "LOAD", source)
                connection.read_response()
                return _exchange(connection, command, wait_command)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Yield this thread's connection, connected. Close it after an error that leaves an answer unread."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._pool.make_connection()
            self._local.connected = False
        try:
            if not self._local.connected:
                if getattr(self._local, "no_other", False):
                    raise redis.ConnectionError("The connection was lost.")
                connection.disconnect()
                # Sending would connect too, but not ask the sentinels where the primary is.
                connection.connect()
                self.greeting(connection)
                self._local.connected = True
            yield connection
        except redis.ResponseError:
            raise
        except BaseException:
            # An unread answer must not be taken for that of the next script.
            connection.disconnect()
            self._local.connected = False
            raise


def _exchange(connection: Any, command: bytes, wait_command: bytes) -> tuple[Any, int]:
    """Return the answers to a script and to WAIT, if it is sent. Raises redis.RedisError."""
    connection.send_packed_command([command + wait_command], check_health=False)
    if not wait_command:
        return connection.read_response(), 0
    try:
        answer = connection.read_response()
    except redis.ResponseError:
        replicas_reached(connection)
        raise
    return answer, replicas_reached(connection)


class Script:
    """A Lua script called by its digest, with the same keys in every call."""

    def __init__(self, line: Line, source: str, keys: Sequence[str] = (), *, awaited: Awaited | None = None) -> None:
        """awaited: replicas must have what it stored, if any are wanted."""
        self._run = line.run if awaited is None else partial(line.run_replicated, awaited=awaited)
        self._source = source
        digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        self._head = Head(("EVALSHA", digest, str(len(keys)), *keys))

    def __call__(self, *args: str | int) -> Any:
        """Run the script and return its answer. Raises StoreUnavailable."""
        with store_errors():
            return self._run(self._source, self._head, args)
