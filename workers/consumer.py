"""Celery's consumer with remote control on a connection of its own, and short waits before it connects again.

Celery listens for remote control on the connection that fetches tasks. If the broker dies while a task is in work, the
listener is the first to notice it. Celery then closes the connection twice, kombu raises AttributeError, and the worker
ends with status 1 (https://github.com/celery/kombu/issues/582). Without the listener it reconnects.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any

from celery.worker.consumer import Consumer as CelerysConsumer
from celery.worker.consumer.control import Control as CelerysControl
from celery.worker.pidbox import gPidbox

log = logging.getLogger(__name__)
# Celery waits two seconds more after each failure, up to 30. A failover behind one address takes a moment only.
RECONNECT_FIRST_SECONDS, RECONNECT_LONGEST_SECONDS = 0.2, 1.0
_CELERYS_STEP = "celery.worker.consumer.control:Control"


class _RemoteControl(gPidbox):  # type: ignore[misc]
    """Celery's remote control for greenlets, in a thread."""

    def start(self, c: CelerysConsumer) -> None:
        threading.Thread(target=self._run, args=(c,), name="remote-control", daemon=True).start()

    def stop(self, c: CelerysConsumer) -> None:
        # The thread closes its connection itself.
        self.on_stop()
        self.consumer = self.node.channel = None

    shutdown = stop

    def _run(self, c: CelerysConsumer) -> None:
        try:
            self.loop(c)
        except Exception as error:
            log.warning("remote_control_stopped", exc_info=error)


class Control(CelerysControl):  # type: ignore[misc]
    """The step of the consumer that starts and stops remote control."""

    def __init__(self, c: CelerysConsumer, **options: Any) -> None:
        super().__init__(c, **options)
        self.box = _RemoteControl(c)
        self.start, self.stop, self.shutdown = self.box.start, self.box.stop, self.box.shutdown


class Consumer(CelerysConsumer):  # type: ignore[misc]
    """Celery's consumer with `Control` in place of Celery's step. It tries to connect every second at least."""

    class Blueprint(CelerysConsumer.Blueprint):  # type: ignore[misc]
        """The steps of the consumer."""

        default_steps = tuple(
            f"{__name__}:Control" if step == _CELERYS_STEP else step for step in CelerysConsumer.Blueprint.default_steps
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
