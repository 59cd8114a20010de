"""Celery's consumer with remote control on a connection of its own, short waits before it connects again, and rests.

Celery listens for remote control on the connection that fetches tasks. If the broker dies while a task is in work, the
listener is the first to notice it. Celery then closes the connection twice, kombu raises AttributeError, and the worker
ends with status 1 (https://github.com/celery/kombu/issues/582). Without the listener it reconnects.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

from celery import bootsteps
from celery.exceptions import WorkerShutdown
from celery.signals import task_received
from celery.worker import state
from celery.worker.consumer import Consumer as CelerysConsumer
from celery.worker.consumer.control import Control as CelerysControl
from celery.worker.pidbox import gPidbox
from kombu.asynchronous import get_event_loop

log = logging.getLogger(__name__)
# Celery waits two seconds more after each failure, up to 30. A failover behind one address takes a moment only.
RECONNECT_FIRST_SECONDS, RECONNECT_LONGEST_SECONDS = 0.2, 1.0
# How long remote control and the event loop wait for something to happen.
REST_SECONDS = 5.0
BUSY_SECONDS = 1.0
_CELERYS_STEP = "celery.worker.consumer.control:Control"


class _RemoteControl(gPidbox):  # type: ignore[misc]
    """Celery's remote control for greenlets, in a thread."""

    def _answer(self, c: CelerysConsumer, shutdown: threading.Event) -> None:
        """Answer until the consumer stops. As Celery's `loop`, which wakes up every second."""
        resets = self._resets
        with c.connection_for_read() as connection:
            self._do_reset(c, connection)
            while not shutdown.is_set() and c.connection:
                if resets < self._resets:
                    resets += 1
                    self._do_reset(c, connection)
                with suppress(TimeoutError):
                    connection.drain_events(timeout=REST_SECONDS)

    def start(self, c: CelerysConsumer) -> None:
        shutdown = self._node_shutdown = threading.Event()
        threading.Thread(target=self._run, args=(c, shutdown), name="remote-control", daemon=True).start()

    def stop(self, c: CelerysConsumer) -> None:
        # The thread closes its connection itself, when it next wakes up.
        if self._node_shutdown is not None:
            self._node_shutdown.set()
        self.consumer = self.node.channel = None

    shutdown = stop

    def _run(self, c: CelerysConsumer, shutdown: threading.Event) -> None:
        while not shutdown.is_set() and c.connection:
            try:
                self._answer(c, shutdown)
            except WorkerShutdown:
                # `celery control shutdown`. The exception would end this thread only, and the worker would go on.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            except Exception as error:
                # The broker may be away for this connection only, and Celery starts the step again with its own.
                log.warning("remote_control_stopped", exc_info=error)
                shutdown.wait(RECONNECT_LONGEST_SECONDS)


class Control(CelerysControl):  # type: ignore[misc]
    """The step of the consumer that starts and stops remote control."""

    def __init__(self, c: CelerysConsumer, **options: Any) -> None:
        super().__init__(c, **options)
        self.box = _RemoteControl(c)
        self.start, self.stop, self.shutdown = self.box.start, self.box.stop, self.box.shutdown


class EndWaiting(bootsteps.StartStopStep):  # type: ignore[misc]
    """Ends a BRPOP that waits in the broker when the worker stops. kombu would wait for its answer.

    A wake-up that comes at this moment is lost, and the sweeper of another worker repeats it.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def stop(self, c: CelerysConsumer) -> None:
        """Called by Celery, before it closes the channel."""
        connection = c.task_consumer.channel.client.connection if c.task_consumer else None
        if connection is not None:
            connection.disconnect()


class Consumer(CelerysConsumer):  # type: ignore[misc]
    """Celery's consumer with `Control` in place of Celery's step, and an event loop that sleeps at rest. It tries to
    connect every second at least."""

    _ticking = False

    def register_with_event_loop(self, hub: Any) -> None:
        """Called by Celery when it is connected."""
        super().register_with_event_loop(hub)
        self._ticking = False
        # Every second, kombu renews the bindings of queues that expire. None of these does.
        timer = getattr(self.connection.transport.cycle, "_binding_expiry_tref", None)
        if timer is not None:
            timer.cancel()

    def tick_while_busy(self) -> None:
        """Wake the event loop every second while a task is in work: it may have to fetch tasks again after one ends."""
        self._ticking = self.hub is not None and bool(state.reserved_requests)
        if self._ticking:
            self.hub.call_later(BUSY_SECONDS, self.tick_while_busy)

    def received(self) -> None:
        """Note that a task was received."""
        if not self._ticking:
            self.tick_while_busy()

    class Blueprint(CelerysConsumer.Blueprint):  # type: ignore[misc]
        """The steps of the consumer."""

        default_steps = (
            *(
                f"{__name__}:Control" if step == _CELERYS_STEP else step
                for step in CelerysConsumer.Blueprint.default_steps
            ),
            f"{__name__}:EndWaiting",
        )

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it is connected. Celery offers no setting for the waits."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_FIRST_SECONDS,
            interval_step=RECONNECT_FIRST_SECONDS,
            interval_max=RECONNECT_LONGEST_SECONDS,
        )
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Called by Celery when it could not connect. Celery waits for a broker that is away, but not for one that
        answers with an error."""
        super().on_connection_error_before_connected(exc)
        refused = isinstance(exc, self.channel_errors)
        time.sleep(RECONNECT_LONGEST_SECONDS if refused else RECONNECT_FIRST_SECONDS)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Called by Celery when it lost the connection, or the broker refused a request."""
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.channel_errors):
            time.sleep(RECONNECT_LONGEST_SECONDS)


@task_received.connect  # type: ignore[untyped-decorator]
def _received(sender: Any = None, **_: Any) -> None:
    if isinstance(sender, Consumer):
        sender.received()


def wake_event_loop() -> None:
    """Have Celery's event loop look whether the worker is to stop. For signal handlers of the main thread."""
    hub = get_event_loop()
    if hub is not None:
        # The loop's own thread cannot wake it.
        threading.Thread(target=hub.call_soon, args=(lambda: None,), name="wake-event-loop", daemon=True).start()
