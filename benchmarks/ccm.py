"""A CCM that answers 202 after a delay, or never, and remembers when it heard of which event."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any


class Ccm:
    """Runs in a process of its own; `delay` may be changed at any time, None hangs."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._ready = context.Event()
        self._process = context.Process(target=_serve, args=(theirs, self._ready), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def delay(self, seconds: float | None) -> None:
        """Set what the next requests wait for. Requests that hang are let go."""
        self._ask(("delay", seconds))

    def heard(self) -> dict[str, float]:
        """Return event id -> moment (time.time) of all since the last call."""
        found: dict[str, float] = self._ask(("heard", None))
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()

    def _ask(self, question: tuple[str, Any]) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


def _serve(pipe: Connection, ready: Event) -> None:
    asyncio.run(_Server(pipe).run())


class _Server:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._delay: float | None = 0.0
        self._heard: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, backlog=1024)
        self._pipe.send(server.sockets[0].getsockname()[1])
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._command)
        await server.serve_forever()

    def _command(self) -> None:
        name, value = self._pipe.recv()
        if name == "delay":
            self._delay = value
            self._changed.set()
            self._changed = asyncio.Event()
            self._pipe.send(None)
        else:
            heard, self._heard = self._heard, {}
            self._pipe.send(heard)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET "):
                    # The connector asks for a configuration.
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                message = json.loads(await reader.readexactly(length))
                while self._delay is None:
                    await self._changed.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                self._heard[message["header"]["providerMessageId"]] = time.time()
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
