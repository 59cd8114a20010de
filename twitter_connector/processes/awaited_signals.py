"""Waits for signals without waking up meanwhile."""

from __future__ import annotations

import os
import select
import signal


class AwaitedSignals:
    """Ends a wait when a signal arrives that has a Python handler. For the main thread; one per process."""

    def __init__(self) -> None:
        # Python writes a byte for each signal. It also comes if the signal arrives between two waits.
        self._arrived, self._written = os.pipe()
        os.set_blocking(self._arrived, False)
        os.set_blocking(self._written, False)
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)

    @property
    def descriptors(self) -> tuple[int, int]:
        """The file descriptors it uses."""
        return self._arrived, self._written

    def wait(self, seconds: float | None) -> None:
        """Return when a signal has arrived since the last wait, or after so many seconds. None: no limit."""
        if select.select([self._arrived], [], [], seconds)[0]:
            os.read(self._arrived, 4096)
