"""Celery's scheduler, which also shows that it runs, and stops at any moment."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import Any, NoReturn

from celery import beat
from celery.signals import beat_init

from twitter_connector.processes.awaited_signals import AwaitedSignals

# Each touch writes some pages to the disk, and the probe allows twelve minutes: see commands/alive.py.
_TOUCH_SECONDS = 270.0


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Touches Settings.beat_file about every five minutes, for `twitter-connector alive --beat`."""

    _touched_at = -_TOUCH_SECONDS
    _signals: AwaitedSignals | None = None
    _stopping = False

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Start the work that is due, and wait until more is. Return 0: Celery need not wait."""
        # Without space on the disk, the schedule goes on and the probe fails.
        if time.monotonic() - self._touched_at >= _TOUCH_SECONDS:
            with suppress(OSError):
                self.app.conf.beat_file.touch()
                self._touched_at = time.monotonic()
        seconds = super().tick(*args, **kwargs)
        if self._signals is None:
            return seconds
        self._signals.wait(max(0.0, seconds or 0.0))
        if self._stopping:
            raise SystemExit
        return 0.0

    def stop_on_signals(self) -> None:
        """Stop at SIGTERM and SIGINT. Celery's handlers raise SystemExit, too; but Python discards an exception that is
        raised while a destructor runs, and Celery would go on."""
        self._signals = AwaitedSignals()
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, *_: object) -> NoReturn:
        self._stopping = True
        raise SystemExit  # ends the waits of a broker that is away


@beat_init.connect  # type: ignore[untyped-decorator]
def _stop_on_signals(sender: beat.Service, **_: Any) -> None:
    sender.scheduler.stop_on_signals()
