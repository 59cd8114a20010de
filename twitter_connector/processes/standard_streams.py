"""Standard input, output and error of a process that was started with some of them closed."""

from __future__ import annotations

import os


def open_closed_streams() -> None:
    """Open the null device for each of the three that is closed. Otherwise the next file takes its number.

    Call this before anything opens a file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest free number.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
