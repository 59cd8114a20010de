"""CCM, X and a collector of traces for a benchmark: they answer after a delay, or never. Remembers when which message
came."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

_RECEIVED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
# Where X takes Direct Messages, in API v2 and in API v1.1.
_SENDS = b"POST /2/dm_conversations/with/", b"POST /1.1/direct_messages/events/new.json"
_TRACES = b"POST /v1/traces "


class Ccm:
    """Runs in a process of its own; `delay` may be changed at any time, None hangs."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def delay(self, seconds: float | None) -> None:
        """Set what the next requests wait for. Requests that hang are let go."""
        self._ask(("delay", seconds))

    def heard(self) -> dict[str, float]:
        """Return the id of each message, which is the event's id for a customer's and CIM's id for a delivery report,
        with the moment (time.time) at which it was answered; of all since the last call."""
        found: dict[str, float] = self._ask(("heard", None))
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()

    def _ask(self, question: tuple[str, Any]) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


def _serve(pipe: Connection) -> None:
    asyncio.run(_Server(pipe).run())


class _Server:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._delay: float | None = 0.0
        self._heard: dict[str, float] = {}
        self._hanging: list[tuple[_Client, bytes, bytes]] = []
        # X's ids grow with time.
        self._ids = count(int(time.time() * 1000) - 1288834974657 << 22)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._later = loop.call_later
        server = await loop.create_server(partial(_Client, self), "127.0.0.1", 0, backlog=1024)
        self._pipe.send(server.sockets[0].getsockname()[1])
        loop.add_reader(self._pipe.fileno(), self._command)
        await server.serve_forever()

    def asked(self, client: _Client, head: bytes, body: bytes) -> None:
        """Answer one request after the delay."""
        if head.startswith(b"GET "):
            # The connector asks for a configuration.
            client.answer(_NOT_FOUND)
        elif self._delay is None:
            self._hanging.append((client, head, body))
        elif self._delay:
            self._later(self._delay, self._answer, client, head, body)
        else:
            self._answer(client, head, body)

    def _answer(self, client: _Client, head: bytes, body: bytes) -> None:
        if head.startswith(_SENDS):
            client.answer(_sent(str(next(self._ids))))
        elif b" /message/receive " in head:
            self._heard[json.loads(body)["header"]["providerMessageId"]] = time.time()
            client.answer(_RECEIVED)
        elif head.startswith(_TRACES):
            client.answer(_TAKEN)
        else:
            client.answer(_UNAVAILABLE)

    def _command(self) -> None:
        name, value = self._pipe.recv()
        if name == "heard":
            heard, self._heard = self._heard, {}
            self._pipe.send(heard)
            return
        self._delay = value
        hanging, self._hanging = self._hanging, []
        for request in hanging:
            self.asked(*request)
        self._pipe.send(None)


def _sent(dm_id: str) -> bytes:
    """Return X's answer to a message, in the forms of both APIs at once."""
    body = json.dumps({"data": {"dm_event_id": dm_id, "dm_conversation_id": "1-2"}, "event": {"id": dm_id}}).encode()
    return b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class _Client(asyncio.Protocol):
    """One connection. Its requests come one after another."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return
        _, named, length = head.lower().partition(b"content-length:")
        if len(body) >= (int(length.split(b"\r\n")[0]) if named else 0):
            self._received = b""
            self._server.asked(self, head, body)

    def answer(self, answer: bytes) -> None:
        self._transport.write(answer)
