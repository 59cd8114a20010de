"""Celery's scheduler, which also shows that it runs."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from celery import beat

from .app import settings

# Each touch writes some pages to the disk, and the probe allows twelve minutes: see commands/alive.py.
_TOUCH_SECONDS = 270.0


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Touches Settings.beat_file about every five minutes, for `twitter-connector alive --beat`."""

    _touched_at = -_TOUCH_SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        # Without space on the disk, the schedule goes on and the probe fails.
        if time.monotonic() - self._touched_at >= _TOUCH_SECONDS:
            with suppress(OSError):
                settings.beat_file.touch()
                self._touched_at = time.monotonic()
        return super().tick(*args, **kwargs)
