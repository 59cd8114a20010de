"""gunicorn's threaded worker, which runs a request once all of it has arrived. Reasons: docs/decisions/0018."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from twitter_connector.metrics import REFUSED

from .closing_connections import ClosingConnections
from .problem_bytes import TOO_MUCH, TOO_SLOW, refuse
from .request_bytes import HEAD_MAX_BYTES, REQUEST_SECONDS, Progress, RequestBytes
from .waiting_connections import WaitingConnections

log = logging.getLogger(__name__)

# All unanswered requests of one process together. Above it, only short requests are read.
BUFFERED_MAX_BYTES = 64 * 1024 * 1024
# A caller who reads no answers blocks a thread for so long at most.
_SEND_TIMEOUT = struct.pack("ll", int(REQUEST_SECONDS), 0)
# How long to wait before accepting again if no connection can be given up.
_FULL_SECONDS = 0.05
# Between two log lines about slow callers.
_LOG_SECONDS = 10.0


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Reads requests in the main loop, with a deadline for each, and runs them in threads once they are whole.

    Connections with TLS are left to gunicorn: their bytes cannot be read here.
    """

    def run(self) -> None:
        """Serve until the worker is stopped. gunicorn calls this."""
        self._reading = WaitingConnections(self.poller)
        self._closing = ClosingConnections(self.poller, self._forget)
        # Requests longer than any route accepts have a thread of their own: they only delay one another.
        self._long_requests = ThreadPoolExecutor(max_workers=1)
        self._buffered = 0
        self._slow = 0
        self._logged_at = -_LOG_SECONDS
        super().run()

    # New bytes

    def accept(self, listener: Any) -> None:
        """Accept a connection and read what it has sent already. gunicorn calls this."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        with suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.bytes, conn.counted = RequestBytes(client), 0
        conn.parser = http.get_parser(self.cfg, conn.bytes, address)
        conn.data_ready = True
        self._received(conn)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Read the next request of a connection that was idle. gunicorn calls this."""
        if self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._received(conn)

    def _received(self, conn: Any) -> None:
        """Take what a connection has sent, and decide what happens with it."""
        try:
            progress = conn.bytes.receive()
        except OSError:
            self._forget(conn)
            return
        self._count(conn)
        if self._buffered > BUFFERED_MAX_BYTES and len(conn.bytes) > HEAD_MAX_BYTES:
            refuse(conn.sock, TOO_MUCH)
            self._close(conn)
        else:
            self._sort(conn, progress)

    def _sort(self, conn: Any, progress: Progress) -> None:
        """Run a request, or wait for more of it."""
        if progress is Progress.PARTIAL:
            self._reading.add(conn, selectors.EVENT_READ, self._received, conn.bytes.deadline)
            return
        self._reading.remove(conn)
        if progress is Progress.NOTHING and conn.bytes.ended:
            self._forget(conn)
        elif progress is Progress.NOTHING:
            self._idle(conn)
        elif conn.parser.req_count and not conn.bytes.writable():
            # The caller has not read the answers it has. Another one would block a thread.
            again = partial(self._sort, progress=progress)
            self._reading.add(conn, selectors.EVENT_WRITE, again, conn.bytes.deadline)
        else:
            pool = self._long_requests if progress is Progress.LONG else self.tpool
            future = pool.submit(self.handle, conn)
            future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _idle(self, conn: Any) -> None:
        """Wait for the first byte of a request as long as gunicorn keeps a connection alive."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def _count(self, conn: Any) -> None:
        self._buffered += len(conn.bytes) - conn.counted
        conn.counted = len(conn.bytes)

    # After the answer

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Go on with a connection after its request was answered. gunicorn calls this in the main loop."""
        if self.cfg.is_ssl:
            super().finish_request(conn, fs)
            return
        try:
            if fs.cancelled() or not fs.result():
                self._close(conn)
                return
            progress = conn.bytes.next_request(conn.parser.unreader.take_buffered())
            self._count(conn)
            self._sort(conn, progress)
        except Exception:  # noqa: BLE001 - as gunicorn does: the connection is broken
            self._forget(conn)

    def _close(self, conn: Any) -> None:
        self._reading.remove(conn)
        self._closing.close(conn)

    def _forget(self, conn: Any) -> None:
        """Close a connection at once."""
        self._reading.remove(conn)
        self._buffered -= conn.counted
        self.nr_conns -= 1
        conn.close()

    # Deadlines

    def murder_pending(self) -> None:
        """Give up connections after their deadline. gunicorn calls this at least once a second."""
        super().murder_pending()
        now = time.monotonic()
        self._closing.forget_expired(now)
        for conn in self._reading.expired(now):
            self._say_too_slow(conn)
            self._close(conn)
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        if self._slow and now - self._logged_at >= _LOG_SECONDS:
            log.warning("requests_too_slow", extra={"count": self._slow})
            self._slow, self._logged_at = 0, now

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten all deadlines: the worker stops. gunicorn calls this."""
        super()._cap_keepalive(deadline)
        self._reading.shorten(deadline)

    def _make_room(self) -> None:
        """Give up the connection that has waited longest for the rest of a request, or was idle longest."""
        if self._closing.forget_oldest():
            return
        if (slow := self._reading.oldest()) is not None:
            self._say_too_slow(slow)
            self._forget(slow)
        elif self.keepalived_conns:
            idle = self.keepalived_conns.popleft()
            self.poller.unregister(idle.sock)
            self._forget(idle)
        else:
            time.sleep(_FULL_SECONDS)  # all connections are being answered

    def _say_too_slow(self, conn: Any) -> None:
        self._slow += 1
        REFUSED.labels("slow").inc()
        refuse(conn.sock, TOO_SLOW)
