"""Celery's scheduler, which also shows that it runs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from celery import beat

from .app import settings


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Touches Settings.beat_file about once a minute, for `twitter-connector alive --beat`."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        # Without space on the disk, the schedule goes on and the probe fails.
        with suppress(OSError):
            settings.beat_file.touch()
        return super().tick(*args, **kwargs)
